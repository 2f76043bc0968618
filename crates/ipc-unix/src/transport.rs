//! The transport: what it can do, binding, connecting.

use std::io;

use ipc_core::inspect::Place;
use ipc_core::{
    BindOptions, Capabilities, ConnectOptions, Connection, Endpoint, Error, ImpersonationLevel,
    Listener, Mode, Operation, Peer, Result, Transport,
};

use crate::address::Address;
use crate::connect;
use crate::identity::{self, ActAs};
use crate::inspect;
use crate::listener::{Settings, UnixListener};
use crate::mechanism::{Mechanism, OpensBy};
use crate::sys::poller::Poller;
use crate::sys::sendfile;
use crate::sys::socket::{HAS_MESSAGES, Kind};
use crate::{MAX_MESSAGE, SCHEME, switch};

/// Unix domain sockets.
///
/// # Platform differences
/// | | Linux | macOS, FreeBSD |
/// |---|---|---|
/// | messages (`Mode::Messages`), abstract names (`unix:@name`), `send_file`, parking | yes | no |
/// | acting as the peer | yes | no |
/// | a full backlog | `connect` waits for room | `connect` finds nobody |
///
/// # Examples
/// ```
/// use ipc_core::{BindOptions, ConnectOptions, Deadline, Transport};
/// use ipc_unix::UnixTransport;
///
/// # let place = tempfile::tempdir().expect("a directory");
/// # let at = format!("unix:{}/echo.sock", place.path().display());
/// let transport = UnixTransport::new().mode(0o660);
/// let listener = transport.bind(&at.parse()?, &BindOptions::new())?;
/// let client = transport.connect(&at.parse()?, &ConnectOptions::new())?;
/// let server = listener.accept(Deadline::NEVER)?;
///
/// client.write_all(b"hello", Deadline::NEVER)?;
/// let mut read = [0; 5];
/// server.read_exact(&mut read, Deadline::NEVER)?;
/// assert_eq!(&read, b"hello");
/// assert_eq!(server.peer()?.pid(), Some(std::process::id()));
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct UnixTransport {
    mode: Option<u32>,
    group: Option<u32>,
    backlog: u32,
    act_as: ActAs,
    mechanism: Mechanism,
}

impl UnixTransport {
    /// The mode of socket files unless [`mode`](Self::mode) says otherwise.
    pub const DEFAULT_MODE: u32 = 0o600;

    /// How many peers may wait to be accepted unless [`backlog`](Self::backlog) says otherwise.
    /// Source: Linux, `net.core.somaxconn`, which is the upper limit there.
    pub const DEFAULT_BACKLOG: u32 = 4096;

    /// The mode of socket files that are given to a [`group`](Self::group) unless
    /// [`mode`](Self::mode) says otherwise.
    pub const DEFAULT_MODE_OF_GROUP: u32 = 0o660;

    /// A transport with the defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            mode: None,
            group: None,
            backlog: Self::DEFAULT_BACKLOG,
            act_as: ActAs::default(),
            mechanism: Mechanism::default(),
        }
    }

    /// Sets the mode of the socket files that are bound: who may write one may connect. Default:
    /// [`DEFAULT_MODE`](Self::DEFAULT_MODE), this user alone, or with a group
    /// [`DEFAULT_MODE_OF_GROUP`](Self::DEFAULT_MODE_OF_GROUP). The process's umask has no say.
    ///
    /// Binding refuses bits other than `0o777`, and any mode for an abstract name, which has no
    /// file.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Sets the group of the socket files that are bound, whose members may connect as far as the
    /// mode lets them. They have it before anybody can connect. Default: what the system gives a new
    /// file.
    ///
    /// Binding refuses a group that this process may not give away (its own ones, without
    /// privilege), and any group for an abstract name, which has no file.
    /// [`UnixAccounts::group_id`](crate::UnixAccounts::group_id) finds one by its name.
    #[must_use]
    pub fn group(mut self, gid: u32) -> Self {
        self.group = Some(gid);
        self
    }

    /// Sets how many peers may wait to be accepted; the system may allow fewer. Default:
    /// [`DEFAULT_BACKLOG`](Self::DEFAULT_BACKLOG).
    #[must_use]
    pub fn backlog(mut self, peers: u32) -> Self {
        self.backlog = peers;
        self
    }

    /// Sets whom a server acts as although it would be refused by default. Default: nobody.
    #[must_use]
    pub fn act_as(mut self, act_as: ActAs) -> Self {
        self.act_as = act_as;
        self
    }

    /// Sets by which mechanism a server opens files as its peers. Default: [`Mechanism::Auto`].
    ///
    /// Binding refuses [`Mechanism::Request`] where files cannot be opened so.
    #[must_use]
    pub fn mechanism(mut self, mechanism: Mechanism) -> Self {
        self.mechanism = mechanism;
        self
    }

    /// By which mechanism a server that binds here and now opens files as its peers.
    ///
    /// The first call of a process, or its first bind, tries requests: it makes two files in a
    /// private directory below the temporary one and removes them. So ask before this process is
    /// fenced in. Where requests fail later, a warning (`tracing`) says so and the thread becomes the
    /// peer for each open, for a while.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where no thread can become a peer; one of kind
    /// [`Unsupported`](ipc_core::ErrorKind::Unsupported) with the reason where
    /// [`Mechanism::Request`] was asked for and cannot be had.
    ///
    /// # Examples
    /// ```
    /// use ipc_unix::{Mechanism, OpensBy, UnixTransport};
    ///
    /// let transport = UnixTransport::new().mechanism(Mechanism::Thread);
    /// # if cfg!(target_os = "linux") {
    /// assert_ne!(transport.opens_by()?, OpensBy::Request);
    /// # }
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    pub fn opens_by(&self) -> Result<OpensBy> {
        if !switch::can_run_as_peer() {
            return Err(Error::Unsupported { operation: Operation::RunAsPeer });
        }
        self.mechanism.opens_by().map_err(|why| cannot_request(None, why))
    }

    fn settings(&self, at: &Endpoint, options: &BindOptions) -> Result<Settings> {
        let default_mode =
            if self.group.is_some() { Self::DEFAULT_MODE_OF_GROUP } else { Self::DEFAULT_MODE };
        let mode = self.mode.unwrap_or(default_mode);
        if mode & !0o777 != 0 {
            let reason = format!("the mode of a socket has bits of 777 only, not {mode:o}");
            return Err(Error::InvalidInput { reason });
        }
        if (self.mode.is_some() || self.group.is_some()) && Address::is_abstract(at) {
            let reason = format!("`{at}` has no file, so it can have no mode and no group");
            return Err(Error::InvalidInput { reason });
        }
        let kind = kind_of(options.mode, Operation::Bind)?;
        let opening = self.mechanism.choose().map_err(|why| cannot_request(Some(at), why))?;
        let (group, backlog, act_as) = (self.group, self.backlog, self.act_as.clone());
        Ok(Settings { kind, mode, group, backlog, act_as, opening })
    }
}

impl Default for UnixTransport {
    fn default() -> Self {
        Self::new()
    }
}

impl Transport for UnixTransport {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    fn capabilities(&self) -> Capabilities {
        let mut can = Capabilities::default();
        can.run_as_peer = switch::can_run_as_peer();
        can.identity = true;
        can.half_close = true;
        can.send_file = sendfile::EXISTS;
        can.handles = true;
        can.max_message = HAS_MESSAGES.then_some(MAX_MESSAGE);
        can.parking = Poller::EXISTS;
        can
    }

    fn this_process(&self) -> Result<Peer> {
        identity::this_process()
    }

    fn bind(&self, at: &Endpoint, options: &BindOptions) -> Result<Box<dyn Listener>> {
        let settings = self.settings(at, options)?;
        Ok(Box::new(UnixListener::bind(at, options, settings)?))
    }

    fn connect(&self, to: &Endpoint, options: &ConnectOptions) -> Result<Box<dyn Connection>> {
        let kind = kind_of(options.mode, Operation::Connect)?;
        if options.level == ImpersonationLevel::Delegation {
            // There is no way on to other machines here, and less must not pass for it.
            return Err(Error::Unsupported { operation: Operation::Connect });
        }
        Ok(Box::new(connect::connect(to, kind, options)?))
    }

    fn inspect(&self, at: &Endpoint, options: &ConnectOptions) -> Result<Vec<Place>> {
        inspect::inspect(at, kind_of(options.mode, Operation::Connect)?, options)
    }
}

fn kind_of(mode: Mode, operation: Operation) -> Result<Kind> {
    match mode {
        Mode::Bytes => Ok(Kind::Stream),
        Mode::Messages if HAS_MESSAGES => Ok(Kind::Messages),
        Mode::Messages => Err(Error::Unsupported { operation }),
    }
}

fn cannot_request(at: Option<&Endpoint>, why: &str) -> Error {
    let reason = format!("files cannot be opened by request: {why}");
    let source = io::Error::new(io::ErrorKind::Unsupported, reason);
    Error::Io { operation: Operation::Bind, at: at.map(Endpoint::to_string), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t15_no_order_of_the_setters_loses_one() {
        let setters: [fn(UnixTransport) -> UnixTransport; 5] = [
            |transport| transport.mode(0o640),
            |transport| transport.group(5),
            |transport| transport.backlog(7),
            |transport| transport.act_as(ActAs::default().root(true).sandboxed(true)),
            |transport| transport.mechanism(Mechanism::Thread),
        ];
        let settled = |order: [usize; 5]| {
            order.iter().fold(UnixTransport::new(), |transport, at| setters[*at](transport))
        };
        let expected = UnixTransport {
            mode: Some(0o640),
            group: Some(5),
            backlog: 7,
            act_as: ActAs::default().root(true).sandboxed(true),
            mechanism: Mechanism::Thread,
        };
        for order in orders() {
            assert_eq!(format!("{:?}", settled(order)), format!("{expected:?}"), "{order:?}");
        }
        assert_eq!(orders().count(), 120);
    }

    /// Every order of five.
    fn orders() -> impl Iterator<Item = [usize; 5]> {
        let any = (0..3125).map(|n| [n % 5, n / 5 % 5, n / 25 % 5, n / 125 % 5, n / 625]);
        any.filter(|order| (0..5).all(|one| order.contains(&one)))
    }
}

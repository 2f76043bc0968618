//! The transport: what it can do, binding, connecting.

use ipc_core::inspect::Place;
use ipc_core::{
    BindOptions, Capabilities, ConnectOptions, Connection, Endpoint, Error, Listener, Operation,
    Peer, Result, Transport,
};

use crate::listener::{PipeListener, Settings};
use crate::security::Acl;
use crate::sys::handles;
use crate::{MAX_MESSAGE, SCHEME, connect, identity, inspect, switch};

/// Named pipes: `pipe:name`, `pipe://host/name`, and bare names on Windows.
///
/// Who serves on another machine is vouched for by nobody here, so that only a client whose
/// [`server`](ConnectOptions::server) policy admits anybody connects to a `pipe://host/name`.
///
/// # Platform differences
/// - The name of a listener is free again when the connections that it accepted are closed as well.
/// - There is no half-close. A peer that died looks like one that has closed.
/// - What is accepted by a write may wait in this process for the peer to read: close a connection
///   whose last bytes must arrive, do not just drop it.
///
/// # Examples
/// ```
/// use ipc_core::{BindOptions, ConnectOptions, Deadline, Transport};
/// use ipc_windows::{Acl, Group, PipeTransport};
///
/// # let at = format!("pipe:doc-{}", std::process::id());
/// let transport = PipeTransport::new().security(Acl::owner().allow(Group::Interactive));
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
pub struct PipeTransport {
    security: Acl,
    remote_clients: bool,
    backlog: u32,
    most_connections: u32,
    buffer: u32,
    pass_handles: bool,
}

impl PipeTransport {
    /// How many peers may wait to be accepted unless [`backlog`](Self::backlog) says otherwise.
    pub const DEFAULT_BACKLOG: u32 = 64;

    /// The smallest backlog: with a single instance the name would be free for the moment in which
    /// it is handed out.
    pub const MIN_BACKLOG: u32 = 2;

    /// How many bytes a pipe holds in each direction unless [`buffer`](Self::buffer) says otherwise.
    pub const DEFAULT_BUFFER: u32 = 64 * 1024;

    /// A transport with the defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            security: Acl::default(),
            remote_clients: false,
            backlog: Self::DEFAULT_BACKLOG,
            most_connections: Settings::UNLIMITED,
            buffer: Self::DEFAULT_BUFFER,
            pass_handles: false,
        }
    }

    /// Sets who may connect to the pipes that are bound, and who may serve them. Default:
    /// [`Acl::owner`].
    #[must_use]
    pub fn security(mut self, security: Acl) -> Self {
        self.security = security;
        self
    }

    /// Sets whether clients on other machines may connect, if [`security`](Self::security) lets them.
    /// Default: no (`PIPE_REJECT_REMOTE_CLIENTS`), and a list that is not given as text denies logons
    /// over the network besides.
    #[must_use]
    pub fn remote_clients(mut self, allowed: bool) -> Self {
        self.remote_clients = allowed;
        self
    }

    /// Sets how many peers may wait to be accepted; [`MIN_BACKLOG`](Self::MIN_BACKLOG) at least. As
    /// many instances of the pipe are kept for them. Default:
    /// [`DEFAULT_BACKLOG`](Self::DEFAULT_BACKLOG).
    #[must_use]
    pub fn backlog(mut self, peers: u32) -> Self {
        self.backlog = peers;
        self
    }

    /// Sets how many connections a listener may have at once, those that wait to be accepted
    /// included: 2 to 254. The system keeps to it for all servers of one name. Default: as many as
    /// there is memory for.
    ///
    /// When all are taken `accept` fails, and who connects waits until one is closed.
    #[must_use]
    pub fn most_connections(mut self, connections: u32) -> Self {
        self.most_connections = connections;
        self
    }

    /// Sets how many bytes a pipe holds in each direction before a write has to wait for a read. The
    /// system takes the memory when there are bytes. Default:
    /// [`DEFAULT_BUFFER`](Self::DEFAULT_BUFFER).
    #[must_use]
    pub fn buffer(mut self, bytes: u32) -> Self {
        self.buffer = bytes;
        self
    }

    /// Sets whether connections can pass handles, where that is [asked for](BindOptions::handles).
    /// Default: no.
    ///
    /// What is passed reads a file and does no more, and still it is off by default, for two reasons.
    /// On Windows a handle is a way to the file itself: whoever has one for reading can have the
    /// system open the file again for writing (`ReOpenFile`), which is decided by their own rights
    /// and needs no path to the file. And it takes the server's right to reach into its client's
    /// process (`PROCESS_DUP_HANDLE`), with which it can take from it whatever that has open: a
    /// server has it over its own user's processes, and one that is an administrator over others.
    ///
    /// The server does the passing in both directions, for a client has no such right. It reaches
    /// into no process but the one that the system names as the client's, and only if that runs as the
    /// client does: with its user, logon, groups and integrity level, and restricted by the same. Of a
    /// client on another machine it would name a process of that machine, so transports that let
    /// [those](Self::remote_clients) in do not pass handles. A client takes nothing under a number
    /// that a handle of its own has. A
    /// handle that was passed to it and that it never claims stays open until its process ends.
    ///
    /// The files must be open for reading with all of `FILE_GENERIC_READ`, as the standard library
    /// opens them.
    #[must_use]
    pub fn pass_handles(mut self, pass: bool) -> Self {
        self.pass_handles = pass;
        self
    }

    fn settings(&self, options: &BindOptions) -> Result<Settings> {
        let refuse = |reason: String| Err(Error::InvalidInput { reason });
        if self.backlog < Self::MIN_BACKLOG {
            return refuse(format!("a backlog has at least {}", Self::MIN_BACKLOG));
        }
        if options.handles && self.remote_clients {
            return refuse(
                "handles pass to no other machine: bind without remote clients".to_owned(),
            );
        }
        let most = self.most_connections;
        if most != Settings::UNLIMITED && !(Self::MIN_BACKLOG..Settings::UNLIMITED).contains(&most)
        {
            return refuse(format!(
                "a limit of connections is {} to {}, not {most}",
                Self::MIN_BACKLOG,
                Settings::UNLIMITED - 1
            ));
        }
        Ok(Settings {
            security: self.effective_security(),
            remote_clients: self.remote_clients,
            mode: options.mode,
            handles: options.handles,
            backlog: self.backlog.min(most_waiting(most)),
            most,
            buffer: self.buffer,
        })
    }

    fn effective_security(&self) -> Acl {
        let security = self.security.clone();
        if self.remote_clients { security.for_remote_clients() } else { security }
    }
}

impl Default for PipeTransport {
    fn default() -> Self {
        Self::new()
    }
}

impl Transport for PipeTransport {
    fn scheme(&self) -> &'static str {
        SCHEME
    }

    fn capabilities(&self) -> Capabilities {
        let mut can = Capabilities::default();
        can.run_as_peer = switch::can_run_as_peer();
        can.identity = true;
        can.max_message = Some(MAX_MESSAGE);
        can.parking = true;
        can.handles = self.pass_handles;
        can
    }

    fn this_process(&self) -> Result<Peer> {
        identity::this_process()
    }

    fn bind(&self, at: &Endpoint, options: &BindOptions) -> Result<Box<dyn Listener>> {
        if options.handles && !self.pass_handles {
            return Err(Error::Unsupported { operation: Operation::Bind });
        }
        Ok(Box::new(PipeListener::bind(at, &self.settings(options)?)?))
    }

    fn connect(&self, to: &Endpoint, options: &ConnectOptions) -> Result<Box<dyn Connection>> {
        if options.handles && !self.pass_handles {
            return Err(Error::Unsupported { operation: Operation::Connect });
        }
        Ok(Box::new(connect::connect(to, options)?))
    }

    fn inspect(&self, at: &Endpoint, options: &ConnectOptions) -> Result<Vec<Place>> {
        inspect::inspect(at, options)
    }
}

/// How many handles this process has open, of any kind.
#[must_use]
pub fn open_handles() -> Option<usize> {
    usize::try_from(handles::count()?).ok()
}

/// The system's own limit of instances, which `most` may be, is for none.
fn most_waiting(most: u32) -> u32 {
    if most == Settings::UNLIMITED { u32::MAX } else { most }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Group;
    use crate::testing::permutations;

    #[test]
    fn t15_no_order_of_the_setters_loses_one() {
        let setters: [fn(PipeTransport) -> PipeTransport; 6] = [
            |transport| transport.security(Acl::owner().allow(Group::Users)),
            |transport| transport.remote_clients(true),
            |transport| transport.backlog(7),
            |transport| transport.most_connections(9),
            |transport| transport.buffer(11),
            |transport| transport.pass_handles(true),
        ];
        let settled = |order: &[usize]| {
            let set = |transport, at: &usize| setters[*at](transport);
            let transport = order.iter().fold(PipeTransport::new(), set);
            let settings = transport.settings(&BindOptions::new()).expect("good");
            format!("{transport:?} {settings:?}")
        };
        let expected = settled(&[0, 1, 2, 3, 4, 5]);
        let kept = ["remote_clients: true", "backlog: 7", "most: 9", "buffer: 11"];
        assert!(kept.iter().all(|setting| expected.contains(setting)), "{expected}");
        for order in permutations(setters.len()) {
            assert_eq!(settled(&order), expected, "{order:?}");
        }
    }

    #[test]
    fn t14_remote_clients_are_let_in_only_where_that_was_asked_for() {
        let plain = PipeTransport::new();
        assert_eq!(plain.effective_security(), Acl::owner());
        assert!(!plain.settings(&BindOptions::new()).expect("good").remote_clients);
        let open = plain.remote_clients(true);
        assert_eq!(open.effective_security(), Acl::owner().for_remote_clients());
        assert_eq!(open.remote_clients(false).effective_security(), Acl::owner());
    }

    #[test]
    fn t42_no_handle_is_passed_where_a_client_may_be_on_another_machine() {
        let transport = PipeTransport::new().pass_handles(true);
        let handles = BindOptions::new().handles(true);
        transport.settings(&handles).expect("good");
        let refused = transport.remote_clients(true).settings(&handles);
        assert!(matches!(refused, Err(Error::InvalidInput { .. })), "{refused:?}");
    }
}

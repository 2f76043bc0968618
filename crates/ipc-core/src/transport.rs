//! The boundary between the sessions above and the operating system below.
//!
//! # For callers
//! Take `Arc<dyn Transport>` or `&dyn Connection`. Never ask which one it is: ask
//! [`Transport::capabilities`], and take [`Error::Unsupported`] for an answer.
//!
//! # For transport authors
//! Implement [`Transport`], [`Listener`] and [`Connection`], and [`Waiter`] if the system can watch
//! many connections at once; then run `ipc_testkit::conformance!` on them. Leave out framing,
//! retries, limits and logging: they stand above this line, once, for every transport.
//!
//! # Deadlines, everywhere
//! Every call that may wait takes a [`Deadline`]. One that has passed means: try once, without
//! waiting. `TimedOut` leaves the connection as usable as it was.

use std::fmt;
use std::fs::File;
use std::io::IoSlice;
use std::sync::Arc;

use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::error::{Error, Operation, Result};
use crate::files::{Metadata, Open, RelativePath, Root};
use crate::inspect::Place;
use crate::level::ImpersonationLevel;
use crate::options::{BindOptions, ConnectOptions};
use crate::peer::Peer;

mod as_peer;
mod handles;
mod ready;

pub use as_peer::AsPeer;
pub use handles::{Handles, ReceivedHandle, Ticket};
pub use ready::{Interest, Key, Ready};

/// A way for processes to reach each other.
pub trait Transport: fmt::Debug + Send + Sync {
    /// The word before the colon in this transport's endpoints. A platform's own transport also
    /// takes bare names.
    fn scheme(&self) -> &'static str;

    /// What this transport can ever do on this machine; the same for the life of the value. Whether
    /// it can do so for a given peer is the answer of the call itself.
    fn capabilities(&self) -> Capabilities;

    /// This process, as a peer would see it.
    ///
    /// # Errors
    /// [`Error::Io`] if the system does not tell.
    fn this_process(&self) -> Result<Peer>;

    /// Binds `at`. Peers can connect from the moment this returns.
    ///
    /// # Errors
    /// [`Error::EndpointInUse`] if another listener is bound: a live one is never taken over.
    /// [`Error::EndpointUnsafe`], [`Error::InvalidEndpoint`]. [`Error::Unsupported`] for an option
    /// that cannot be honoured.
    fn bind(&self, at: &Endpoint, options: &BindOptions) -> Result<Box<dyn Listener>>;

    /// Connects to the listener at `to`, and checks that the server is whom the options ask for
    /// before anything is sent. It does not wait to be accepted, unless too many wait already: with
    /// a passed deadline it succeeds while there is room, so it takes no round trip with the
    /// server's code.
    ///
    /// # Errors
    /// [`Error::NotFound`] if nobody listens, [`Error::ServerNotTrusted`], [`Error::TimedOut`],
    /// [`Error::Cancelled`]; [`Error::Unsupported`] for an option that cannot be honoured; one of
    /// kind [`InvalidInput`](crate::ErrorKind::InvalidInput) for another mode than the listener's.
    fn connect(&self, to: &Endpoint, options: &ConnectOptions) -> Result<Box<dyn Connection>>;

    /// Looks from outside at each place at which [`connect`](Self::connect) would look for the
    /// server, in that order: for who must know why it fails. Of the options the server that is
    /// trusted, the mode and the deadline count.
    ///
    /// Where somebody listens, it connects, to see who, and leaves without a word. It lets nobody act
    /// as this process.
    ///
    /// # Errors
    /// [`Error::InvalidEndpoint`]; [`Error::Unsupported`] where nothing can be seen. What is not as
    /// it should be is no error here.
    fn inspect(&self, at: &Endpoint, options: &ConnectOptions) -> Result<Vec<Place>> {
        let _ = (at, options);
        Err(Error::Unsupported { operation: Operation::Inspect })
    }
}

/// What a [`Transport`] can do on this machine. Everything is off until switched on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// [`Connection::run_as_peer`] can work, for some peers.
    pub run_as_peer: bool,
    /// [`Connection::peer`] tells an identity that somebody vouches for.
    pub identity: bool,
    /// [`Connection::finish_writing`] works.
    pub half_close: bool,
    /// [`Connection::send_file`] works.
    pub send_file: bool,
    /// Connections can pass handles when bound and connected so.
    pub handles: bool,
    /// The longest message in bytes, if there is a message mode.
    pub max_message: Option<usize>,
    /// Listeners have a [`Waiter`].
    pub parking: bool,
}

/// A bound endpoint, at which peers are accepted.
///
/// Dropping it frees the name; connections that were accepted live on.
///
/// # Platform differences
/// Each accepted end of a Windows pipe keeps the name: it is free again when the last of them is
/// closed as well.
pub trait Listener: fmt::Debug + Send + Sync {
    /// The endpoint as it was bound.
    fn endpoint(&self) -> &Endpoint;

    /// Accepts one peer, in the order in which their `connect` returned, with whatever it wrote or
    /// finished until then. Many threads may wait at once; each peer is handed to one of them. Where
    /// a thread of the transport takes peers in, a passed deadline may miss one for a moment.
    ///
    /// # Errors
    /// [`Error::TimedOut`]; [`Error::Closed`] after [`close`](Self::close). [`Error::Io`] for what
    /// the system ran out of: the listener is still bound, and a later try may succeed.
    fn accept(&self, deadline: Deadline) -> Result<Box<dyn Connection>>;

    /// Asks the [`Waiter`] for one report under [`Key::LISTENER`] when somebody wants to be
    /// accepted: at once if somebody already does.
    ///
    /// # Errors
    /// [`Error::Unsupported`] without a waiter, [`Error::Closed`] after [`close`](Self::close).
    fn arm(&self) -> Result<()> {
        Err(Error::Unsupported { operation: Operation::Accept })
    }

    /// Stops accepting, for good: every waiting and later `accept` fails with [`Error::Closed`],
    /// and peers are refused.
    ///
    /// # Platform differences
    /// On Windows, while accepted connections live, a peer that connects is told that the server is
    /// busy and waits until its deadline.
    fn close(&self);

    /// What accepted connections can be parked with. `None`: they cannot, and the runtime gives
    /// each a thread.
    fn waiter(&self) -> Option<Arc<dyn Waiter>> {
        None
    }
}

/// Watches the parked connections of one [`Listener`], and the listener itself: `epoll`, `kqueue`,
/// a completion port, or plain code.
///
/// Many threads may wait at once; each report goes to one of them.
pub trait Waiter: fmt::Debug + Send + Sync {
    /// Appends what is ready to `ready`, waiting for the first. Returns without any when woken or
    /// when the deadline has passed. There is at most one report for each
    /// [`park`](Connection::park) and [`arm`](Listener::arm). It may be spurious (the next call does
    /// not succeed at once after all) or late (parked again since, or gone).
    ///
    /// # Errors
    /// [`Error::Io`]: the system cannot wait at all.
    fn wait(&self, ready: &mut Vec<(Key, Ready)>, deadline: Deadline) -> Result<()>;

    /// Ends exactly one [`wait`](Self::wait): one that is under way, else the next.
    fn wake(&self);
}

/// One ordered, reliable, full-duplex connection, used by `&self` from any thread: a blocked read
/// never holds up another thread's write.
///
/// Dropping it closes it without waiting; [`close`](Self::close) first if the peer must get the
/// last bytes.
pub trait Connection: fmt::Debug + Send + Sync {
    /// Where it leads (client) or was accepted (server).
    fn endpoint(&self) -> &Endpoint;

    /// Who is at the other end, as the system recorded it when they connected (client) or bound
    /// (server). Where nobody ever vouches for peers, a [`Peer`] with
    /// [`Assurance::None`](crate::peer::Assurance::None) and without an identity.
    ///
    /// # Errors
    /// [`Error::NotYetKnown`] before the first read, where the system tells only then (Windows, for
    /// a client that left how it is tracked to the system).
    /// [`Error::IdentityUnknown`] if the system was to tell and did not, for this one peer: never
    /// guessed.
    fn peer(&self) -> Result<&Peer>;

    /// How far the server may act for the client. Client: what it asked for. Server: what is in
    /// force, `None` until it was stated.
    fn level(&self) -> Option<ImpersonationLevel>;

    /// Server, once: states the level that the client wrote into its preface. In force is then the
    /// lower of that and what the system carries itself.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] on a client's connection or for the second time.
    fn state_level(&self, level: ImpersonationLevel) -> Result<()>;

    /// Reads at least one byte; `Ok(0)` once the peer has finished (or for an empty buffer). Where
    /// there is no half-close a peer that died looks the same.
    ///
    /// # Errors
    /// [`Error::TimedOut`], [`Error::Cancelled`], [`Error::Disconnected`]; [`Error::Unsupported`] in
    /// message mode.
    fn read(&self, buffer: &mut [u8], deadline: Deadline) -> Result<usize>;

    /// Writes `parts` in order, as one. Returns how many bytes were accepted: at least one, unless
    /// all parts are empty.
    ///
    /// What is accepted reaches the peer also if this thread ends. It may still wait in this process
    /// for the peer to read: then dropping the connection loses it, and a failure shows at the next
    /// call.
    ///
    /// # Errors
    /// [`Error::TimedOut`]: nothing of this call was accepted. [`Error::Cancelled`],
    /// [`Error::Disconnected`], [`Error::Closed`]; [`Error::Unsupported`] in message mode.
    fn write_vectored(&self, parts: &[IoSlice<'_>], deadline: Deadline) -> Result<usize>;

    /// Waits until the connection is ready for `interest`.
    ///
    /// # Errors
    /// [`Error::TimedOut`], [`Error::Cancelled`].
    fn wait(&self, interest: Interest, deadline: Deadline) -> Result<Ready>;

    /// Has the listener's [`Waiter`] report under `key` when the connection is ready for
    /// `interest`: at once if it is, at most once, then no more. Parking again replaces;
    /// [`cancel`](Self::cancel) and the peer's end report too.
    ///
    /// # Errors
    /// [`Error::Unsupported`] on a connection without a waiter.
    fn park(&self, key: Key, interest: Interest) -> Result<()> {
        let _ = (key, interest);
        Err(Error::Unsupported { operation: Operation::Park })
    }

    /// Cancels everything on this connection, for good: each pending and later operation fails with
    /// [`Error::Cancelled`]. What was written and has not left yet may be lost. The peer sees the
    /// end, though others may hold this connection for long.
    fn cancel(&self);

    /// Closes without losing a byte that was written: returns once the peer can no longer miss
    /// them. May be called again after [`Error::TimedOut`] to go on; with a passed deadline it
    /// takes one step, and the connection may be parked or waited for in between (for
    /// `Interest::Both`): what is reported then is that another step may get on, and room to write
    /// does not count any more.
    ///
    /// It discards what the peer still sends, so that two ends that close do not wait for each other;
    /// with half-close it finishes writing first and goes on until the peer's end.
    ///
    /// Afterwards, whatever moves bytes fails with [`Error::Closed`] or [`Error::Disconnected`].
    ///
    /// # Errors
    /// [`Error::TimedOut`], [`Error::Cancelled`]. A peer that is gone already is no error.
    fn close(&self, deadline: Deadline) -> Result<()>;

    /// Tells the peer that nothing more will be written; it reads the end after the last byte.
    /// Reading goes on. A second time changes nothing.
    ///
    /// # Errors
    /// [`Error::Unsupported`] without half-close.
    fn finish_writing(&self) -> Result<()> {
        Err(Error::Unsupported { operation: Operation::FinishWriting })
    }

    /// Writes up to `length` bytes of `file`, beginning at `from`, without taking them through this
    /// process's memory. Returns how many were accepted; `Ok(0)` if the file ends at `from`. The
    /// file's own position is neither used nor moved.
    ///
    /// # Errors
    /// As [`write_vectored`](Self::write_vectored); [`Error::Io`] with [`Operation::SendFile`] if
    /// the *file* failed; [`Error::Unsupported`] where the caller must copy instead.
    fn send_file(&self, file: &File, from: u64, length: u64, deadline: Deadline) -> Result<u64> {
        let _ = (file, from, length, deadline);
        Err(Error::Unsupported { operation: Operation::SendFile })
    }

    /// Runs `work` on this thread as the peer: what it opens, it opens with the peer's rights. A
    /// privileged server always changes identity for it, even for a peer of its own.
    ///
    /// `work` is for opening: rights are checked then, so return the handle and read outside. It
    /// must not spawn threads or processes, hand work to a pool, log, or call `set*id` functions.
    ///
    /// # Errors
    /// On any error `work` has not run. [`Error::LevelTooLow`] (a transport that never acts as
    /// anyone may say [`Error::Unsupported`] instead), [`Error::NotPrivileged`],
    /// [`Error::IdentityRefused`], [`Error::Sandboxed`], [`Error::IdentityUnknown`],
    /// [`Error::Nested`], [`Error::SwitchFailed`], [`Error::Unsupported`], always so on a client's
    /// end.
    ///
    /// # Panics
    /// A panic in `work` goes on after the thread has become itself again.
    ///
    /// # Aborts
    /// The process, if the thread cannot get back to its own identity (as Win32 `RevertToSelf`,
    /// Remarks, demands).
    fn run_as_peer(&self, work: &mut dyn FnMut(&AsPeer)) -> Result<()>;

    /// Opens `path` below `root` with the peer's rights. The same answer as
    /// [`run_as_peer`](Self::run_as_peer) around [`Root::open`], by a cheaper way where the system
    /// has one.
    ///
    /// # Errors
    /// As [`run_as_peer`](Self::run_as_peer) and [`Root::open`].
    fn open_as_peer(&self, root: &dyn Root, path: &RelativePath, how: Open) -> Result<File> {
        as_peer_of(self, |by| root.open(by, path, how))?
    }

    /// Looks at `path` below `root` with the peer's rights.
    ///
    /// # Errors
    /// As [`run_as_peer`](Self::run_as_peer) and [`Root::stat`].
    fn stat_as_peer(&self, root: &dyn Root, path: &RelativePath) -> Result<Metadata> {
        as_peer_of(self, |by| root.stat(by, path))?
    }

    /// The message mode, if the connection was made with it.
    fn messages(&self) -> Option<&dyn Messages> {
        None
    }

    /// The passing of handles, if the connection was made with it.
    fn handles(&self) -> Option<&dyn Handles> {
        None
    }
}

impl dyn Connection + '_ {
    /// Runs `work` as the peer and returns its value; see [`run_as_peer`](Connection::run_as_peer).
    ///
    /// # Errors
    /// As [`run_as_peer`](Connection::run_as_peer): on any error `work` has not run.
    pub fn as_peer<R>(&self, work: impl FnOnce(&AsPeer) -> R) -> Result<R> {
        as_peer_of(self, work)
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// As [`write_vectored`](Connection::write_vectored); after an error it is not known how much
    /// of `bytes` was written.
    pub fn write_all(&self, mut bytes: &[u8], deadline: Deadline) -> Result<()> {
        while !bytes.is_empty() {
            let count = self.write_vectored(&[IoSlice::new(bytes)], deadline)?;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// Reads until `buffer` is full.
    ///
    /// # Errors
    /// As [`read`](Connection::read); [`Error::Disconnected`] if the end comes first.
    pub fn read_exact(&self, mut buffer: &mut [u8], deadline: Deadline) -> Result<()> {
        while !buffer.is_empty() {
            match self.read(buffer, deadline)? {
                0 => return Err(Error::Disconnected { operation: Operation::Read }),
                count => buffer = &mut buffer[count..],
            }
        }
        Ok(())
    }
}

fn as_peer_of<C: Connection + ?Sized, R>(
    connection: &C,
    work: impl FnOnce(&AsPeer) -> R,
) -> Result<R> {
    let mut work = Some(work);
    let mut value = None;
    connection.run_as_peer(&mut |by| value = work.take().map(|work| work(by)))?;
    value.ok_or_else(|| Error::Protocol {
        reason: "the transport's run_as_peer reported success without running the work".to_owned(),
    })
}

/// Whole messages in both directions; see [`Mode::Messages`](crate::Mode::Messages).
pub trait Messages: fmt::Debug + Send + Sync {
    /// Sends `parts` as one message.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for an empty message, [`Error::LimitExceeded`] for one longer than
    /// [`Capabilities::max_message`]; else as [`Connection::write_vectored`]: a message is accepted
    /// whole or not at all.
    fn send(&self, parts: &[IoSlice<'_>], deadline: Deadline) -> Result<()>;

    /// Receives one message into `buffer`, which is cleared first. `Ok(false)` once the peer has
    /// finished.
    ///
    /// # Errors
    /// [`Error::LimitExceeded`] for a message of more than `max` bytes, which is discarded whole;
    /// else as [`Connection::read`].
    fn receive(&self, buffer: &mut Vec<u8>, max: usize, deadline: Deadline) -> Result<bool>;
}

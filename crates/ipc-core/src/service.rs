//! What a server does with a call: written once, for every transport and protocol.
//!
//! Most services are declared with `service!`, which writes the dispatch and a
//! typed client. What stands here is what it builds on.

use std::fmt;
use std::fs::File;

use parking_lot::Mutex;

use crate::cancel::CancelToken;
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind, Failure, Result};
use crate::files::{Metadata, Open, RelativePath, Root};
use crate::level::ImpersonationLevel;
use crate::peer::Peer;
use crate::server::ShareOfPool;
use crate::transport::{AsPeer, Connection, ReceivedHandle};

mod macros;
mod reply;
mod typed;

pub use reply::{Body, Done, FileBody, Outcome, Reply, Source};

pub(crate) use reply::{Here, NextPiece};

/// Answers calls. One value serves every connection, from many threads at once.
pub trait Service: Send + Sync + 'static {
    /// Where calls of `method` run; `None` if there is no such method. Default:
    /// [`RunsOn::Worker`] for every number.
    fn runs_on(&self, method: u32) -> Option<RunsOn> {
        let _ = method;
        Some(RunsOn::Worker)
    }

    /// Answers one call. The reply's value is already encoded; its body is sent by the runtime,
    /// after this has returned.
    ///
    /// # Errors
    /// The failure is sent to the client as it is.
    ///
    /// # Panics
    /// A panic fails this call as [`ErrorKind::Internal`], and nothing
    /// else.
    fn call(
        &self,
        context: &Context<'_>,
        method: u32,
        arguments: Arguments<'_>,
    ) -> Result<Reply<Vec<u8>>, Failure>;
}

/// Where a method's handler runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunsOn {
    /// On the worker that read the request: for handlers that return soon. The cheapest.
    Worker,
    /// On the bounded pool of blocking threads: for handlers that wait or compute for long.
    Pool,
}

/// The circumstances of one call.
#[derive(Debug)]
pub struct Context<'a> {
    connection: &'a dyn Connection,
    deadline: Deadline,
    cancel: &'a CancelToken,
    worker: Worker,
    handle: Mutex<Option<ReceivedHandle>>,
    pool: Option<ShareOfPool<'a>>,
}

impl<'a> Context<'a> {
    /// The circumstances of a call that came by `connection`. For runtimes and tests.
    #[must_use]
    pub fn new(
        connection: &'a dyn Connection,
        deadline: Deadline,
        cancel: &'a CancelToken,
        worker: Worker,
    ) -> Self {
        Self { connection, deadline, cancel, worker, handle: Mutex::default(), pool: None }
    }

    /// The same, with threads for bodies that block.
    pub(crate) fn with_pool(mut self, pool: ShareOfPool<'a>) -> Self {
        self.pool = Some(pool);
        self
    }

    /// The same, of a call that `handle` came with.
    #[must_use]
    pub fn with_handle(mut self, handle: Option<ReceivedHandle>) -> Self {
        *self.handle.get_mut() = handle;
        self
    }

    /// Who calls.
    ///
    /// # Errors
    /// [`Error::LevelTooLow`] if the client asked to be anonymous;
    /// [`Error::IdentityUnknown`] where nothing is known.
    pub fn peer(&self) -> Result<&'a Peer> {
        match self.connection.level() {
            Some(ImpersonationLevel::Anonymous) => Err(Error::LevelTooLow {
                needed: ImpersonationLevel::Identification,
                granted: Some(ImpersonationLevel::Anonymous),
            }),
            _ => self.connection.peer(),
        }
    }

    /// How far the caller lets the server act for it; `None` where nobody has said.
    #[must_use]
    pub fn level(&self) -> Option<ImpersonationLevel> {
        self.connection.level()
    }

    /// Runs `work` as the caller; see [`Connection::run_as_peer`].
    ///
    /// # Errors
    /// As there; on any error `work` has not run.
    pub fn as_peer<R>(&self, work: impl FnOnce(&AsPeer) -> R) -> Result<R> {
        self.connection.as_peer(work)
    }

    /// Opens `path` below `root` with the caller's rights.
    ///
    /// # Errors
    /// As [`Connection::open_as_peer`].
    pub fn open_as_peer(&self, root: &dyn Root, path: &RelativePath, how: Open) -> Result<File> {
        self.connection.open_as_peer(root, path, how)
    }

    /// Looks at `path` below `root` with the caller's rights.
    ///
    /// # Errors
    /// As [`Connection::stat_as_peer`].
    pub fn stat_as_peer(&self, root: &dyn Root, path: &RelativePath) -> Result<Metadata> {
        self.connection.stat_as_peer(root, path)
    }

    /// Takes the open handle that came with the call. It may be anything, and its sender still has
    /// it: see [`ReceivedHandle`]. One that nobody takes is closed.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if none came, or it was taken.
    pub fn take_handle(&self) -> Result<ReceivedHandle, Failure> {
        self.handle.lock().take().ok_or_else(|| {
            let text = "the call is about an open handle, and none came with it";
            Failure::new(ErrorKind::InvalidInput, text)
        })
    }

    /// Refuses a call with a handle that nobody took, for a method that is about none: its caller
    /// means something by it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if there is one.
    pub fn refuse_handle(&self) -> Result<(), Failure> {
        if self.handle.lock().take().is_none() {
            return Ok(());
        }
        let text = "a handle came with the call, and this method takes none";
        Err(Failure::new(ErrorKind::InvalidInput, text))
    }

    /// A body whose pieces are fetched by `next`, which may block: it is called on the pool, once for
    /// each piece and not before the last was sent; `None` is the end. What it owns is dropped there
    /// as well, where the pool has room.
    ///
    /// Outside of a server it is called wherever the body is sent.
    pub fn stream_on_pool(
        &self,
        next: impl FnMut() -> Option<Result<Vec<u8>, Failure>> + Send + 'static,
    ) -> Body {
        let next: NextPiece = Box::new(next);
        match &self.pool {
            Some(pool) => pool.stream(next),
            None => Body::Stream(Box::new(Here(next))),
        }
    }

    /// When the caller stops waiting.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// `true` once nobody waits for the answer any more: cancelled, out of time, or gone. A handler
    /// that works for long asks now and then.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled() || self.deadline.has_passed()
    }

    /// Cancelled when the caller cancels or is gone, for handlers that wait on something else
    /// meanwhile. It does not tell of the [deadline](Self::deadline).
    #[must_use]
    pub fn cancel_token(&self) -> &'a CancelToken {
        self.cancel
    }

    /// The thread that handles the call.
    #[must_use]
    pub fn worker(&self) -> Worker {
        self.worker
    }
}

/// A thread of the server, for people: `worker 2`, `pool 1`. Numbers begin at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Worker {
    /// One of the threads that read requests.
    Worker(usize),
    /// One of the threads that run blocking handlers.
    Pool(usize),
}

impl fmt::Display for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Worker(number) => write!(f, "worker {number}"),
            Self::Pool(number) => write!(f, "pool {number}"),
        }
    }
}

/// The encoded arguments of a call: any number of `u32 length | bytes`, little-endian.
///
/// # Examples
/// ```
/// use ipc_core::service::Arguments;
///
/// let mut wire = Vec::new();
/// Arguments::push(&mut wire, b"ab");
/// Arguments::push(&mut wire, b"");
/// let mut arguments = Arguments::new(&wire)?;
/// assert_eq!(arguments.next(), Some(&b"ab"[..]));
/// assert_eq!(arguments.next(), Some(&b""[..]));
/// assert_eq!(arguments.next(), None);
/// assert!(Arguments::new(&[9, 0, 0, 0, 1]).is_err()); // announces nine bytes and has one
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'a>(&'a [u8]);

impl<'a> Arguments<'a> {
    /// The arguments in `wire`, which must be whole.
    ///
    /// # Errors
    /// [`Error::Protocol`] if a length goes beyond the end.
    pub fn new(wire: &'a [u8]) -> Result<Self> {
        let mut rest = Self(wire);
        while rest.next().is_some() {}
        if rest.0.is_empty() {
            return Ok(Self(wire));
        }
        Err(Error::Protocol { reason: "an argument is longer than its request".to_owned() })
    }

    /// All that is left, as it travels.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// Appends one argument to `wire`.
    ///
    /// # Panics
    /// If the argument has 4 GiB or more; limits refuse far smaller ones.
    pub fn push(wire: &mut Vec<u8>, argument: &[u8]) {
        let length = u32::try_from(argument.len()).expect("an argument is shorter than 4 GiB");
        wire.extend_from_slice(&length.to_le_bytes());
        wire.extend_from_slice(argument);
    }
}

impl<'a> Iterator for Arguments<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (argument, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(argument)
    }
}

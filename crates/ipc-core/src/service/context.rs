//! The circumstances of a call.

use std::fmt;
use std::fs::File;

use parking_lot::Mutex;

use super::{Body, Here, NextPiece};
use crate::audit::{self, Mechanism, noting_mechanism};
use crate::cancel::CancelToken;
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind, Failure, Result};
use crate::files::{Metadata, Open, RelativePath, Root};
use crate::level::ImpersonationLevel;
use crate::peer::Peer;
use crate::server::ShareOfPool;
use crate::transport::{AsPeer, Connection, ReceivedHandle};

/// The circumstances of one call.
#[derive(Debug)]
pub struct Context<'a> {
    connection: &'a dyn Connection,
    deadline: Deadline,
    cancel: &'a CancelToken,
    worker: Worker,
    account: Option<&'a audit::Call>,
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
        let handle = Mutex::default();
        Self { connection, deadline, cancel, worker, account: None, handle, pool: None }
    }

    /// The same, with what the audit says of the call.
    pub(crate) fn with_account(mut self, account: Option<&'a audit::Call>) -> Self {
        self.account = account;
        self
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
    /// As there; on any error `work` has not run. Where an account must be kept and cannot, the
    /// sink's instead of the value of `work`, which is dropped.
    pub fn as_peer<R>(&self, work: impl FnOnce(&AsPeer) -> R) -> Result<R> {
        let (outcome, mechanism) = noting_mechanism(|| self.connection.as_peer(work));
        if let Some(account) = self.account {
            account.switched(mechanism, outcome.as_ref().err()).map_err(Error::Remote)?;
        }
        outcome
    }

    /// Opens `path` below `root` with the caller's rights.
    ///
    /// # Errors
    /// As [`Connection::open_as_peer`] and [`note_open`](Self::note_open).
    pub fn open_as_peer(&self, root: &dyn Root, path: &RelativePath, how: Open) -> Result<File> {
        let (opened, mechanism) =
            noting_mechanism(|| self.connection.open_as_peer(root, path, how));
        self.account_for(Some(path), mechanism, opened)
    }

    /// Looks at `path` below `root` with the caller's rights.
    ///
    /// # Errors
    /// As [`Connection::stat_as_peer`] and [`note_open`](Self::note_open).
    pub fn stat_as_peer(&self, root: &dyn Root, path: &RelativePath) -> Result<Metadata> {
        let (found, mechanism) = noting_mechanism(|| self.connection.stat_as_peer(root, path));
        self.account_for(Some(path), mechanism, found)
    }

    /// Tells the [audit] what the call asks for, as the caller named it. Default: the paths that
    /// are opened for it.
    pub fn asks_for(&self, path: &[u8]) {
        if let Some(account) = self.account {
            account.asks_for(path);
        }
    }

    /// Tells the [audit] that `path` was opened or looked at for the caller by other means than
    /// [`open_as_peer`](Self::open_as_peer) and [`stat_as_peer`](Self::stat_as_peer), or was not, and
    /// passes the outcome on. Not to be called while acting as the caller.
    ///
    /// # Errors
    /// That of `outcome`. Where an account must be kept and cannot, [`Error::Remote`] with what the
    /// [sink](audit::Sink) says: then what was opened is closed again.
    pub fn note_open<T>(
        &self,
        path: &RelativePath,
        mechanism: Mechanism,
        outcome: Result<T>,
    ) -> Result<T> {
        self.account_for(Some(path), Some(mechanism), outcome)
    }

    /// The same of what the caller has opened itself and [passed](Self::take_handle), which has no
    /// path.
    ///
    /// # Errors
    /// As [`note_open`](Self::note_open).
    pub fn note_passed<T>(&self, outcome: Result<T>) -> Result<T> {
        self.account_for(None, Some(Mechanism::Client), outcome)
    }

    fn account_for<T>(
        &self,
        path: Option<&RelativePath>,
        mechanism: Option<Mechanism>,
        outcome: Result<T>,
    ) -> Result<T> {
        if let Some(account) = self.account {
            account.opened(path, mechanism, outcome.is_ok()).map_err(Error::Remote)?;
        }
        outcome
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

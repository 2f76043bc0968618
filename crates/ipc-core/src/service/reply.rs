//! What a handler answers.

use std::fmt;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::task::{self, Poll};

use crate::error::{ErrorKind, Failure, Result};
use crate::files::{Metadata, Root};

/// A successful answer: a value, and perhaps a body that is sent after it.
#[derive(Debug)]
pub struct Reply<T> {
    /// What the call returns.
    pub value: T,
    /// What is streamed after it.
    pub body: Body,
    /// The open file that is passed with it.
    pub handle: Option<File>,
    /// Called once, when the last byte has been handed to the transport or never will be.
    pub done: Option<Done>,
}

impl<T> Reply<T> {
    /// An answer without a body.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self { value, body: Body::Empty, handle: None, done: None }
    }

    /// Adds what is streamed after the value.
    #[must_use]
    pub fn with_body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// Passes an open file with the value: the caller gets a handle of its own on the very same
    /// opening, and keeps it as long as it likes. What may be passed is what the caller could have
    /// opened itself: a regular file, opened for reading alone and as the caller, never a directory.
    ///
    /// Where the connection passes no handles, or the caller's end does not, the call fails as
    /// [`ErrorKind::Unsupported`].
    #[must_use]
    pub fn with_handle(mut self, file: File) -> Self {
        self.handle = Some(file);
        self
    }

    /// Has `done` called once when the answer has been handed to the transport whole, or never
    /// will be. It runs on a worker and must return soon.
    #[must_use]
    pub fn when_done(mut self, done: impl FnOnce(&Outcome) + Send + 'static) -> Self {
        self.done = Some(Done(Some(Box::new(done))));
        self
    }

    /// The same answer with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Reply<U> {
        let Self { value, body, handle, done } = self;
        Reply { value: change(value), body, handle, done }
    }
}

impl<T> From<T> for Reply<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

/// How the answer to a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How many bytes of the body were sent.
    pub sent: u64,
    /// Whether the body was sent whole.
    pub result: Result<(), Failure>,
}

/// Calls its function exactly once: with the outcome, or as disconnected when it is dropped before.
pub struct Done(Option<Report>);

type Report = Box<dyn FnOnce(&Outcome) + Send>;

impl Done {
    /// Reports the outcome.
    pub fn report(mut self, outcome: &Outcome) {
        if let Some(done) = self.0.take() {
            done(outcome);
        }
    }
}

impl Drop for Done {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            let gone = Failure::new(ErrorKind::Disconnected, "the client is gone");
            done(&Outcome { sent: 0, result: Err(gone) });
        }
    }
}

impl fmt::Debug for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Done")
    }
}

/// What is streamed after a reply's value. The runtime sends it as the client gives credit, so
/// that a slow client holds neither a thread nor memory.
#[derive(Debug, Default)]
pub enum Body {
    /// Nothing.
    #[default]
    Empty,
    /// Bytes that the handler has.
    Bytes(Vec<u8>),
    /// A part of an open file, sent without a copy where the transport can.
    File(FileBody),
    /// Whatever the source gives.
    Stream(Box<dyn Source>),
}

/// A part of an open file.
#[derive(Debug)]
pub struct FileBody {
    /// The file, opened for reading.
    pub file: File,
    /// How it is read where the transport cannot send it by itself.
    pub root: Arc<dyn Root>,
    /// Where the part begins, in bytes.
    pub from: u64,
    /// How long the part is, in bytes. If the file ends earlier the body ends as
    /// [`ErrorKind::Truncated`].
    pub length: u64,
    /// What the file was when it was opened. If its length or the time of its last change is
    /// another once the part was sent, the body ends as
    /// [`ErrorKind::Changed`]: what was sent may be of two states.
    /// `None`: nobody minds.
    ///
    /// # Platform differences
    /// What Linux sends without a copy is read when the client takes it: a change of the last
    /// bytes while they wait for a slow client, at most a socket's buffer of them, is not noticed.
    pub as_of: Option<Metadata>,
}

impl FileBody {
    /// The whole of `file`, as long as `root` says that it is now, if it then does not change.
    ///
    /// # Errors
    /// What the system said.
    pub fn whole(file: File, root: Arc<dyn Root>) -> io::Result<Self> {
        let now = root.metadata(&file)?;
        Ok(Self { file, root, from: 0, length: now.length, as_of: Some(now) })
    }

    /// Fails if the file is not what it was, as far as its file system records changes.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let Some(before) = &self.as_of else { return Ok(()) };
        let now = self.root.metadata(&self.file)?;
        if (now.length, now.modified) == (before.length, before.modified) {
            return Ok(());
        }
        Err(Failure::new(ErrorKind::Changed, "the file has changed while it was sent"))
    }
}

/// Gives a body piece by piece, without ever blocking.
pub trait Source: fmt::Debug + Send {
    /// The next piece, of any size, `None` at the end. Called on a worker, or on no thread at all
    /// while the client gives no credit. Pending: `cx`'s waker is woken when there may be more.
    ///
    /// An error ends the body with that failure.
    fn poll_next(&mut self, cx: &mut task::Context<'_>) -> Poll<Option<Result<Vec<u8>, Failure>>>;
}

/// Fetches the next piece of a body, and may block meanwhile.
pub(crate) type NextPiece = Box<dyn FnMut() -> Option<Result<Vec<u8>, Failure>> + Send>;

/// A body that is fetched wherever it is sent.
pub(crate) struct Here(pub(crate) NextPiece);

impl Source for Here {
    fn poll_next(&mut self, _: &mut task::Context<'_>) -> Poll<Option<Result<Vec<u8>, Failure>>> {
        Poll::Ready((self.0)())
    }
}

impl fmt::Debug for Here {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Here")
    }
}

//! What a server does with a call: written once, for every transport and protocol.
//!
//! Most services are declared with `service!`, which writes the dispatch and a
//! typed client. What stands here is what it builds on.

use std::fmt;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::task::{self, Poll};

use crate::error::{Error, Failure, Result};
use crate::files::{Metadata, Root};

mod context;
mod macros;
mod typed;

pub use context::{Context, Worker};

/// Answers calls. One value serves every connection, from many threads at once.
pub trait Service: Send + Sync + 'static {
    /// Where calls of `method` run; `None` if there is no such method. Default:
    /// [`RunsOn::Worker`] for every number.
    fn runs_on(&self, method: u32) -> Option<RunsOn> {
        let _ = method;
        Some(RunsOn::Worker)
    }

    /// The name of `method` in the account of what the server does ([`audit`](crate::audit)). Default: none, so
    /// that its number stands there.
    fn name_of(&self, method: u32) -> Option<&'static str> {
        let _ = method;
        None
    }

    /// Answers one call. The reply's value is already encoded; its body is sent by the runtime,
    /// after this has returned.
    ///
    /// # Errors
    /// The failure is sent to the client as it is.
    ///
    /// # Panics
    /// A panic fails this call as [`ErrorKind::Internal`](crate::ErrorKind::Internal), and nothing
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

/// A successful answer: a value, and perhaps a body that is sent after it.
#[derive(Debug)]
pub struct Reply<T> {
    /// What the call returns.
    pub value: T,
    /// What is streamed after it.
    pub body: Body,
    /// Called once, when the last byte has been handed to the transport or never will be.
    pub done: Option<Done>,
}

impl<T> Reply<T> {
    /// An answer without a body.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self { value, body: Body::Empty, done: None }
    }

    /// Adds what is streamed after the value.
    #[must_use]
    pub fn with_body(mut self, body: Body) -> Self {
        self.body = body;
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
        Reply { value: change(self.value), body: self.body, done: self.done }
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
            let gone = Failure::new(crate::ErrorKind::Disconnected, "the client is gone");
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
    /// [`ErrorKind::Truncated`](crate::ErrorKind::Truncated).
    pub length: u64,
    /// What the file was when it was opened. If its length or the time of its last change is
    /// another once the part was sent, the body ends as
    /// [`ErrorKind::Changed`](crate::ErrorKind::Changed): what was sent may be of two states.
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
        Err(Failure::new(crate::ErrorKind::Changed, "the file has changed while it was sent"))
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

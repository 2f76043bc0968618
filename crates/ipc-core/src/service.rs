//! What a server does with a call: written once, for every transport and protocol.
//!
//! Most services are declared with `service!`, which writes the dispatch and a
//! typed client. What stands here is what it builds on.

use crate::error::{Error, Failure, Result};

mod context;
mod macros;
mod reply;
mod typed;

pub use context::{Context, Worker};
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

    /// The name of `method` in the account of what the server does ([`audit`](crate::audit)).
    /// Default: none, so that its number stands there.
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
    /// On the worker that read the request. For handlers that return soon as a rule, and wait when
    /// something outside does not answer, as what opens files does: where such handlers hold up all
    /// workers, one more thread reads requests, and has the pool run those of such handlers.
    WorkerOrPool,
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

//! How a peer's rights came to bear: noted by the transport, where it knows, and told afterwards.

use std::cell::Cell;
use std::fmt;

/// By which means something was opened, or done, with a peer's rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mechanism {
    /// The kernel decided a request with the peer's registered credentials (Linux).
    Request,
    /// The thread became the peer (Linux).
    Thread,
    /// The process, as it is: the peer has its very user and groups.
    Itself,
    /// The thread carried the peer's token (Windows).
    Token,
    /// With the server's rights, after a check of what the peer may.
    Check,
    /// With the server's rights, whoever asks.
    Server,
    /// The client opened it and passed the handle.
    Client,
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::Thread => "thread",
            Self::Itself => "itself",
            Self::Token => "token",
            Self::Check => "check",
            Self::Server => "server",
            Self::Client => "client",
        })
    }
}

/// For transport authors: notes by which mechanism this thread is about to act as a peer, or has just
/// acted. Where one fails and another is tried, the last counts.
///
/// It notes and nothing else, so it may be called in the midst of acting.
pub fn note_mechanism(mechanism: Mechanism) {
    LAST.set(Some(mechanism));
}

/// For runtimes: does `work`, and says which mechanism was noted meanwhile, on this thread.
pub fn noting_mechanism<R>(work: impl FnOnce() -> R) -> (R, Option<Mechanism>) {
    LAST.set(None);
    let value = work();
    (value, LAST.take())
}

thread_local! {
    static LAST: Cell<Option<Mechanism>> = const { Cell::new(None) };
}

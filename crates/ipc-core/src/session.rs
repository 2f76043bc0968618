//! Calls over a byte stream: the session protocol as state machines without I/O.
//!
//! [`ServerSession`] is driven by the [server runtime](crate::server), [`ClientSession`] by the
//! blocking [`Client`](crate::client::Client); an asynchronous front end drives the same two. Calls
//! are told apart by id, several may be under way at once, and bodies flow under credit, so that
//! who reads one body slowly holds up nothing else. `docs/protocol.md` has every byte.
//!
//! Nothing a peer sends makes a session panic, or keep more than its [`SessionLimits`] allow.

mod client;
mod input;
mod limits;
mod server;
#[cfg(test)]
mod tests;

use crate::error::{Error, ErrorKind, Failure};
use crate::frame::Status;

pub use client::{ClientEvent, ClientSession};
pub use limits::SessionLimits;
pub use server::ServerSession;

/// What the peer is told of `error`.
fn told(error: &Error) -> Failure {
    match error {
        Error::Remote(failure) => failure.clone(),
        other => Failure::new(other.kind(), other.chain()),
    }
}

/// Why the peer gives the connection up.
fn given_up(status: Status) -> Failure {
    let no_reason = || Failure::new(ErrorKind::Unknown, "the other side gave no reason");
    status.result.err().unwrap_or_else(no_reason)
}

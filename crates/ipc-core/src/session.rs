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

pub use client::{ClientEvent, ClientSession};
pub use limits::SessionLimits;
pub use server::ServerSession;

//! The portable half of `ipc`: the boundary that every transport implements, who the peer is and
//! what it may do, and (above that boundary, written once) the session protocol, the client and
//! the server runtime.
//!
//! # For callers
//! Most programs use the facade crate `ipc`, which adds this platform's own transport. Start at
//! [`Server`](server::Server) and [`Client`].
//!
//! # For transport authors
//! Implement the traits of [`transport`] and run the conformance suite of `ipc-testkit` on them;
//! `docs/writing-a-transport.md` is the way there.
//!
//! This crate makes no system call, has no platform `cfg` and no unsafe code.
#![forbid(unsafe_code)]

pub mod audit;
pub mod cancel;
pub mod client;
pub mod codec;
pub mod deadline;
pub mod endpoint;
pub mod error;
pub mod files;
pub mod frame;
pub mod inspect;
pub mod level;
pub mod memory;
pub mod options;
pub mod peer;
pub mod policy;
pub mod reports;
pub mod server;
pub mod service;
pub mod session;
#[cfg(test)]
mod testing;
pub mod transport;

pub use cancel::CancelToken;
pub use client::{Client, ClientOptions};
pub use codec::Codec;
pub use deadline::Deadline;
pub use endpoint::Endpoint;
pub use error::{Error, ErrorKind, Failure, Operation, Result};
pub use level::ImpersonationLevel;
pub use memory::MemoryTransport;
pub use options::{BindOptions, ConnectOptions, Mode};
pub use peer::{Identity, Peer};
pub use policy::Policy;
pub use transport::{AsPeer, Capabilities, Connection, Listener, Transport, Waiter};

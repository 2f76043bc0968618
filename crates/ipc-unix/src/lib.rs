//! Unix domain sockets for `ipc`.
#![cfg(unix)]

mod accounts;
mod address;
mod check;
mod closing;
mod connect;
mod connection;
mod fence;
pub mod files;
mod identity;
mod inspect;
mod listener;
mod mechanism;
mod outside;
pub mod privileges;
mod request;
mod root;
mod switch;
mod sys;
#[cfg(test)]
mod testing;
mod transport;
mod waiter;

pub use accounts::UnixAccounts;
pub use connection::regular_file;
pub use fence::{Fence, InForce};
pub use identity::{ActAs, sees_namespaces};
pub use mechanism::{Mechanism, OpensBy};
pub use root::UnixRoot;
pub use switch::can_run_as_peer;
pub use transport::UnixTransport;

/// The word before the colon in this transport's endpoints.
const SCHEME: &str = "unix";

/// The longest message, in bytes.
///
/// A longer one could be carried, but the system takes a message as one piece of its own memory,
/// and large pieces run out.
const MAX_MESSAGE: usize = 128 * 1024;

//! Windows named pipes for `ipc`, and files below a directory.
#![cfg(windows)]

mod accounts;
mod address;
mod check;
mod connect;
mod connection;
mod file_acl;
pub mod files;
mod identity;
mod inspect;
mod listener;
pub mod place;
pub mod process;
pub mod restricted;
mod root;
mod security;
mod switch;
mod sys;
#[cfg(test)]
mod testing;
mod transport;
mod waiter;

pub use accounts::WindowsAccounts;
pub use connection::regular_file;
pub use file_acl::{FileAccess, FileAcl};
pub use root::WindowsRoot;
pub use security::{Acl, Group};
pub use switch::{can_run_as_others, can_run_as_peer};
pub use transport::{PipeTransport, open_handles};

/// The word before the colon in this transport's endpoints.
const SCHEME: &str = "pipe";

/// The longest message, in bytes.
///
/// A longer one could be carried, but the system takes a message as one piece of its own memory.
const MAX_MESSAGE: usize = 128 * 1024;

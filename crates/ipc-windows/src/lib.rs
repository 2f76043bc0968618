//! Windows named pipes for `ipc`, and files below a directory.
//!
//! `PipeTransport` claims no capability so far and refuses to bind or to connect. The traits of
//! `ipc_core::transport` were held against overlapped pipes before they were settled, so that what
//! is to come here needs no change above.
#![cfg(windows)]

pub mod console;
mod file_acl;
pub mod files;
#[allow(dead_code, reason = "for the pipes to come")]
mod identity;
pub mod restricted;
mod root;
#[allow(dead_code, reason = "for the pipes to come")]
mod security;
#[allow(dead_code, reason = "for the pipes to come")]
mod switch;
#[allow(dead_code, reason = "for the pipes to come")]
mod sys;
mod transport;

pub use file_acl::{FileAccess, FileAcl};
pub use root::WindowsRoot;
pub use security::{Acl, Group};
pub use switch::can_run_as_peer;
pub use transport::PipeTransport;

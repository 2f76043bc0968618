//! Unix domain sockets for `ipc`.
#![cfg(unix)]

mod identity;
mod root;
mod switch;
mod sys;
#[cfg(test)]
mod testing;

pub use identity::ActAs;
pub use root::UnixRoot;
pub use switch::can_run_as_peer;

//! Every system call of this crate, each behind a safe function, and every choice between systems.
//!
//! What a system must provide: sockets ([`socket`]), waiting for one of them ([`poll`]), a latch
//! that ends such a wait ([`latch`]), directories and names in them ([`directory`]), and, where it
//! can, watching many sockets at once ([`poller`]) and sending files ([`sendfile`]).

pub(crate) mod directory;
pub(crate) mod latch;
pub(crate) mod poll;
pub(crate) mod poller;
pub(crate) mod received;
pub(crate) mod sendfile;
#[cfg(target_os = "linux")]
mod signal;
pub(crate) mod socket;

pub(crate) use rustix::io::{Errno, Result};

/// Repeats `call` for as long as a signal interrupts it.
pub(crate) use rustix::io::retry_on_intr;

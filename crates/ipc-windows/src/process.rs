//! This process and others: how they are asked to stop, and what the system counts of them.

use std::io;

use crate::sys::{console, memory};

mod stop;

pub use stop::{StopRequests, ask_to_stop};

/// What a process has of memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Memory {
    /// What of it is in the machine's memory.
    pub working_set: u64,
    /// The most that has been, so far.
    pub peak_working_set: u64,
}

/// What the process of that number has of memory.
///
/// # Errors
/// What the system said: there is no such process, or it is not this one's to look at.
pub fn memory_of(pid: u32) -> io::Result<Memory> {
    memory::of(pid)
}

/// The number that the system knows this thread by.
#[must_use]
pub fn thread_id() -> u32 {
    console::thread_id()
}

//! The identity of one thread: these systems have only that of the process.
//!
//! macOS has `pthread_setugid_np`, whose manual says not to use it where security matters.

use std::io;

use crate::switch::NOBODY;
use crate::switch::thread::{Capabilities, ThreadIdentity, ThreadState};

/// The calling thread: there is none that could change its identity alone.
#[derive(Debug)]
pub(crate) enum ThisThread {}

/// The calling thread's identity; `None` where threads have none of their own.
pub(crate) fn this_thread() -> Option<ThisThread> {
    None
}

/// The user and group that stand for ids without a name.
pub(crate) fn overflow_ids() -> [u32; 2] {
    [NOBODY; 2]
}

impl ThreadIdentity for ThisThread {
    fn read(&self, _state: &mut ThreadState) -> io::Result<()> {
        match *self {}
    }

    fn capabilities(&self) -> io::Result<Capabilities> {
        match *self {}
    }

    fn set_groups(&self, _groups: &[u32]) -> io::Result<()> {
        match *self {}
    }

    fn set_effective_gid(&self, _gid: u32) -> io::Result<()> {
        match *self {}
    }

    fn set_effective_uid(&self, _uid: u32) -> io::Result<()> {
        match *self {}
    }

    fn set_capabilities(&self, _capabilities: Capabilities) -> io::Result<()> {
        match *self {}
    }
}

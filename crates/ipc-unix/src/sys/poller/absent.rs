//! A system on which many sockets cannot be watched at once.

use std::os::fd::BorrowedFd;

use ipc_core::Deadline;
use ipc_core::transport::{Interest, Key, Ready};

use crate::sys::Result;

/// There is none, so no method is ever called.
#[derive(Debug)]
pub(crate) enum Poller {}

impl Poller {
    /// Whether this system has one.
    pub(crate) const EXISTS: bool = false;

    /// The key under which nothing can be armed.
    pub(crate) const RESERVED: Key = Key(u64::MAX);

    #[allow(clippy::unnecessary_wraps, reason = "it can fail where it exists")]
    pub(crate) fn new() -> Result<Option<Self>> {
        Ok(None)
    }

    pub(crate) fn arm(&self, _: BorrowedFd<'_>, _: Key, _: Interest) -> Result<()> {
        match *self {}
    }

    pub(crate) fn wait(&self, _: &mut Vec<(Key, Ready)>, _: Deadline) -> Result<bool> {
        match *self {}
    }

    pub(crate) fn wake(&self) {
        match *self {}
    }

    pub(crate) fn take_wake(&self) -> Result<bool> {
        match *self {}
    }

    pub(crate) fn leave_wake(&self) -> Result<()> {
        match *self {}
    }
}

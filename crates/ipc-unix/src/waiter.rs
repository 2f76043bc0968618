//! Waiting for many connections at once.

use std::os::fd::BorrowedFd;

use ipc_core::transport::{Interest, Key, Ready};
use ipc_core::{Deadline, Error, Operation, Result, Waiter};

use crate::sys;
use crate::sys::poller::Poller;

/// Watches the listener and the parked connections that came from it.
#[derive(Debug)]
pub(crate) struct SocketWaiter(Poller);

impl SocketWaiter {
    /// `None` where the system has nothing that watches many sockets.
    pub(crate) fn new() -> sys::Result<Option<Self>> {
        Ok(Poller::new()?.map(Self))
    }

    /// Asks for one report about `socket` under `key`, instead of any that was asked for before.
    pub(crate) fn arm(
        &self,
        socket: BorrowedFd<'_>,
        key: Key,
        interest: Interest,
    ) -> sys::Result<()> {
        self.0.arm(socket, key, interest)
    }
}

impl SocketWaiter {
    fn wait_until(&self, ready: &mut Vec<(Key, Ready)>, deadline: Deadline) -> sys::Result<()> {
        let before = ready.len();
        loop {
            let woken = self.0.wait(ready, deadline)?;
            if ready.len() > before {
                // This wait ends anyway; the wake-up is for one that would not.
                return if woken { self.0.leave_wake() } else { Ok(()) };
            }
            if (woken && self.0.take_wake()?) || deadline.has_passed() {
                return Ok(());
            }
        }
    }
}

impl Waiter for SocketWaiter {
    fn wait(&self, ready: &mut Vec<(Key, Ready)>, deadline: Deadline) -> Result<()> {
        self.wait_until(ready, deadline).map_err(|error| Error::Io {
            operation: Operation::Wait,
            at: None,
            source: error.into(),
        })
    }

    fn wake(&self) {
        self.0.wake();
    }
}

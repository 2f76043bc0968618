//! Closing without losing a byte.

use ipc_core::transport::Interest;
use ipc_core::{Deadline, Error, Operation, Result};

use super::link::Link;

const OPERATION: Operation = Operation::Close;

impl Link {
    /// Waits until the write in flight has ended, throwing away what comes in meanwhile, so that
    /// two ends that close do not wait for each other; then closes this end. What the pipe holds by
    /// then survives that: the peer reads it, and then the end. (It would not survive
    /// `DisconnectNamedPipe`.)
    pub(super) fn close_until(&self, deadline: Deadline) -> Result<()> {
        self.facts.check_cancelled(OPERATION)?;
        if self.facts.begin_closing() {
            // For those who wait to write.
            self.changed(None);
        }
        loop {
            match self.step() {
                Ok(true) => {
                    self.shut();
                    return self.facts.check_cancelled(OPERATION);
                }
                // By another thread, meanwhile.
                Err(Error::Closed { .. }) => return Ok(()),
                Ok(false) => {}
                Err(error) => return Err(error),
            }
            if deadline.has_passed() {
                return Err(Error::TimedOut { operation: OPERATION });
            }
            match self.wait(Interest::Both, deadline) {
                Ok(_) | Err(Error::TimedOut { .. }) => {}
                Err(Error::Cancelled { .. }) => {
                    return Err(Error::Cancelled { operation: OPERATION });
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// `true` if nothing is in flight any more.
    fn step(&self) -> Result<bool> {
        self.discard()?;
        self.waiter.catch_up().map_err(|error| Error::io(OPERATION, &self.endpoint, error))?;
        self.facts.check_cancelled(OPERATION)?;
        let state = self.state.lock();
        match state.lost.map(|lost| self.failure(OPERATION, lost.to_error())) {
            None => Ok(state.output.is_none()),
            // A peer that is gone already can miss nothing.
            Some(Error::Disconnected { .. }) => Ok(true),
            Some(error) => Err(error),
        }
    }
}

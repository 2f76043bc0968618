//! Waiting for one connection, and parking it.

use ipc_core::transport::{Interest, Key, Ready};
use ipc_core::{Deadline, Error, Operation, Result};

use super::link::Link;

const OPERATION: Operation = Operation::Wait;

impl Link {
    pub(super) fn wait(&self, interest: Interest, deadline: Deadline) -> Result<Ready> {
        loop {
            self.facts.check_cancelled(OPERATION)?;
            let (ready, is_writing) = {
                let state = self.state.lock();
                (self.ready(&state, interest), state.output.is_some())
            };
            if ready.satisfies(interest) {
                // Cancelling makes ready for everything.
                self.facts.check_cancelled(OPERATION)?;
                return Ok(ready);
            }
            if is_writing {
                return self.await_end_of_write(interest, deadline);
            }
            if deadline.has_passed() {
                return Err(Error::TimedOut { operation: OPERATION });
            }
            self.await_input(deadline)?;
        }
    }

    /// Waits for `interest` by way of the port, where the end of the write in flight will be told.
    fn await_end_of_write(&self, interest: Interest, deadline: Deadline) -> Result<Ready> {
        let ready = self.waiter.until(&self.sleepers, deadline, || {
            let mut state = self.state.lock();
            let ready = self.ready(&state, interest);
            if ready.satisfies(interest) {
                return Some(ready);
            }
            let is_watched = !interest.reads() || self.probe(&mut state);
            (!is_watched).then_some(Ready { read: true, ..ready })
        });
        self.facts.check_cancelled(OPERATION)?;
        ready
            .map_err(|error| Error::io(OPERATION, &self.endpoint, error))?
            .ok_or(Error::TimedOut { operation: OPERATION })
    }

    /// Has the waiter report under `key`, instead of any that was asked for before.
    pub(super) fn park(&self, key: Key, interest: Interest) {
        let report = {
            let mut state = self.state.lock();
            state.armed = Some((key, interest));
            self.settle_or_watch(&mut state)
        };
        if let Some((key, ready)) = report {
            self.waiter.report(key, ready);
        }
    }

    /// Takes back what was asked of the waiter.
    pub(super) fn unpark(&self) {
        self.state.lock().armed = None;
    }
}

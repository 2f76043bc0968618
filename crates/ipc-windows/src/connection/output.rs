//! Writing: through a buffer of this end's own, with one write in flight.
//!
//! The system cannot say how much of a cancelled write the peer has read. So what was accepted is
//! never taken back: a deadline leaves the write in flight, and only the next one has to wait.

use std::io::IoSlice;

use ipc_core::{Deadline, Error, Operation, Result};

use super::link::Link;
use super::state::{Lost, State};
use crate::sys::overlapped::Begun;

impl Link {
    /// Writes `parts` as one, up to `most` bytes of them, once no write is in flight. Returns how
    /// many bytes that are.
    pub(super) fn write(
        &self,
        operation: Operation,
        parts: &[IoSlice<'_>],
        most: usize,
        deadline: Deadline,
    ) -> Result<usize> {
        self.waiter
            .until(&self.sleepers, deadline, || self.try_write(operation, parts, most))
            .map_err(|error| Error::io(operation, &self.endpoint, error))?
            .unwrap_or(Err(Error::TimedOut { operation }))
    }

    /// `None` while a write is in flight.
    fn try_write(
        &self,
        operation: Operation,
        parts: &[IoSlice<'_>],
        most: usize,
    ) -> Option<Result<usize>> {
        let mut state = self.state.lock();
        if let Err(late) = self.facts.check(operation) {
            return Some(Err(late));
        }
        if let Some(lost) = state.lost {
            return Some(Err(self.failure(operation, lost.to_error())));
        }
        state.output.is_none().then(|| self.begin_write(&mut state, operation, parts, most))
    }

    fn begin_write(
        &self,
        state: &mut State,
        operation: Operation,
        parts: &[IoSlice<'_>],
        most: usize,
    ) -> Result<usize> {
        let mut bytes = std::mem::take(&mut state.spare);
        gather(parts, most, &mut bytes);
        let count = bytes.len();
        let begun = self.pipe(operation)?.begin_write(self.owner(), bytes);
        match begun {
            Ok(Begun::Done(bytes)) if bytes.capacity() <= LARGEST_SPARE => state.spare = bytes,
            Ok(Begun::Done(_)) => {}
            Ok(Begun::Pending(output)) => state.output = Some(output),
            Err(error) => {
                let lost = Lost::of(&error);
                let failure = self.failure(operation, error);
                if matches!(failure, Error::Disconnected { .. }) {
                    state.lost = Some(lost);
                }
                return Err(failure);
            }
        }
        Ok(count)
    }
}

/// Puts the beginning of `parts` into `bytes`, `most` of them.
fn gather(parts: &[IoSlice<'_>], most: usize, bytes: &mut Vec<u8>) {
    let all = parts.iter().map(|part| part.len()).fold(0, usize::saturating_add);
    bytes.clear();
    bytes.reserve(all.min(most));
    for part in parts {
        let room = most - bytes.len();
        bytes.extend_from_slice(&part[..part.len().min(room)]);
    }
}

/// What an idle connection keeps for its next write, in bytes.
const LARGEST_SPARE: usize = 4096;

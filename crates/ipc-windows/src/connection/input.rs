//! Reading.

use ipc_core::{Deadline, Error, Operation, Result};

use super::link::Link;
use crate::sys::pipe::Read;

impl Link {
    /// Reads into `buffer`, which is not empty, at least one byte; 0 at the end.
    pub(super) fn read(&self, buffer: &mut [u8], deadline: Deadline) -> Result<usize> {
        let operation = Operation::Read;
        let pipe = self.pipe(operation)?;
        loop {
            let read = pipe.read(buffer, deadline, &self.facts.given_up);
            // What was cancelled gives nothing out, even if it came in time.
            self.facts.check_cancelled(operation)?;
            match read.map_err(|error| self.failure(operation, error))? {
                // A stranger has written nothing, which is not the end.
                Read::All(0) if !deadline.has_passed() => {}
                Read::All(0) | Read::Nothing => return Err(Error::TimedOut { operation }),
                Read::All(count) | Read::Part(count) => return Ok(count),
                Read::End => return Ok(0),
            }
        }
    }

    /// Waits until there is something to read, or the end, or this end is given up. Taking nothing,
    /// it may come back for nothing.
    pub(super) fn await_input(&self, deadline: Deadline) -> Result<()> {
        let operation = Operation::Wait;
        let Ok(pipe) = self.pipe(operation) else { return Ok(()) };
        match pipe.read(&mut [], deadline, &self.facts.given_up) {
            Err(_) if self.facts.is_given_up() => Ok(()),
            Err(error) => match self.failure(operation, error) {
                Error::Disconnected { .. } => Ok(()),
                error => Err(error),
            },
            Ok(_) => Ok(()),
        }
    }

    /// Throws away what has come, or a good part of it where the peer sends without end.
    pub(super) fn discard(&self) -> Result<()> {
        let operation = Operation::Close;
        let pipe = self.pipe(operation)?;
        let mut buffer = [0; 16 * 1024];
        for _ in 0..MOST_READS {
            if !pipe.peek().is_ok_and(|available| available.all > 0) {
                return Ok(());
            }
            match pipe.read(&mut buffer, Deadline::NOW, &self.facts.given_up) {
                Ok(Read::All(_) | Read::Part(_)) => {}
                // Nothing more, for whatever reason: only what was written matters now.
                Ok(Read::End | Read::Nothing) | Err(_) => return Ok(()),
            }
        }
        Ok(())
    }
}

/// How much one step of closing discards, so that it ends.
const MOST_READS: usize = 64;

//! Whole messages.
//!
//! An empty one can be told from the end here, unlike elsewhere. It is refused all the same where it
//! is sent, for the next transport; and one that a stranger sends is passed over.

use std::io::IoSlice;

use ipc_core::transport::Messages;
use ipc_core::{Deadline, Error, Operation, Result};
use parking_lot::MutexGuard;

use super::PipeConnection;
use super::link::Link;
use crate::MAX_MESSAGE;
use crate::sys::pipe::{Pipe, Read};

const OPERATION: Operation = Operation::Message;

impl Messages for PipeConnection {
    fn send(&self, parts: &[IoSlice<'_>], deadline: Deadline) -> Result<()> {
        self.link.facts.check(OPERATION)?;
        let length = parts.iter().map(|part| part.len()).fold(0, usize::saturating_add);
        if length == 0 {
            let reason = "a message has at least one byte".to_owned();
            return Err(Error::InvalidInput { reason });
        }
        if length > MAX_MESSAGE {
            return Err(too_large(length, MAX_MESSAGE));
        }
        self.link.write(OPERATION, parts, MAX_MESSAGE, deadline)?;
        self.has_written();
        // Here a packet comes of every write, and holds the message until somebody takes it. A
        // failure leaves that to whoever is at the port next.
        let _ = self.link.waiter.catch_up();
        Ok(())
    }

    fn receive(&self, buffer: &mut Vec<u8>, max: usize, deadline: Deadline) -> Result<bool> {
        self.link.facts.check(OPERATION)?;
        buffer.clear();
        let _whole = self.turn_to_receive(deadline)?;
        let outcome = self.link.receive(buffer, max.min(MAX_MESSAGE), deadline);
        if !matches!(outcome, Ok(true)) {
            buffer.clear();
        }
        outcome
    }
}

impl PipeConnection {
    /// One at a time, so that the parts of a message come to one receiver.
    fn turn_to_receive(&self, deadline: Deadline) -> Result<MutexGuard<'_, ()>> {
        match deadline.instant() {
            None => Ok(self.receiving.lock()),
            Some(instant) => self
                .receiving
                .try_lock_until(instant)
                .ok_or(Error::TimedOut { operation: OPERATION }),
        }
    }
}

impl Link {
    fn receive(&self, buffer: &mut Vec<u8>, limit: usize, deadline: Deadline) -> Result<bool> {
        let pipe = self.pipe(OPERATION)?;
        loop {
            buffer.resize(limit.min(FIRST_READ), 0);
            let read = pipe.read(buffer, deadline, &self.facts.given_up);
            self.facts.check_cancelled(OPERATION)?;
            match read.map_err(|error| self.failure(OPERATION, error))? {
                Read::All(0) if !deadline.has_passed() => {}
                Read::All(0) | Read::Nothing => {
                    return Err(Error::TimedOut { operation: OPERATION });
                }
                Read::All(count) => {
                    buffer.truncate(count);
                    return Ok(true);
                }
                Read::Part(count) => {
                    self.receive_rest(&pipe, buffer, count, limit)?;
                    return Ok(true);
                }
                Read::End => return Ok(false),
            }
        }
    }

    /// Receives what follows the first `count` bytes of a message. It is there already: a message
    /// is written as one.
    fn receive_rest(
        &self,
        pipe: &Pipe,
        buffer: &mut Vec<u8>,
        mut count: usize,
        limit: usize,
    ) -> Result<()> {
        let failed = |error| self.failure(OPERATION, error);
        let length = count.saturating_add(pipe.peek().map_err(failed)?.of_message);
        if length > limit {
            self.discard_rest(pipe)?;
            return Err(too_large(length, limit));
        }
        buffer.resize(length, 0);
        while count < length {
            let rest = &mut buffer[count..];
            match pipe.read(rest, Deadline::NEVER, &self.facts.given_up).map_err(failed)? {
                Read::Part(more) => count += more,
                Read::All(more) => {
                    buffer.truncate(count + more);
                    return Ok(());
                }
                Read::End | Read::Nothing => {
                    return Err(Error::Disconnected { operation: OPERATION });
                }
            }
        }
        Ok(())
    }

    fn discard_rest(&self, pipe: &Pipe) -> Result<()> {
        let mut scratch = [0; 16 * 1024];
        loop {
            let read = pipe.read(&mut scratch, Deadline::NEVER, &self.facts.given_up);
            match read.map_err(|error| self.failure(OPERATION, error))? {
                Read::Part(_) => {}
                Read::All(_) | Read::End | Read::Nothing => return Ok(()),
            }
        }
    }
}

fn too_large(length: usize, limit: usize) -> Error {
    Error::LimitExceeded {
        what: "message bytes",
        asked: u64::try_from(length).unwrap_or(u64::MAX),
        limit: u64::try_from(limit).unwrap_or(u64::MAX),
    }
}

/// How much of a message is read at first, in bytes: most are no longer.
const FIRST_READ: usize = 4096;

//! Closing without losing a byte.

use std::os::fd::AsFd;

use ipc_core::transport::Interest;
use ipc_core::{Deadline, Error, Operation, Result};

use super::UnixConnection;
use crate::sys::socket::{self, Patience};
use crate::sys::{self, Errno};

impl UnixConnection {
    /// Finishes writing, then reads and discards until the peer has finished, too: a Unix socket
    /// that is closed with unread input gives the peer a reset where the end should be.
    pub(super) fn close_until(&self, deadline: Deadline) -> Result<()> {
        self.state.check_cancelled(Operation::Close)?;
        self.state.begin_closing();
        if self.state.finish() {
            self.end_output(Operation::Close)?;
        }
        loop {
            match self.discard() {
                Ok(Discarded::UntilTheEnd) | Err(Errno::CONNRESET | Errno::NOTCONN) => {
                    return self.state.check_cancelled(Operation::Close);
                }
                Ok(Discarded::AllThereIs) => {}
                Err(error) => return Err(self.failure(Operation::Close, error)),
            }
            self.state.check_cancelled(Operation::Close)?;
            if deadline.has_passed() {
                return Err(Error::TimedOut { operation: Operation::Close });
            }
            self.wait_until(Operation::Close, Interest::Read, deadline)?;
        }
    }

    /// Tells the peer that nothing more comes.
    pub(super) fn end_output(&self, operation: Operation) -> Result<()> {
        match socket::finish_writing(self.socket.as_fd()) {
            Ok(()) | Err(Errno::NOTCONN) => Ok(()),
            Err(error) => Err(self.failure(operation, error)),
        }
    }

    /// Discards what has come, or a good part of it where the peer sends without end.
    fn discard(&self) -> sys::Result<Discarded> {
        let mut buffer = [0; 16 * 1024];
        for _ in 0..MOST_READS {
            match socket::receive(self.socket.as_fd(), &mut buffer, Patience::TryOnce) {
                Ok(0) => return Ok(Discarded::UntilTheEnd),
                Ok(_) => {}
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Discarded::AllThereIs)
    }
}

enum Discarded {
    AllThereIs,
    UntilTheEnd,
}

/// How much one step of closing discards, so that it ends.
const MOST_READS: usize = 64;

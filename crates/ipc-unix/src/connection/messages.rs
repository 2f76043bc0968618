//! Whole messages, over `SOCK_SEQPACKET`.
//!
//! Source: unix(7). The end of the peer and an empty message look the same here, so empty messages
//! are never sent, and one that a stranger sends counts as its end.

use std::io::IoSlice;
use std::os::fd::AsFd;

use ipc_core::transport::Messages;
use ipc_core::{Deadline, Error, Operation, Result};

use super::UnixConnection;
use crate::MAX_MESSAGE;
use crate::sys::socket::{self, MAX_PARTS, MESSAGE_OVERHEAD, Patience};
use crate::sys::{self, Errno};

const OPERATION: Operation = Operation::Message;

impl Messages for UnixConnection {
    fn send(&self, parts: &[IoSlice<'_>], deadline: Deadline) -> Result<()> {
        self.state.check_writing(OPERATION)?;
        let length = parts.iter().map(|part| part.len()).fold(0, usize::saturating_add);
        if length == 0 {
            let reason = "a message has at least one byte".to_owned();
            return Err(Error::InvalidInput { reason });
        }
        if length > MAX_MESSAGE {
            return Err(too_large(length, MAX_MESSAGE));
        }
        let sent = if parts.len() > MAX_PARTS {
            self.send_parts(OPERATION, &[IoSlice::new(&joined(parts, length))], deadline)
        } else {
            self.send_parts(OPERATION, parts, deadline)
        };
        match sent {
            // The system's own limit, where the send buffer could not be made large enough.
            Err(Error::Io { source, .. }) if is_too_large(&source) => {
                let buffer = socket::send_buffer(self.socket.as_fd()).unwrap_or(0);
                Err(too_large(length, buffer.saturating_sub(MESSAGE_OVERHEAD)))
            }
            outcome => outcome.map(drop),
        }
    }

    fn receive(&self, buffer: &mut Vec<u8>, max: usize, deadline: Deadline) -> Result<bool> {
        self.state.check(OPERATION)?;
        buffer.clear();
        if self.state.has_ended() {
            return Ok(false);
        }
        let limit = max.min(MAX_MESSAGE);
        buffer.reserve_exact(limit);
        let length = match self.receive_message(buffer, limit, deadline) {
            Ok(0) => {
                self.state.check_cancelled(OPERATION)?;
                self.state.end();
                return Ok(false);
            }
            outcome => outcome?,
        };
        if length > limit {
            buffer.clear();
            return Err(too_large(length, limit));
        }
        Ok(true)
    }
}

impl UnixConnection {
    /// Receives into `buffer`, which has room for `limit` bytes, and returns the true length.
    fn receive_message(
        &self,
        buffer: &mut Vec<u8>,
        limit: usize,
        deadline: Deadline,
    ) -> Result<usize> {
        self.receiving(OPERATION, deadline, |patience| {
            match self.receive_one(buffer, limit, patience) {
                // The peer went without reading everything. On these sockets that is said once,
                // and before the messages that it had sent.
                Err(Errno::CONNRESET) => match self.receive_one(buffer, limit, patience) {
                    Ok(0) => Err(Errno::CONNRESET),
                    outcome => outcome,
                },
                outcome => outcome,
            }
        })
    }

    fn receive_one(
        &self,
        buffer: &mut Vec<u8>,
        limit: usize,
        patience: Patience,
    ) -> sys::Result<usize> {
        buffer.clear();
        let Some(passing) = &self.passing else {
            return socket::receive_message(self.socket.as_fd(), buffer, patience);
        };
        buffer.resize(limit, 0);
        let length = passing.receive(self.socket.as_fd(), buffer, patience);
        buffer.truncate(*length.as_ref().unwrap_or(&0));
        length
    }
}

fn joined(parts: &[IoSlice<'_>], length: usize) -> Vec<u8> {
    let mut all = Vec::with_capacity(length);
    for part in parts {
        all.extend_from_slice(part);
    }
    all
}

fn is_too_large(error: &std::io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::MSGSIZE)
}

fn too_large(length: usize, limit: usize) -> Error {
    Error::LimitExceeded {
        what: "message bytes",
        asked: u64::try_from(length).unwrap_or(u64::MAX),
        limit: u64::try_from(limit).unwrap_or(u64::MAX),
    }
}

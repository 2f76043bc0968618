//! The body of an answer, read as it comes.

use std::io;

use super::{Client, Patience};
use crate::error::{Error, ErrorKind, Failure, Result};
use crate::server::protocol::CallId;
use crate::session::ClientEvent;

/// Reads the body of an answer. The server sends no more than is being taken.
///
/// The end is `Ok(0)` only if the server sent the body whole; else it is the server's failure as an
/// error. Dropping the reader before the end cancels the call.
///
/// # Blocking
/// Each read waits for the next bytes as long as the client's [timeout](Client::set_timeout)
/// allows. After [`Error::TimedOut`] it can be tried again.
#[derive(Debug)]
pub struct BodyReader<'c> {
    client: &'c mut Client,
    call: CallId,
    state: State,
    received: u64,
}

#[derive(Debug)]
enum State {
    /// More may come.
    Open,
    /// It has ended well, or there is none.
    Whole,
    /// The server ended it before its time; so much of it is valid.
    Failed(Failure, u64),
    /// The connection is over.
    Lost,
}

impl<'c> BodyReader<'c> {
    pub(super) fn open(client: &'c mut Client, call: CallId) -> Self {
        Self { client, call, state: State::Open, received: 0 }
    }

    pub(super) fn empty(client: &'c mut Client, call: CallId) -> Self {
        Self { client, call, state: State::Whole, received: 0 }
    }

    /// Reads at least one byte; `Ok(0)` once the body has ended well (or for an empty buffer).
    ///
    /// Large pieces are read straight into `buffer` if it has 16 KiB or more.
    ///
    /// # Errors
    /// [`Error::Remote`] with the failure that ended the body, every time after it too; what was
    /// read may then be longer than what is [valid](Self::valid). [`Error::TimedOut`]. As
    /// [`Client::call`] if the connection is over.
    pub fn read_to(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut patience = self.client.patience();
        self.read_within(&mut patience, buffer)
    }

    fn read_within(&mut self, patience: &mut Patience, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while matches!(self.state, State::Open) {
            let count = self.read_some(buffer, patience)?;
            if count > 0 {
                self.received += count as u64;
                return Ok(count);
            }
        }
        match &self.state {
            State::Failed(failure, _) => Err(Error::Remote(failure.clone())),
            State::Lost => Err(Error::Disconnected { operation: self.client.session.awaits() }),
            State::Open | State::Whole => Ok(0),
        }
    }

    /// How many bytes were read.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// How many bytes of the body are valid, once it has ended. A server that announces more than
    /// it then can send, of a file that became shorter for instance, sends zeros in place of the
    /// rest and fails the body: whoever keeps what was read cuts it here.
    #[must_use]
    pub fn valid(&self) -> Option<u64> {
        match self.state {
            State::Open | State::Lost => None,
            State::Whole => Some(self.received),
            State::Failed(_, valid) => Some(valid),
        }
    }

    /// The client's connection.
    #[must_use]
    pub fn connection(&self) -> &dyn crate::Connection {
        self.client.connection()
    }

    /// Reads the rest and forgets it. An endless one is given up like a silent one.
    pub(super) fn skip(&mut self) -> Result<()> {
        let mut patience = self.client.patience();
        let mut scratch = [0; 4096];
        while self.read_within(&mut patience, &mut scratch)? > 0 {}
        Ok(())
    }

    /// Reads what has come, else waits for more once. 0: look at the state, and again.
    fn read_some(&mut self, buffer: &mut [u8], patience: &mut Patience) -> Result<usize> {
        let session = &mut self.client.session;
        match session.next_event() {
            Ok(Some(ClientEvent::Data { call, bytes })) if call == self.call => {
                let count = bytes.len().min(buffer.len());
                buffer[..count].copy_from_slice(&bytes[..count]);
                session.consume(count);
                // The server may wait for the credit. An error comes again with the next read.
                let _ = self.client.flush();
                return Ok(count);
            }
            Ok(Some(ClientEvent::End { call, result, valid })) if call == self.call => {
                self.state = match result {
                    Ok(()) => State::Whole,
                    Err(failure) => State::Failed(failure, valid),
                };
                return Ok(0);
            }
            // There is no other call that anybody waits for.
            Ok(Some(ClientEvent::Handle { ticket, .. })) => {
                return self.client.claim(ticket).map(|_| 0);
            }
            Ok(Some(_)) => return Ok(0),
            Ok(None) => {}
            Err(error) => {
                self.state = State::Lost;
                return Err(error);
            }
        }
        self.read_more(buffer, patience)
    }

    /// Waits for more: of a large piece into `buffer` itself, else into the session.
    fn read_more(&mut self, buffer: &mut [u8], patience: &mut Patience) -> Result<usize> {
        let large = buffer.len() >= DIRECT;
        match self.client.session.direct(self.call).filter(|_| large) {
            Some(left) => {
                let most = left.min(buffer.len());
                let count = self.client.read_by(patience, |session, connection, deadline| {
                    let count = connection.read(&mut buffer[..most], deadline)?;
                    session.received_directly(count);
                    Ok(count)
                })?;
                let _ = self.client.flush();
                Ok(count)
            }
            // Between two large pieces only a header is due: what came behind it would be copied.
            None if large && self.received >= DIRECT as u64 => {
                self.client.receive(HEADERS, patience).map(|()| 0)
            }
            None => self.client.receive(usize::MAX, patience).map(|()| 0),
        }
    }
}

/// As [`read_to`](BodyReader::read_to); the error is of the kind that comes nearest, and wraps the
/// [`Error`].
impl io::Read for BodyReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_to(buffer).map_err(|error| io::Error::new(nearest(error.kind()), error))
    }
}

impl Drop for BodyReader<'_> {
    fn drop(&mut self) {
        if matches!(self.state, State::Open) {
            self.client.abandon(self.call);
        }
    }
}

/// Never `Interrupted` or `WouldBlock`, which callers take for an invitation to try again.
fn nearest(kind: ErrorKind) -> io::ErrorKind {
    match kind {
        ErrorKind::NotFound => io::ErrorKind::NotFound,
        ErrorKind::PermissionDenied | ErrorKind::Refused => io::ErrorKind::PermissionDenied,
        ErrorKind::InvalidInput => io::ErrorKind::InvalidInput,
        ErrorKind::Truncated => io::ErrorKind::UnexpectedEof,
        ErrorKind::TimedOut => io::ErrorKind::TimedOut,
        ErrorKind::Unsupported => io::ErrorKind::Unsupported,
        ErrorKind::Protocol | ErrorKind::Version => io::ErrorKind::InvalidData,
        ErrorKind::Disconnected => io::ErrorKind::ConnectionAborted,
        _ => io::ErrorKind::Other,
    }
}

/// From this length on, in bytes, a buffer is read into directly: for a shorter one a buffered read
/// takes several pieces at once.
const DIRECT: usize = 16 * 1024;

/// Room for a few headers and an end with its text, in bytes.
const HEADERS: usize = 2048;

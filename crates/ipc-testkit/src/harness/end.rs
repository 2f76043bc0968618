//! One end of a connection under test.

use std::io::IoSlice;
use std::ops::Deref;

use ipc_core::transport::Messages;
use ipc_core::{Connection, Deadline, Error, Mode, Result};

use crate::data;

/// One end of a connection, used alike in both modes: what is sent in bytes arrives in bytes, what
/// is sent in messages arrives in messages.
#[derive(Debug)]
pub struct End {
    connection: Box<dyn Connection>,
    mode: Mode,
    max_message: usize,
}

impl End {
    /// How many bytes go in one write or message, unless messages must be shorter.
    const CHUNK: usize = 4096;

    pub(super) fn new(connection: Box<dyn Connection>, mode: Mode, max_message: usize) -> Self {
        Self { connection, mode, max_message }
    }

    /// Sends all of `bytes`, in as many writes or messages as it takes.
    ///
    /// # Panics
    /// If that fails.
    pub fn send(&self, bytes: &[u8]) {
        if let Err(error) = self.try_send(bytes) {
            panic!("cannot send {} bytes: {}", bytes.len(), error.chain());
        }
    }

    /// Sends all of `bytes`, waiting as long as it takes.
    ///
    /// # Errors
    /// As the connection's.
    pub fn try_send(&self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let count = self.send_some(bytes, Deadline::NEVER)?;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// Sends the beginning of `bytes` in one write or message, and tells its length.
    ///
    /// # Errors
    /// As the connection's.
    pub fn send_some(&self, bytes: &[u8], deadline: Deadline) -> Result<usize> {
        let bytes = &bytes[..bytes.len().min(self.chunk())];
        match self.mode {
            Mode::Bytes => self.connection.write_vectored(&[IoSlice::new(bytes)], deadline),
            Mode::Messages => {
                self.the_messages().send(&[IoSlice::new(bytes)], deadline)?;
                Ok(bytes.len())
            }
        }
    }

    /// Sends bytes of the stream `seed` until no more is accepted, and tells how many were.
    ///
    /// # Panics
    /// If that fails, or if there is no end to what is accepted although nobody reads.
    #[must_use]
    pub fn fill(&self, seed: u64) -> usize {
        self.fill_from(seed, 0)
    }

    /// As [`fill`](Self::fill), after `sent` bytes of that stream.
    ///
    /// # Panics
    /// As [`fill`](Self::fill).
    #[must_use]
    pub fn fill_from(&self, seed: u64, mut sent: usize) -> usize {
        const ENDLESS: usize = 256 << 20;
        while sent < ENDLESS {
            let chunk = data::stream(seed, sent, self.chunk());
            let mut rest = &chunk[..];
            while !rest.is_empty() {
                match self.send_some(rest, Deadline::NOW) {
                    Ok(count) => rest = &rest[count..],
                    Err(Error::TimedOut { .. }) => return sent + chunk.len() - rest.len(),
                    Err(error) => panic!("cannot send: {}", error.chain()),
                }
            }
            sent += chunk.len();
        }
        panic!("{sent} bytes were accepted although nobody reads");
    }

    /// Receives what comes first: the bytes there are or one message; nothing at the end.
    ///
    /// # Errors
    /// As the connection's.
    pub fn receive(&self, deadline: Deadline) -> Result<Vec<u8>> {
        let mut received = Vec::new();
        self.receive_into(&mut received, usize::MAX, deadline)?;
        Ok(received)
    }

    /// Receives `length` bytes, or a few more if a message goes beyond them; fewer only if the end
    /// comes first.
    ///
    /// # Panics
    /// If that fails.
    #[must_use]
    pub fn receive_exactly(&self, length: usize) -> Vec<u8> {
        let (mut received, mut chunk) = (Vec::new(), Vec::new());
        while received.len() < length {
            match self.receive_into(&mut chunk, length - received.len(), Deadline::NEVER) {
                Ok(()) if chunk.is_empty() => break,
                Ok(()) => received.extend_from_slice(&chunk),
                Err(error) => {
                    panic!("{} of {length} bytes had arrived: {}", received.len(), error.chain())
                }
            }
        }
        received
    }

    /// Receives everything up to the end, or until the peer that has closed is gone altogether.
    ///
    /// # Panics
    /// If that fails.
    #[must_use]
    pub fn receive_to_end(&self) -> Vec<u8> {
        let (mut received, mut chunk) = (Vec::new(), Vec::new());
        loop {
            match self.receive_into(&mut chunk, usize::MAX, Deadline::NEVER) {
                Ok(()) if chunk.is_empty() => return received,
                Ok(()) => received.extend_from_slice(&chunk),
                Err(Error::Disconnected { .. }) => return received,
                Err(error) => {
                    panic!("{} bytes had arrived: {}", received.len(), error.chain())
                }
            }
        }
    }

    /// Receives what must be `expected`.
    ///
    /// # Panics
    /// If it is not.
    pub fn expect(&self, expected: &[u8]) {
        data::assert_same(&self.receive_exactly(expected.len()), expected);
    }

    /// Receives the end of a peer that has closed or vanished: nothing, or that it is gone.
    ///
    /// # Panics
    /// If something else comes.
    pub fn expect_end(&self) {
        match self.receive(Deadline::NEVER) {
            Ok(rest) => assert!(rest.is_empty(), "{} bytes came instead of the end", rest.len()),
            Err(Error::Disconnected { .. }) => {}
            Err(error) => panic!("instead of the end: {}", error.chain()),
        }
    }

    /// Drops this end, closing it without waiting.
    pub fn vanish(self) {
        drop(self);
    }

    /// Receives into `chunk`, replacing what it held: one message, or at most `limit` bytes.
    fn receive_into(&self, chunk: &mut Vec<u8>, limit: usize, deadline: Deadline) -> Result<()> {
        if self.mode == Mode::Messages {
            let more = self.the_messages().receive(chunk, self.max_message, deadline)?;
            assert_eq!(more, !chunk.is_empty(), "an empty message, or an end with bytes");
            return Ok(());
        }
        let mut buffer = [0; Self::CHUNK];
        let limit = limit.min(buffer.len());
        let count = self.connection.read(&mut buffer[..limit], deadline)?;
        chunk.clear();
        chunk.extend_from_slice(&buffer[..count]);
        Ok(())
    }

    fn chunk(&self) -> usize {
        match self.mode {
            Mode::Bytes => Self::CHUNK,
            Mode::Messages => Self::CHUNK.min(self.max_message),
        }
    }

    fn the_messages(&self) -> &dyn Messages {
        self.connection.messages().expect("a connection in message mode has messages")
    }
}

impl Deref for End {
    type Target = dyn Connection;

    fn deref(&self) -> &Self::Target {
        &*self.connection
    }
}

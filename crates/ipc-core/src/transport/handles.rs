//! Open files that go along with bytes.

use std::fmt;
use std::fs::File;

use crate::error::Result;

/// Passing open files to the peer.
pub trait Handles: fmt::Debug + Send + Sync {
    /// Sends `file` along with the next bytes that are written. The peer claims it by the ticket,
    /// which the protocol above carries to it.
    ///
    /// # Errors
    /// [`Error::LimitExceeded`](crate::Error::LimitExceeded) if too many handles wait to be sent.
    fn offer(&self, file: File) -> Result<Ticket>;

    /// Takes the handle that came under `ticket`, each once.
    ///
    /// # Errors
    /// [`Error::Protocol`](crate::Error::Protocol) if none did,
    /// [`Error::LimitExceeded`](crate::Error::LimitExceeded) if the peer sent too many.
    fn claim(&self, ticket: Ticket) -> Result<ReceivedHandle>;
}

/// Names a passed handle on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);

/// A handle that came from the peer. It may be anything, so it is hostile until the platform's crate
/// has checked it: `regular_file` of `ipc-unix`, `ipc-windows` and the facade `ipc`.
///
/// To close it may take as long as its sender likes, so it is closed as its transport has it closed.
#[derive(Debug)]
pub struct ReceivedHandle {
    /// There until it is taken.
    file: Option<File>,
    close: fn(File),
}

impl ReceivedHandle {
    /// For transport authors: wraps what was received.
    #[must_use]
    pub fn new(file: File) -> Self {
        Self { file: Some(file), close: drop }
    }

    /// For transport authors: has `close` close it if nobody takes it, in a way that holds up nobody.
    #[must_use]
    pub fn closed_by(mut self, close: fn(File)) -> Self {
        self.close = close;
        self
    }

    /// The handle as it came: a directory, a device, a file opened for writing or for nothing.
    #[must_use]
    #[allow(clippy::missing_panics_doc, reason = "the file is there until this takes it")]
    pub fn into_unchecked(mut self) -> File {
        self.file.take().expect("nothing else takes it, and this consumes the handle")
    }
}

impl Drop for ReceivedHandle {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            (self.close)(file);
        }
    }
}

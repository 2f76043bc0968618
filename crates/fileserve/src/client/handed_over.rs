//! A file that the server has opened and passed.

use std::fs::File;

use ipc_core::files::Metadata;
use ipc_core::transport::ReceivedHandle;
use ipc_core::{Error as IpcError, ErrorKind, Failure};

use super::Incoming;
use crate::error::{Error, Result};
use crate::platform;
use crate::protocol::{Part, Validator};
use crate::service::{Subject, head};

/// A file that the server has opened as this client and handed over: what is read of it does not cross
/// the server.
///
/// It is open for reading alone, and for as long as this value lives, whatever becomes of the file's
/// name and permissions.
#[derive(Debug)]
pub struct HandedOver {
    file: File,
    announced: Validator,
}

impl HandedOver {
    pub(super) fn check(announced: Validator, handle: Option<ReceivedHandle>) -> Result<Self> {
        let handle =
            handle.ok_or_else(|| contradicts("it says that it passes a file, and passed none"))?;
        let file = platform::regular_file(handle)?;
        let found = metadata(&file)?;
        if (found.device, found.inode) != (announced.device, announced.inode) {
            return Err(contradicts("it passed another file than it says"));
        }
        if found.length != announced.length {
            return Err(changed("the file has changed while it was handed over"));
        }
        Ok(Self { file, announced })
    }

    /// Which file it is, and in which state it was opened.
    #[must_use]
    pub fn validator(&self) -> &Validator {
        &self.announced
    }

    /// The open file. Read it at positions: the server may still have the same opening of it.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The same, to keep.
    #[must_use]
    pub fn into_file(self) -> File {
        self.file
    }

    /// Reads `part` of it, by the same rules as if the server sent it. For more parts read the
    /// [file](Self::file).
    ///
    /// # Errors
    /// [`Error::Call`] of kind [`Changed`](ErrorKind::Changed) if it is not the file that the part is
    /// to be of, or [`InvalidInput`](ErrorKind::InvalidInput) if the part begins behind its end.
    pub fn part(self, part: &Part) -> Result<Incoming<'static>> {
        let head =
            head(Subject::HandedOver, self.announced.clone(), part).map_err(IpcError::Remote)?;
        let (at, left) = (head.from, head.length);
        Ok(Incoming::read_here(head, Reading { of: self, at, left }))
    }
}

/// A part that is being read.
#[derive(Debug)]
pub(super) struct Reading {
    of: HandedOver,
    at: u64,
    left: u64,
}

impl Reading {
    /// Reads at least one byte; `Ok(0)` once all of the part has been, and the file is what it was.
    pub(super) fn read_to(&mut self, buffer: &mut [u8]) -> Result<usize, IpcError> {
        if self.left == 0 {
            return self.of.check_unchanged().map(|()| 0);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        match platform::read_at(&self.of.file, &mut buffer[..most], self.at) {
            Ok(0) => {
                Err(remote(ErrorKind::Truncated, "the file has become shorter while it was read"))
            }
            Ok(count) => {
                self.at += count as u64;
                self.left -= count as u64;
                Ok(count)
            }
            Err(error) => Err(remote(ErrorKind::DataFailed, &error.to_string())),
        }
    }
}

impl HandedOver {
    fn check_unchanged(&self) -> Result<(), IpcError> {
        let now = platform::metadata(&self.file);
        let now = now.map_err(|error| remote(ErrorKind::DataFailed, &error.to_string()))?;
        if Validator::from(&now) == self.announced {
            return Ok(());
        }
        Err(remote(ErrorKind::Changed, "the file has changed while it was read"))
    }
}

fn metadata(file: &File) -> Result<Metadata> {
    platform::metadata(file)
        .map_err(|error| remote(ErrorKind::DataFailed, &error.to_string()).into())
}

fn contradicts(reason: &str) -> Error {
    Error::Contradiction { reason: reason.to_owned() }
}

fn changed(text: &str) -> Error {
    remote(ErrorKind::Changed, text).into()
}

fn remote(kind: ErrorKind, text: &str) -> IpcError {
    IpcError::Remote(Failure::new(kind, text))
}

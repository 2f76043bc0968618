//! Deciding whether a handle that came from a peer may be read.

use std::fs::File;
use std::os::fd::AsFd;

use ipc_core::transport::ReceivedHandle;
use ipc_core::{Error, ErrorKind, Failure, Operation, Result};

use crate::closing;
use crate::sys::directory::{ObjectKind, status};
use crate::sys::{Errno, files, received};

/// Checks a handle that a peer passed, and returns it if it is a regular file, opened for reading.
///
/// Refused are: what is no regular file (reading a FIFO or a device could wait for ever), what was
/// opened for writing only or for nothing (`O_PATH`: a name that the peer could not read, which
/// opened again by a privileged process would be readable), and files of `/proc`, `/sys` and their
/// like, whose content is made up while it is read. The flags that make reading behave otherwise
/// (`O_DIRECT`, `O_NONBLOCK`, …) are taken off.
///
/// The peer still has the same opening of the file. So read at positions only (its offset is
/// shared), expect any read to fail or end early, do not map it, and never open it again through
/// `/proc/self/fd`.
///
/// # Errors
/// [`Error::Remote`] of kind `NotRegular`, or `PermissionDenied` for a handle that cannot be read;
/// [`Error::Io`] if the system does not tell.
pub fn regular_file(handle: ReceivedHandle) -> Result<File> {
    let file = handle.into_unchecked();
    match check(&file) {
        Ok(()) => Ok(file),
        Err(error) => {
            closing::close_file_apart(file);
            Err(error)
        }
    }
}

fn check(file: &File) -> Result<()> {
    let failed = |error: Errno| Error::Io {
        operation: Operation::PassHandle,
        at: None,
        source: error.into(),
    };
    let refuse = |kind, why: &str| Err(Error::Remote(Failure::new(kind, why)));
    if !received::is_open_for_reading(file.as_fd()).map_err(failed)? {
        return refuse(ErrorKind::PermissionDenied, "the passed handle is not open for reading");
    }
    if status(file.as_fd()).map_err(failed)?.kind != ObjectKind::Regular {
        return refuse(ErrorKind::NotRegular, "the passed handle is no regular file");
    }
    if files::is_made_by_the_kernel(file.as_fd()).map_err(failed)? {
        return refuse(ErrorKind::NotRegular, "the passed file's content is made up by the kernel");
    }
    received::clear_flags(file.as_fd()).map_err(failed)
}

//! Deciding whether a handle that came from a peer may be read.

use std::fs::File;
use std::os::windows::io::AsHandle as _;

use ipc_core::files::FileKind;
use ipc_core::transport::ReceivedHandle;
use ipc_core::{Error, ErrorKind, Failure, Operation, Result};

use crate::sys::files;

/// Checks a handle that a peer passed, and returns it if it is a regular file, opened for reading.
///
/// Refused are: what is no file of a file system (reading a pipe or a device could wait for ever),
/// what was opened for writing only or for its metadata, and what was opened for overlapped use: to
/// read that without an operation's own event is undefined.
///
/// The peer still has the same opening of the file. So read at positions only, expect any read to
/// fail, to end early, or to wait for as long as the peer has something under way on it, and do not
/// map it.
///
/// # Errors
/// [`Error::Remote`] of kind `NotRegular`, or `PermissionDenied` for a handle that cannot be read;
/// [`Error::Io`] if the system does not tell.
pub fn regular_file(handle: ReceivedHandle) -> Result<File> {
    let file = handle.into_unchecked();
    let failed = |source| Error::Io { operation: Operation::PassHandle, at: None, source };
    let refuse = |kind, why: &str| Err(Error::Remote(Failure::new(kind, why)));
    if !files::is_on_disk(file.as_handle()) {
        return refuse(ErrorKind::NotRegular, "the passed handle is a device's or a pipe's");
    }
    if !files::is_open_for_reading(file.as_handle()) {
        return refuse(ErrorKind::PermissionDenied, "the passed handle is not open for reading");
    }
    if files::metadata(file.as_handle()).map_err(failed)?.kind != FileKind::Regular {
        return refuse(ErrorKind::NotRegular, "the passed handle is no regular file");
    }
    if !files::is_synchronous(file.as_handle()).map_err(failed)? {
        return refuse(ErrorKind::NotRegular, "the passed file is open for overlapped use");
    }
    Ok(file)
}

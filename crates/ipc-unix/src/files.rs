//! What programs need to know of their own files, beyond the standard library.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;

use ipc_core::files::Metadata;

use crate::sys::status;

/// The metadata of an opened file.
///
/// # Errors
/// What the system said.
pub fn metadata(file: &File) -> io::Result<Metadata> {
    Ok(status::metadata(file.as_fd())?)
}

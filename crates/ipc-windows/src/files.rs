//! What programs need to know of their own files, beyond the standard library.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::windows::io::AsHandle as _;

use ipc_core::files::{Escaped, Metadata};
use ipc_core::{Error, Result};

use crate::root::names;
use crate::sys::files;

/// The metadata of an opened file. What is on no disk has none but its kind.
///
/// # Errors
/// What the system said.
pub fn metadata(file: &File) -> io::Result<Metadata> {
    files::metadata(file.as_handle())
}

/// How many names an opened file has.
///
/// # Errors
/// What the system said.
pub fn links(file: &File) -> io::Result<u32> {
    files::links(file.as_handle())
}

/// Checks that `name` can be a file's or directory's below any directory, and nothing else: no
/// device's (`nul.txt`), no stream's (`a:b`), none that the system would read as another.
///
/// # Errors
/// [`Error::InvalidInput`], which says why not.
pub fn check_name(name: &OsStr) -> Result<()> {
    let checked = name.to_str().ok_or(names::Fault::NoUnicode).and_then(names::check);
    checked.map_err(|fault| {
        let name = Escaped(name.as_encoded_bytes());
        Error::InvalidInput { reason: format!("the name `{name}` {fault}") }
    })
}

/// Whether some version of Windows takes `name` for a device, in whatever directory.
#[must_use]
pub fn is_device_name(name: &OsStr) -> bool {
    name.to_str().is_some_and(names::is_device)
}

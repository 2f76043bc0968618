//! The file of a server's own account.
#![allow(clippy::disallowed_methods, reason = "the server's own account")]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt as _;
use std::path::Path;

/// Opens `path` for reading and for appending, or makes it. A renamed file is written on.
///
/// # Errors
/// What the system said; [`io::ErrorKind::InvalidInput`] for what is no file, such as a link.
pub fn open_log(path: &Path, _owner: Option<&str>) -> io::Result<File> {
    let mut how = OpenOptions::new();
    how.read(true).append(true).create(true).custom_flags(OPEN_REPARSE_POINT);
    let file = how.open(path)?;
    if file.metadata()?.file_type().is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"))
}

/// Whether both are one file, by whatever names: not told here, where none is opened twice.
///
/// # Errors
/// None here.
pub fn is_same_file(_one: &File, _other: &File) -> io::Result<bool> {
    Ok(false)
}

/// Whether this process can make files in `directory`: found out when it does.
#[must_use]
pub fn can_make_files_in(_directory: &Path) -> bool {
    true
}

/// Source: Win32 `FILE_FLAG_OPEN_REPARSE_POINT`.
const OPEN_REPARSE_POINT: u32 = 0x0020_0000;

//! Text as the system takes it.

use std::ffi::OsStr;
use std::io;
use std::os::windows::ffi::OsStrExt;

/// `text` in UTF-16 with its terminator.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] if `text` has a NUL of its own, where the system would cut it.
pub(crate) fn terminated(text: impl AsRef<OsStr>) -> io::Result<Vec<u16>> {
    let mut wide: Vec<u16> = text.as_ref().encode_wide().collect();
    if wide.contains(&0) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the text contains a NUL"));
    }
    wide.push(0);
    Ok(wide)
}

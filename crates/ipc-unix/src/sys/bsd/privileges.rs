//! Giving up rights: there are no capabilities to keep here.

use std::io;

pub(crate) fn keep_only_switching(_uid: u32, _gid: u32) -> io::Result<()> {
    let text = "this system has no right to act as other users that could be kept alone";
    Err(io::Error::new(io::ErrorKind::Unsupported, text))
}

pub(crate) fn try_to_get_back() -> io::Result<()> {
    Ok(())
}

/// How many threads this process has: not asked here.
pub(crate) fn count_threads() -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

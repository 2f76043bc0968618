//! Looking at a descriptor that came from elsewhere.

use std::os::fd::BorrowedFd;

use rustix::fs::{self, OFlags};

use super::Result;

/// `false` for one that was opened for writing only, or only as a name (`O_PATH`).
pub(crate) fn is_open_for_reading(file: BorrowedFd<'_>) -> Result<bool> {
    let flags = fs::fcntl_getfl(file)?;
    let access = flags & OFlags::RWMODE;
    Ok((access == OFlags::RDONLY || access == OFlags::RDWR) && !is_name_only(flags))
}

#[cfg(any(target_os = "linux", target_os = "freebsd"))]
fn is_name_only(flags: OFlags) -> bool {
    flags.contains(OFlags::PATH)
}

#[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
fn is_name_only(_flags: OFlags) -> bool {
    false
}

/// Takes off the flags that change how reading behaves.
pub(crate) fn clear_flags(file: BorrowedFd<'_>) -> Result<()> {
    fs::fcntl_setfl(file, OFlags::empty())
}

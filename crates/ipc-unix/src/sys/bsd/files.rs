//! Opening files below a directory. Source: open(2), statfs(2).

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};

pub(crate) use super::walk::{open_below, stat_below};

/// How a directory is opened to resolve names below it: with no right to list it.
#[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
pub(crate) const SEARCH: OFlags = OFlags::from_bits_retain(libc::O_SEARCH.unsigned_abs());
#[cfg(not(any(target_vendor = "apple", target_os = "freebsd")))]
pub(crate) const SEARCH: OFlags = OFlags::RDONLY;

/// Opens a directory to resolve names below it.
pub(crate) fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    let flags = SEARCH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(CWD, path, flags, Mode::empty())?)
}

/// `true` if the file lies on a file system whose contents the kernel makes up: their lengths lie,
/// and some of them show the server's own memory.
pub(crate) fn is_made_by_the_kernel(file: BorrowedFd<'_>) -> rustix::io::Result<bool> {
    Ok(KERNEL_FILE_SYSTEMS.contains(&file_system(file)?.as_slice()))
}

/// `true` if the file's device alone says that nobody makes the file up: here it does not.
pub(crate) fn is_on_a_device(_device: u64) -> bool {
    false
}

/// The name of the kind of file system that the file lies on.
pub(super) fn file_system(file: BorrowedFd<'_>) -> rustix::io::Result<Vec<u8>> {
    let status = rustix::fs::fstatfs(file)?;
    let name = status.f_fstypename.iter().map(|byte| byte.to_ne_bytes()[0]);
    Ok(name.take_while(|byte| *byte != 0).collect())
}

const KERNEL_FILE_SYSTEMS: [&[u8]; 7] =
    [b"procfs", b"linprocfs", b"linsysfs", b"devfs", b"fdescfs", b"fdesc", b"mqueuefs"];

//! Systems other than Linux: threads are known by no number, and processes do not change user.

use std::env;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{Mode, OFlags, open};

/// The number that the system knows this thread by, where it has one.
#[must_use]
pub fn thread_id() -> Option<u32> {
    None
}

/// Makes this process that of another user, for good.
///
/// # Errors
/// Always: the demonstration needs it, and only on Linux.
pub(super) fn become_user(uid: u32, _gid: u32, _groups: &[u32]) -> io::Result<()> {
    let text = format!("this system cannot start a client as uid {uid}");
    Err(io::Error::new(io::ErrorKind::Unsupported, text))
}

/// This program, by its path.
///
/// # Errors
/// What the system said.
pub fn this_program() -> io::Result<PathBuf> {
    env::current_exe()
}

/// Makes a FIFO at `path`.
///
/// # Errors
/// What the system said.
pub fn make_fifo(path: &Path) -> io::Result<()> {
    let status = Command::new("mkfifo").arg(path).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("mkfifo failed")) }
}

/// Whether this process can start others as any user, and give files to them.
#[must_use]
pub fn can_become_others() -> bool {
    false
}

/// Whether a server can become another user and keep no right but to act as clients.
pub(super) const HAS_USER: bool = false;

/// Whether a server can be fenced in.
pub(super) const HAS_FENCE: bool = false;

/// How a directory is opened only to name what lies in it.
pub(super) const DIRECTORY_ACCESS: OFlags = OFlags::RDONLY;

/// The directory of what this process has open, by number. Source: fd(4).
pub(super) const DESCRIPTORS: &[&str] = &["/dev/fd"];

/// Whether `directory` lies in a file system whose links are no paths: there is none.
pub(super) fn is_proc(_directory: BorrowedFd<'_>) -> bool {
    false
}

/// What this process has open as `number`, once more. Source: fd(4), opening it is duplicating it.
pub(super) fn duplicate(number: i32) -> io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    Ok(open(format!("/dev/fd/{number}"), flags, Mode::empty())?)
}

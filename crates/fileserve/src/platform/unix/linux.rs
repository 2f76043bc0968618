//! Linux: threads have numbers and identities of their own.
#![allow(clippy::disallowed_methods, reason = "files of the client's own")]

use std::fs::{self, Permissions};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, PROC_SUPER_MAGIC, fstatfs, mknodat};
use rustix::process::{Gid, PidfdFlags, PidfdGetfdFlags, Uid, getpid, pidfd_getfd, pidfd_open};
use rustix::thread::{self, CapabilitySet};

/// The number that the system knows this thread by, where it has one.
#[must_use]
pub fn thread_id() -> Option<u32> {
    Some(thread::gettid().as_raw_nonzero().get().unsigned_abs())
}

/// Makes this process that of another user, for good. It must have one thread only.
///
/// # Errors
/// What the system said; the process may be half-changed then and must end.
pub(super) fn become_user(uid: u32, gid: u32, groups: &[u32]) -> io::Result<()> {
    let groups: Vec<Gid> = groups.iter().copied().map(Gid::from_raw).collect();
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    thread::set_thread_groups(&groups)?;
    thread::set_thread_res_gid(gid, gid, gid)?;
    thread::set_thread_res_uid(uid, uid, uid).map_err(io::Error::from)
}

/// This program, by its handle: the directory that it lies in may be closed to the user that starts
/// it. Source: proc(5), `/proc/self/exe`.
///
/// # Errors
/// None here.
pub fn this_program() -> io::Result<PathBuf> {
    Ok(PathBuf::from("/proc/self/exe"))
}

/// Makes a FIFO at `path` that everybody may read.
///
/// # Errors
/// What the system said.
pub fn make_fifo(path: &Path) -> io::Result<()> {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o644), 0)?;
    fs::set_permissions(path, Permissions::from_mode(0o644))
}

/// Whether this process can start others as any user, and give files to them.
#[must_use]
pub fn can_become_others() -> bool {
    let needed = CapabilitySet::SETUID | CapabilitySet::SETGID | CapabilitySet::CHOWN;
    thread::capabilities(None).is_ok_and(|sets| sets.effective.contains(needed))
}

/// Whether a server can become another user and keep no right but to act as clients.
pub(super) const HAS_USER: bool = true;

/// Whether a server can be fenced in.
pub(super) const HAS_FENCE: bool = true;

/// How a directory is opened only to name what lies in it. Needs no right to list it.
pub(super) const DIRECTORY_ACCESS: OFlags = OFlags::PATH;

/// The directories of what this process has open, by number. Source: proc(5).
pub(super) const DESCRIPTORS: &[&str] = &["/proc/self/fd", "/proc/thread-self/fd"];

/// Whether `directory` lies in the file system whose links are no paths. Source: proc(5).
pub(super) fn is_proc(directory: BorrowedFd<'_>) -> bool {
    fstatfs(directory).is_ok_and(|system| system.f_type == PROC_SUPER_MAGIC)
}

/// What this process has open as `number`, once more.
pub(super) fn duplicate(number: i32) -> io::Result<OwnedFd> {
    let this_process = pidfd_open(getpid(), PidfdFlags::empty())?;
    Ok(pidfd_getfd(this_process, number, PidfdGetfdFlags::empty())?)
}

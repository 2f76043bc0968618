//! What the kernel tells of a process by its pidfd. Source: Linux `uapi/linux/pidfd.h`.
#![allow(unsafe_code, reason = "the ioctls of a pidfd have no safe wrapper")]

use std::fs::File;
use std::io;
use std::io::Read;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::OnceLock;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::PidfdFlags;

use super::NamespaceKind;

/// A descriptor of this very thread, which has its own namespaces.
pub(crate) fn this_thread() -> io::Result<OwnedFd> {
    let thread = PidfdFlags::from_bits_retain(PIDFD_THREAD);
    Ok(rustix::process::pidfd_open(rustix::thread::gettid(), thread)?)
}

/// A number that is the process's namespace's own as long as anybody lives in it. The kernel tells
/// whoever might trace the process (`EACCES`), since 6.11 (`ENOTTY`), while it lives (`ESRCH`).
pub(crate) fn namespace(process: BorrowedFd<'_>, kind: NamespaceKind) -> io::Result<Namespace> {
    let request = match kind {
        NamespaceKind::User => PIDFD_GET_USER_NAMESPACE,
        NamespaceKind::Mount => PIDFD_GET_MNT_NAMESPACE,
    };
    // SAFETY: `process` is borrowed and so stays open for the call; these requests read and write
    // no memory of ours, their argument is a plain 0.
    let descriptor = unsafe { libc::ioctl(process.as_raw_fd(), request, 0) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so the kernel has put a new descriptor under this number into
    // this process's table and told nobody else: this is its one owner.
    let handle = unsafe { OwnedFd::from_raw_fd(descriptor) };
    let status = rustix::fs::fstat(&handle)?;
    Ok(Namespace { device: status.st_dev, inode: status.st_ino, _handle: handle })
}

/// A namespace, kept alive so that its number is not given to another one.
#[derive(Debug)]
pub(crate) struct Namespace {
    device: u64,
    inode: u64,
    _handle: OwnedFd,
}

impl PartialEq for Namespace {
    fn eq(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// The process's control group, as its id in the unified hierarchy.
pub(crate) fn control_group(process: BorrowedFd<'_>) -> io::Result<u64> {
    let mut info = PidfdInfo { mask: PIDFD_INFO_CGROUPID, ..PidfdInfo::default() };
    // SAFETY: `process` is borrowed and so stays open for the call; the request's number carries
    // the size of `PidfdInfo`, so the kernel reads and writes exactly the live local behind the
    // pointer, which nobody else sees and for whose integers every value is valid.
    let status =
        unsafe { libc::ioctl(process.as_raw_fd(), PIDFD_GET_INFO, std::ptr::from_mut(&mut info)) };
    if status < 0 {
        return Err(io::Error::last_os_error());
    }
    if info.mask & PIDFD_INFO_CGROUPID == 0 {
        return Err(io::ErrorKind::Unsupported.into());
    }
    Ok(info.control_group)
}

/// `true` while the process has not ended.
pub(crate) fn is_alive(process: BorrowedFd<'_>) -> bool {
    let mut ended = [PollFd::from_borrowed_fd(process, PollFlags::IN)];
    matches!(rustix::event::poll(&mut ended, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })), Ok(0))
}

/// The program that the process with that number runs, if `/proc` tells this process.
pub(crate) fn executable(pid: u32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// Whether the process with that number can gain no privileges by exec, if `/proc` tells.
pub(crate) fn no_new_privileges(pid: u32) -> Option<bool> {
    let status = String::from_utf8(read_limited(&format!("/proc/{pid}/status")).ok()?).ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix("NoNewPrivs:"))?;
    Some(value.trim() == "1")
}

/// Whether the process with that number lives in a user namespace whose ids mean what this
/// process's do, as far as `/proc` tells: it tells everybody, also of a process that hides the
/// namespace itself. Only root can make another namespace with the same ids.
pub(crate) fn has_same_ids(pid: u32) -> Option<bool> {
    let maps = |process: &str| -> Option<[Vec<u8>; 2]> {
        let map = |which: &str| read_limited(&format!("/proc/{process}/{which}")).ok();
        Some([map("uid_map")?, map("gid_map")?])
    };
    Some(maps(&pid.to_string())? == maps("self")?)
}

/// The security module's label that this process had when it was first asked for, if a module gives
/// one.
pub(crate) fn own_label() -> Option<&'static str> {
    static LABEL: OnceLock<Option<String>> = OnceLock::new();
    let label = LABEL.get_or_init(|| {
        let label = read_limited("/proc/thread-self/attr/current").ok()?;
        let label = String::from_utf8(label).ok()?;
        let label = label.trim_end_matches(['\0', '\n']);
        (!label.is_empty()).then(|| label.to_owned())
    });
    label.as_deref()
}

fn read_limited(path: &str) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(MAX_STATUS).read_to_end(&mut content)?;
    Ok(content)
}

/// `struct pidfd_info`, its first version (64 bytes).
#[derive(Default)]
#[repr(C)]
struct PidfdInfo {
    mask: u64,
    control_group: u64,
    /// pid, tgid, ppid, and the real, effective, saved and file system's uid and gid.
    ids: [u32; 11],
    exit_code: i32,
}

/// Opens one thread instead of its process. Source: pidfd_open(2), `PIDFD_THREAD` is `O_EXCL`.
const PIDFD_THREAD: u32 = libc::O_EXCL.unsigned_abs();

const PIDFD_GET_MNT_NAMESPACE: libc::Ioctl = libc::_IO(PIDFD, 3);
const PIDFD_GET_USER_NAMESPACE: libc::Ioctl = libc::_IO(PIDFD, 9);
const PIDFD_GET_INFO: libc::Ioctl = libc::_IOWR::<PidfdInfo>(PIDFD, 11);
const PIDFD: u32 = 0xFF;
const PIDFD_INFO_CGROUPID: u64 = 1 << 2;

/// As much of a file in `/proc` as is read, in bytes.
const MAX_STATUS: u64 = 64 * 1024;

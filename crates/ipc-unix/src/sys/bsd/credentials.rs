//! Who is at the other end of a socket, and who this process is. Source: getpeereid(3), unix(4).
#![allow(unsafe_code, reason = "getpeereid and the options of local sockets have no safe wrapper")]

use std::io;
use std::mem::offset_of;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use super::Credentials;

/// The credentials of the process at the other end, as of its `connect` or `listen`. An id of
/// `u32::MAX` means that there is no other end.
pub(crate) fn of_peer(socket: BorrowedFd<'_>) -> io::Result<Credentials> {
    let [mut uid, mut gid]: [u32; 2] = [u32::MAX; 2];
    // SAFETY: `socket` is borrowed and so stays open for the call; both pointers are to live locals
    // that nobody else sees, and the call writes one id to each.
    let status = unsafe { libc::getpeereid(socket.as_raw_fd(), &raw mut uid, &raw mut gid) };
    if status == 0 {
        return Ok(Credentials { uid, gid, pid: pid_of_peer(socket) });
    }
    match io::Error::last_os_error() {
        error if error.raw_os_error() == Some(libc::ENOTCONN) => {
            Ok(Credentials { uid: u32::MAX, gid: u32::MAX, pid: None })
        }
        error => Err(error),
    }
}

/// The groups of the process at the other end; `None` where there may be more than the system
/// records, which is 16.
pub(crate) fn groups_of_peer(socket: BorrowedFd<'_>) -> io::Result<Option<Vec<u32>>> {
    let mut record = [0; size_of::<libc::xucred>()];
    let length = get_option(socket, libc::LOCAL_PEERCRED, &mut record)?;
    let groups_at = offset_of!(libc::xucred, cr_groups);
    let version = word(&record[offset_of!(libc::xucred, cr_version)..]);
    if version != libc::XUCRED_VERSION || length < groups_at + MAX_GROUPS * size_of::<u32>() {
        return Ok(None);
    }
    let count = &record[offset_of!(libc::xucred, cr_ngroups)..];
    let count = count.first_chunk().copied().map_or(-1, i16::from_ne_bytes);
    Ok(match usize::try_from(count) {
        Ok(count) if count < MAX_GROUPS => {
            let groups = record[groups_at..].chunks_exact(size_of::<u32>());
            Some(groups.take(count).map(word).collect())
        }
        _ => None,
    })
}

/// A descriptor of the process that connected: these systems have none.
pub(crate) fn process_of_peer(_socket: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The security module's label of the process at the other end: not told.
pub(crate) fn label_of_peer(_socket: BorrowedFd<'_>) -> Option<String> {
    None
}

/// This process's own effective ids and its groups, in the kernel's order.
pub(crate) fn own() -> io::Result<(Credentials, Vec<u32>)> {
    let own = Credentials {
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        pid: Some(std::process::id()),
    };
    let groups = rustix::process::getgroups()?;
    Ok((own, groups.into_iter().map(rustix::process::Gid::as_raw).collect()))
}

#[cfg(target_vendor = "apple")]
fn pid_of_peer(socket: BorrowedFd<'_>) -> Option<u32> {
    let mut pid = [0; 4];
    get_option(socket, libc::LOCAL_PEERPID, &mut pid).ok()?;
    Some(u32::from_ne_bytes(pid)).filter(|pid| *pid != 0)
}

#[cfg(not(target_vendor = "apple"))]
fn pid_of_peer(_socket: BorrowedFd<'_>) -> Option<u32> {
    None
}

/// The option's value in `buffer`, and how many bytes it has.
fn get_option(socket: BorrowedFd<'_>, option: libc::c_int, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = libc::socklen_t::try_from(buffer.len()).unwrap_or(libc::socklen_t::MAX);
    // SAFETY: `socket` is borrowed and so stays open for the call; `buffer` is valid for writes of
    // `length` bytes, at most its own length, and borrowed mutably; `length` is a live local that
    // the call reads and writes.
    let status = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            SOL_LOCAL,
            option,
            buffer.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(usize::try_from(length).unwrap_or(usize::MAX))
}

/// The first four bytes as the kernel's 32-bit number.
fn word(bytes: &[u8]) -> u32 {
    bytes.first_chunk().copied().map_or(0, u32::from_ne_bytes)
}

/// Source: `sys/un.h`.
const SOL_LOCAL: libc::c_int = 0;

/// As many groups as `struct xucred` holds. Source: `sys/ucred.h`, `XU_NGROUPS`.
const MAX_GROUPS: usize = 16;

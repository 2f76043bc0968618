//! Who is at the other end of a socket, and who this process is. Source: unix(7), socket(7).
#![allow(unsafe_code, reason = "rustix reads SO_PEERCRED into a pid that may not be 0; it may be")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::Credentials;

/// The credentials of the process at the other end, as of its `connect` or `listen`. An id of
/// `u32::MAX` means that there is no other end.
pub(crate) fn of_peer(socket: BorrowedFd<'_>) -> io::Result<Credentials> {
    // struct ucred: pid_t pid; uid_t uid; gid_t gid.
    let mut ucred = [0; 12];
    let (length, result) = get_option(socket, libc::SO_PEERCRED, &mut ucred);
    result?;
    if length != ucred.len() {
        return Err(io::Error::other("SO_PEERCRED gave something that is no struct ucred"));
    }
    let [pid, uid, gid] = [0, 4, 8].map(|at| word(&ucred[at..]));
    Ok(Credentials { uid, gid, pid: (pid != 0).then_some(pid) })
}

/// The supplementary groups of the process at the other end, in the kernel's order; `None` on a
/// kernel that does not tell them (before 4.13).
pub(crate) fn groups_of_peer(socket: BorrowedFd<'_>) -> io::Result<Option<Vec<u32>>> {
    let mut bytes = vec![0; 32 * size_of::<u32>()];
    loop {
        match get_option(socket, libc::SO_PEERGROUPS, &mut bytes) {
            (length, Ok(())) => {
                bytes.truncate(length);
                return Ok(Some(bytes.chunks_exact(size_of::<u32>()).map(word).collect()));
            }
            (needed, Err(error)) if error.raw_os_error() == Some(libc::ERANGE) => {
                if needed <= bytes.len() || needed > MAX_GROUPS * size_of::<u32>() {
                    return Err(error);
                }
                bytes.resize(needed, 0);
            }
            (_, Err(error)) if error.raw_os_error() == Some(libc::ENOPROTOOPT) => return Ok(None),
            (_, Err(error)) => return Err(error),
        }
    }
}

/// A descriptor of the process that connected, close-on-exec: it stays that process, whatever
/// becomes of the pid. Kernels before 6.5 answer `ENOPROTOOPT`.
pub(crate) fn process_of_peer(socket: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let mut descriptor = [0; 4];
    let (length, result) = get_option(socket, SO_PEERPIDFD, &mut descriptor);
    result?;
    let descriptor = i32::from_ne_bytes(descriptor);
    if length != size_of::<i32>() || descriptor < 0 {
        return Err(io::Error::other("SO_PEERPIDFD gave something that is no descriptor"));
    }
    // SAFETY: the call succeeded, so the kernel has put a new descriptor under this number into
    // this process's table and told nobody else: this is its one owner.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// The security module's label of the process at the other end, if a module gives one.
pub(crate) fn label_of_peer(socket: BorrowedFd<'_>) -> Option<String> {
    let mut label = vec![0; 4096];
    let (length, result) = get_option(socket, libc::SO_PEERSEC, &mut label);
    result.ok()?;
    label.truncate(length);
    while label.last() == Some(&0) {
        label.pop();
    }
    String::from_utf8(label).ok().filter(|label| !label.is_empty())
}

/// This process's own effective ids and its supplementary groups, in the kernel's order.
pub(crate) fn own() -> io::Result<(Credentials, Vec<u32>)> {
    let own = Credentials {
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        pid: Some(std::process::id()),
    };
    let groups = rustix::process::getgroups()?;
    Ok((own, groups.into_iter().map(rustix::process::Gid::as_raw).collect()))
}

/// The option's value in `buffer`, and how many bytes it has; with `ERANGE`, how many it needs.
fn get_option(
    socket: BorrowedFd<'_>,
    option: libc::c_int,
    buffer: &mut [u8],
) -> (usize, io::Result<()>) {
    let mut length = libc::socklen_t::try_from(buffer.len()).unwrap_or(libc::socklen_t::MAX);
    // SAFETY: `socket` is borrowed and so stays open for the call; `buffer` is valid for writes of
    // `length` bytes, at most its own length, and borrowed mutably; `length` is a live local that
    // the call reads and writes.
    let status = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            buffer.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    let result = if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
    (usize::try_from(length).unwrap_or(usize::MAX), result)
}

/// The first four bytes as the kernel's 32-bit number.
fn word(bytes: &[u8]) -> u32 {
    bytes.first_chunk().copied().map_or(0, u32::from_ne_bytes)
}

/// Source: Linux `asm-generic/socket.h`; since 6.5.
const SO_PEERPIDFD: libc::c_int = 77;

/// The most supplementary groups that a process can have. Source: credentials(7), `NGROUPS_MAX`.
const MAX_GROUPS: usize = 65_536;

//! A process beside this one, forked off it.
#![allow(unsafe_code, reason = "fork, dup2 and setfsuid have no safe wrapper")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

/// Starts a process that runs `work` with one end of a connection, and gives back the other. It
/// ends when `work` returns, has nothing open but its end, and no signal that asks a program to
/// stop ends it.
///
/// This process must have one thread: the new one is a copy of it with the calling thread alone.
pub(crate) fn start(work: impl FnOnce(BorrowedFd<'_>)) -> io::Result<OwnedFd> {
    let (ours, its) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    // SAFETY: the process has one thread, so that nothing is locked or half-done in the copy that
    // somebody else would have to finish; it may do whatever this process may.
    match unsafe { libc::fork() } {
        0 => {
            if let Some(connection) = keep_only(its) {
                work(connection);
            }
            // SAFETY: ends the copy at once: what is to happen at the end of the program is the
            // original's.
            unsafe { libc::_exit(0) }
        }
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(ours),
    }
}

/// Closes everything but `connection`, which becomes descriptor 0, and ignores requests to stop.
fn keep_only(connection: OwnedFd) -> Option<BorrowedFd<'static>> {
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGTSTP] {
        // SAFETY: ignoring a signal runs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    // SAFETY: `connection` is open for the call, and whoever owned descriptor 0 does not run in
    // this copy of the process.
    let moved = unsafe { libc::dup2(connection.as_raw_fd(), 0) };
    // Forgotten rather than dropped: the next call closes it.
    std::mem::forget(connection);
    // SAFETY: as above, their owners do not run in this copy and never will.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, 1, libc::c_uint::MAX, 0) };
    // SAFETY: descriptor 0 is the connection, and nobody closes it before the process ends.
    (moved == 0 && closed == 0).then(|| unsafe { BorrowedFd::borrow_raw(0) })
}

/// Runs `work` while this thread's user and group are those where it comes to files and to looking
/// at other processes. Source: setfsuid(2); ptrace(2), "Ptrace access mode checking".
pub(crate) fn looking_as<R>(uid: u32, gid: u32, work: impl FnOnce() -> R) -> R {
    set_file_ids(uid, gid);
    let value = work();
    set_file_ids(rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    value
}

/// What the kernel refuses stays as it is, and then less is told.
fn set_file_ids(uid: u32, gid: u32) {
    // SAFETY: the call takes a number and changes this thread alone.
    unsafe { libc::setfsgid(gid) };
    // SAFETY: as above.
    unsafe { libc::setfsuid(uid) };
}

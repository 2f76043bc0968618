//! Descriptors that nobody wants.
#![allow(unsafe_code, reason = "rustix has no `SO_PASSRIGHTS` yet")]

use std::mem;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use rustix::fs::{AtFlags, FileType, StatxFlags, statx};

/// Has the kernel refuse, to whoever sends it, what comes to `socket` with descriptors; what a listener
/// accepts is as it is. Before Linux 6.16, which cannot, the kernel closes them when they arrive.
///
/// They had better not arrive: closing takes as long as the descriptor says. With a TCP socket that
/// lingers, a `recv` of one byte took five seconds (seen on Linux 6.18).
pub(crate) fn refuse_descriptors(socket: BorrowedFd<'_>) {
    let off: libc::c_int = 0;
    let length = mem::size_of_val(&off);
    let length = libc::socklen_t::try_from(length).expect("the length of an int is small");
    // SAFETY: `socket` is borrowed and so stays open for the call; `off` is a live local, valid for
    // reads of `length` bytes, its own size, which the kernel copies and does not keep.
    let _too_old = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            SO_PASSRIGHTS,
            (&raw const off).cast(),
            length,
        )
    };
}

/// `true` for a file on a local disk. The question itself waits for nobody.
///
/// What has a file system's device of its own lies on no disk: it may be a program's (FUSE), or on
/// another machine.
pub(crate) fn closes_at_once(file: BorrowedFd<'_>) -> bool {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    statx(file, c"", flags, StatxFlags::TYPE).is_ok_and(|found| {
        let is_regular = FileType::from_raw_mode(found.stx_mode.into()) == FileType::RegularFile;
        is_regular && found.stx_dev_major != 0
    })
}

/// Source: Linux `asm-generic/socket.h`; since 6.16.
const SO_PASSRIGHTS: libc::c_int = 83;

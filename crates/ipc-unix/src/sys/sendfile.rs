//! Sending a file's bytes without taking them through this process.

use std::fs::File;
use std::os::fd::BorrowedFd;

use super::Result;

/// Whether this system can do it.
pub(crate) const EXISTS: bool = cfg!(target_os = "linux");

/// The most bytes of one call. Source: sendfile(2).
pub(crate) const MAX_COUNT: usize = 0x7fff_f000;

/// Sends up to `count` bytes of `file` from `from` on, waiting for room in `socket`. Never raises
/// `SIGPIPE`.
#[cfg(target_os = "linux")]
pub(crate) fn send_file(
    socket: BorrowedFd<'_>,
    file: &File,
    from: u64,
    count: usize,
) -> Result<usize> {
    let mut at = from;
    super::signal::without_broken_pipe_signal(|| {
        super::retry_on_intr(|| rustix::fs::sendfile(socket, file, Some(&mut at), count))
    })
}

/// No other system sends to a local socket so.
#[cfg(not(target_os = "linux"))]
pub(crate) fn send_file(_: BorrowedFd<'_>, _: &File, _: u64, _: usize) -> Result<usize> {
    Err(super::Errno::OPNOTSUPP)
}

//! A descriptor that is not readable, until it is for good.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::Result;

/// Once set, it ends every wait that watches it.
///
/// Needed because `shutdown` does not wake a waiting `accept` on macOS.
#[derive(Debug)]
pub(crate) struct Latch {
    watched: OwnedFd,
    #[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
    other_end: OwnedFd,
}

impl Latch {
    #[cfg(any(target_os = "linux", target_os = "freebsd"))]
    pub(crate) fn new() -> Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        Ok(Self { watched: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)? })
    }

    #[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
    pub(crate) fn new() -> Result<Self> {
        let (watched, other_end) = rustix::pipe::pipe()?;
        for end in [&watched, &other_end] {
            rustix::io::ioctl_fioclex(end)?;
            rustix::io::ioctl_fionbio(end, true)?;
        }
        Ok(Self { watched, other_end })
    }

    pub(crate) fn set(&self) {
        #[cfg(any(target_os = "linux", target_os = "freebsd"))]
        let other_end = &self.watched;
        #[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
        let other_end = &self.other_end;
        // Fails only if it is full, and then it is readable. Nobody ever reads.
        let _ = rustix::io::write(other_end, &1_u64.to_ne_bytes());
    }
}

impl AsFd for Latch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watched.as_fd()
    }
}

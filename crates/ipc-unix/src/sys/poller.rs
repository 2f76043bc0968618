//! Watching many sockets at once: `epoll` on Linux, nothing elsewhere.
//!
//! `kqueue` could do it on macOS and the BSDs. Without it their connections cannot be parked, and
//! the runtime gives each a thread.

#[cfg(target_os = "linux")]
mod epoll;
#[cfg(target_os = "linux")]
pub(crate) use epoll::Poller;

#[cfg(not(target_os = "linux"))]
mod absent;
#[cfg(not(target_os = "linux"))]
pub(crate) use absent::Poller;

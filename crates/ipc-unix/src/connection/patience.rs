//! How a call waits: not at all, in the call itself, or before it.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ipc_core::transport::Interest;
use ipc_core::{Deadline, Error, Operation, Result};

use super::UnixConnection;
use crate::sys::socket::Patience;
use crate::sys::{self, Errno, poll, socket};

impl UnixConnection {
    /// Has `attempt` receive, again and again until `deadline`.
    pub(super) fn receiving<T>(
        &self,
        operation: Operation,
        deadline: Deadline,
        mut attempt: impl FnMut(Patience) -> sys::Result<T>,
    ) -> Result<T> {
        let socket = self.socket.as_fd();
        let loan = self.receive_timeout.borrow();
        let mut expired = false;
        loop {
            let patience = match &loan {
                Some(loan) => loan
                    .patience(socket, deadline, expired)
                    .map_err(|error| self.failure(operation, error))?,
                None => Patience::TryOnce,
            };
            match attempt(patience) {
                Err(Errno::AGAIN) => expired = true,
                outcome => return outcome.map_err(|error| self.failure(operation, error)),
            }
            self.give_up_after(operation, deadline)?;
            if patience == Patience::TryOnce {
                self.wait_until(operation, Interest::Read, deadline)?;
            }
        }
    }

    /// Has `attempt` send, again and again until `deadline`.
    ///
    /// Without a deadline the call itself waits, until everything is on its way. With one it never
    /// does: `SO_SNDTIMEO` limits each piece of a large write, not their sum, so a peer that takes
    /// a byte now and then could hold the caller far beyond its deadline.
    pub(super) fn sending<T>(
        &self,
        operation: Operation,
        deadline: Deadline,
        mut attempt: impl FnMut(Patience) -> sys::Result<T>,
    ) -> Result<T> {
        let patience = if deadline.is_never() { Patience::Wait } else { Patience::TryOnce };
        loop {
            match attempt(patience) {
                Err(Errno::AGAIN) => {}
                outcome => return outcome.map_err(|error| self.failure(operation, error)),
            }
            self.give_up_after(operation, deadline)?;
            self.wait_until(operation, Interest::Write, deadline)?;
        }
    }

    pub(super) fn wait_until(
        &self,
        operation: Operation,
        interest: Interest,
        deadline: Deadline,
    ) -> Result<()> {
        poll::wait(self.socket.as_fd(), interest, deadline)
            .map(drop)
            .map_err(|error| self.failure(operation, error))
    }

    fn give_up_after(&self, operation: Operation, deadline: Deadline) -> Result<()> {
        self.state.check_cancelled(operation)?;
        if deadline.has_passed() { Err(Error::TimedOut { operation }) } else { Ok(()) }
    }
}

/// The socket's `SO_RCVTIMEO`, set as seldom as possible.
///
/// With it a receive that has a deadline is one system call, where `poll` would make it two. It
/// belongs to the socket and not to the call, so only one reader at a time may rely on it; another
/// that reads at the same moment polls.
#[derive(Debug, Default)]
pub(super) struct ReceiveTimeout {
    borrowed: AtomicBool,
    /// In microseconds; 0: for ever.
    current: AtomicU64,
}

impl ReceiveTimeout {
    fn borrow(&self) -> Option<Loan<'_>> {
        let taken = self.borrowed.swap(true, Ordering::Acquire);
        (!taken).then_some(Loan(self))
    }
}

/// The right to rely on the socket's timeout, and to change it.
struct Loan<'a>(&'a ReceiveTimeout);

impl Loan<'_> {
    /// Whether the next receive may wait, and prepares the socket's timeout for that. `expired`:
    /// the receive before it came back empty-handed.
    ///
    /// A timeout that is not longer than what remains is kept: the receive looks at the clock when
    /// it comes back. A new one leaves some room below, so that the next call with a like deadline
    /// can keep it.
    fn patience(
        &self,
        socket: BorrowedFd<'_>,
        deadline: Deadline,
        expired: bool,
    ) -> sys::Result<Patience> {
        let Some(left) = deadline.remaining() else {
            if expired {
                self.set(socket, None)?;
            }
            return Ok(Patience::Wait);
        };
        if left < COARSE {
            return Ok(Patience::TryOnce);
        }
        let left = left.min(LONGEST);
        let current = Duration::from_micros(self.0.current.load(Ordering::Relaxed));
        let longest = left - GRAIN;
        if expired {
            self.set(socket, Some(longest))?;
        } else if current.is_zero() || current > longest {
            self.set(socket, Some(longest.min(left * 3 / 4)))?;
        }
        Ok(Patience::Wait)
    }

    fn set(&self, socket: BorrowedFd<'_>, timeout: Option<Duration>) -> sys::Result<()> {
        let micros = timeout.map_or(0, |timeout| timeout.as_micros());
        let micros = u64::try_from(micros).unwrap_or(u64::MAX);
        if self.0.current.swap(micros, Ordering::Relaxed) == micros {
            return Ok(());
        }
        socket::set_receive_timeout(socket, timeout)
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        self.0.borrowed.store(false, Ordering::Release);
    }
}

/// Socket timeouts are rounded up to ticks of the system's clock (1 ms asked for lasted 8 ms on
/// Linux 6.18), so shorter waits poll,
const COARSE: Duration = Duration::from_millis(20);
/// and longer ones leave the last moments to `poll`.
const GRAIN: Duration = Duration::from_millis(10);
/// Beyond this the receive just comes back and waits on.
const LONGEST: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    fn timeout_of(socket: &UnixStream) -> Duration {
        socket.read_timeout().expect("is told").unwrap_or(Duration::ZERO)
    }

    #[test]
    fn only_one_reader_at_a_time_relies_on_the_sockets_timeout() {
        let timeout = ReceiveTimeout::default();
        let first = timeout.borrow();
        assert!(first.is_some());
        assert!(timeout.borrow().is_none(), "its owner's timeout would be changed under it");
        drop(first);
        assert!(timeout.borrow().is_some());
    }

    #[test]
    fn a_timeout_that_is_not_longer_than_what_remains_is_kept() {
        let (socket, _peer) = UnixStream::pair().expect("a pair");
        let timeout = ReceiveTimeout::default();
        let loan = timeout.borrow().expect("is free");
        let patience = |millis, expired| {
            let deadline = match millis {
                0 => Deadline::NEVER,
                millis => Deadline::after(Duration::from_millis(millis)),
            };
            loan.patience(socket.as_fd(), deadline, expired).expect("sets")
        };
        assert_eq!(patience(10_000, false), Patience::Wait);
        let set = timeout_of(&socket);
        assert!(set > Duration::from_secs(5) && set < Duration::from_secs(8), "{set:?}");
        for kept in [10_000, 30_000, 0] {
            assert_eq!(patience(kept, false), Patience::Wait);
            assert_eq!(timeout_of(&socket), set, "{kept}");
        }
        assert_eq!(patience(500, false), Patience::Wait);
        assert!(timeout_of(&socket) < Duration::from_millis(500));
        assert_eq!(patience(30_000, true), Patience::Wait);
        assert!(timeout_of(&socket) > Duration::from_secs(20), "lengthened");
        assert_eq!(patience(0, true), Patience::Wait);
        assert_eq!(timeout_of(&socket), Duration::ZERO, "none");
        assert_eq!(patience(10, false), Patience::TryOnce);
    }
}

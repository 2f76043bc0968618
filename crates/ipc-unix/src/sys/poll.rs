//! Waiting for one socket, precisely (`ppoll`).

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use ipc_core::Deadline;
use ipc_core::transport::{Interest, Ready};
use rustix::event::{PollFd, PollFlags, Timespec};

use super::latch::Latch;
use super::{Errno, Result};

/// Waits until `socket` is ready for `interest`; what is ready is empty once `deadline` has passed.
pub(crate) fn wait(
    socket: BorrowedFd<'_>,
    interest: Interest,
    deadline: Deadline,
) -> Result<Ready> {
    let mut watched = [PollFd::from_borrowed_fd(socket, flags_of(interest))];
    poll_until(&mut watched, deadline)?;
    Ok(ready_of(watched[0].revents()))
}

/// Waits until somebody can be accepted from `listener`, `latch` is set or `deadline` has passed.
pub(crate) fn wait_for_peer(
    listener: BorrowedFd<'_>,
    latch: &Latch,
    deadline: Deadline,
) -> Result<()> {
    let mut watched = [
        PollFd::from_borrowed_fd(listener, PollFlags::IN),
        PollFd::from_borrowed_fd(latch.as_fd(), PollFlags::IN),
    ];
    poll_until(&mut watched, deadline)
}

fn poll_until(watched: &mut [PollFd<'_>], deadline: Deadline) -> Result<()> {
    loop {
        let left = deadline.remaining().map(|left| left.min(LONGEST));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match rustix::event::poll(watched, timeout.as_ref()) {
            Ok(0) if !deadline.has_passed() => {}
            Err(Errno::INTR) => {}
            outcome => return outcome.map(drop),
        }
    }
}

/// Systems without `ppoll` count milliseconds in an `int`.
const LONGEST: Duration = Duration::from_secs(86_400);

fn flags_of(interest: Interest) -> PollFlags {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::IN, interest.reads());
    flags.set(PollFlags::OUT, interest.writes());
    flags
}

/// A hang-up or a failure makes both ready, so that the next call tells. The end of the peer's half
/// alone is something to read.
fn ready_of(flags: PollFlags) -> Ready {
    let over = flags.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
    Ready {
        read: over || flags.contains(PollFlags::IN),
        write: over || flags.contains(PollFlags::OUT),
    }
}

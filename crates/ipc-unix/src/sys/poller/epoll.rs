//! `epoll`, and an `eventfd` in it that ends waits one at a time.

use std::os::fd::{BorrowedFd, OwnedFd};

use ipc_core::Deadline;
use ipc_core::transport::{Interest, Key, Ready};
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use std::mem::MaybeUninit;
use std::time::Duration;

use crate::sys::{Errno, Result};

/// Reports sockets that became ready, each at most once until it is armed again.
#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OwnedFd,
    /// Counts the calls of `wake`. A semaphore, so that each is taken by itself, and reported once
    /// until it is armed again, so that one thread is woken for each and not all that wait.
    wakes: OwnedFd,
}

impl Poller {
    /// Whether this system has one.
    pub(crate) const EXISTS: bool = true;

    /// The key under which nothing can be armed.
    pub(crate) const RESERVED: Key = Key(u64::MAX);

    pub(crate) fn new() -> Result<Option<Self>> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK | EventfdFlags::SEMAPHORE;
        let wakes = eventfd(0, flags)?;
        let data = EventData::new_u64(Self::RESERVED.0);
        epoll::add(&epoll, &wakes, data, flags_of(Interest::Read))?;
        Ok(Some(Self { epoll, wakes }))
    }

    /// Asks for one report about `socket` under `key`, instead of any that was asked for before.
    pub(crate) fn arm(&self, socket: BorrowedFd<'_>, key: Key, interest: Interest) -> Result<()> {
        let (data, flags) = (EventData::new_u64(key.0), flags_of(interest));
        match epoll::modify(&self.epoll, socket, data, flags) {
            Err(Errno::NOENT) => {}
            outcome => return outcome,
        }
        match epoll::add(&self.epoll, socket, data, flags) {
            // Another thread was faster: the later one wins, as documented.
            Err(Errno::EXIST) => epoll::modify(&self.epoll, socket, data, flags),
            outcome => outcome,
        }
    }

    /// Appends to `ready` what is ready, waiting for the first until `deadline`. Returns `true` if
    /// there is a wake-up, which the caller must [take](Self::take_wake) or
    /// [leave](Self::leave_wake).
    pub(crate) fn wait(&self, ready: &mut Vec<(Key, Ready)>, deadline: Deadline) -> Result<bool> {
        let mut space = [MaybeUninit::<Event>::uninit(); BATCH];
        let left = deadline.remaining().map(|left| left.min(LONGEST));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        let events = match epoll::wait(&self.epoll, &mut space, timeout.as_ref()) {
            Err(Errno::INTR) => return Ok(false),
            outcome => outcome?.0,
        };
        let mut woken = false;
        for event in events {
            let (key, flags) = (Key(event.data.u64()), event.flags);
            if key == Self::RESERVED {
                woken = true;
            } else {
                ready.push((key, ready_of(flags)));
            }
        }
        Ok(woken)
    }

    /// Ends one wait, by [`take_wake`](Self::take_wake).
    pub(crate) fn wake(&self) {
        // Fails only with 2^64 - 2 wake-ups waiting, and then one more changes nothing.
        let _ = rustix::io::write(&self.wakes, &1_u64.to_ne_bytes());
    }

    /// Takes one wake-up, and has the next one reported. `false` if there was none.
    pub(crate) fn take_wake(&self) -> Result<bool> {
        let taken = rustix::io::read(&self.wakes, &mut [0_u8; 8]).is_ok();
        self.leave_wake()?;
        Ok(taken)
    }

    /// Has the wake-up reported to another wait.
    pub(crate) fn leave_wake(&self) -> Result<()> {
        let data = EventData::new_u64(Self::RESERVED.0);
        epoll::modify(&self.epoll, &self.wakes, data, flags_of(Interest::Read))
    }
}

/// The most reports of one wait. Few, so that several waiting threads share the work.
const BATCH: usize = 64;

/// `epoll_wait` counts milliseconds in an `int`.
const LONGEST: Duration = Duration::from_secs(86_400);

fn flags_of(interest: Interest) -> EventFlags {
    let mut flags = EventFlags::ONESHOT;
    flags.set(EventFlags::IN | EventFlags::RDHUP, interest.reads());
    flags.set(EventFlags::OUT, interest.writes());
    flags
}

/// As for [`poll`](crate::sys::poll): a hang-up makes both ready, the end of one half only reading.
fn ready_of(flags: EventFlags) -> Ready {
    let over = flags.intersects(EventFlags::HUP | EventFlags::ERR);
    Ready {
        read: over || flags.intersects(EventFlags::IN | EventFlags::RDHUP),
        write: over || flags.contains(EventFlags::OUT),
    }
}

//! Opening as the peer without becoming it: the kernel decides a request with the credentials that
//! were registered for the peer, and the thread stays what it is.
//!
//! * Whether this process may act as the peer at all is decided where it always is
//!   ([`Turn::act`]), at a connection's first open on a thread. Inside that verified window the
//!   peer's credentials are registered on the thread's ring, and the thread opens that first file
//!   itself.
//! * From then on each open is one request. It needs no privilege any more, and its answer goes
//!   through the root's rules and its `admit`, as the thread's would.
//! * What was registered belongs to the connection and ends with it, or with the ring.
//! * Where the kernel does not decide a request, the thread opens, as if there were none. Nothing is
//!   ever opened with this process's own rights.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::sync::Arc;

use ipc_core::audit::{Mechanism, note_mechanism};
use ipc_core::files::{Metadata, Open, RelativePath, Root};
use ipc_core::{AsPeer, Error, ImpersonationLevel, Operation, Result};
use parking_lot::Mutex;

use crate::identity::{ActAs, UnixPeer};
use crate::mechanism::Chosen;
use crate::root;
use crate::switch::{Switched, Turn};
use crate::sys::ring::{Registration, ThreadRing};

mod own_ring;
mod self_test;

pub(crate) use self_test::available;

/// For whom files are opened, and by which mechanism.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opener<'a> {
    pub(crate) peer: &'a UnixPeer,
    /// What the peer has granted.
    pub(crate) level: Option<ImpersonationLevel>,
    pub(crate) act_as: &'a ActAs,
    pub(crate) chosen: Chosen,
    /// What is registered for the peer.
    pub(crate) known: &'a Registrations,
}

impl Opener<'_> {
    pub(crate) fn open(&self, root: &dyn Root, path: &RelativePath, how: Open) -> Result<File> {
        self.ask(
            root,
            |ring, by, directory| {
                let wanted = root::wanted(how);
                let opened = ring.open_below(by, directory, path, wanted, root.rules())?;
                let refused =
                    |error: crate::sys::Errno| root::refusal(Operation::Open, path, error.into());
                Ok(opened.map_err(refused).and_then(|opened| root.admit(opened.into(), how)))
            },
            |by| root.open(by, path, how),
        )
    }

    pub(crate) fn stat(&self, root: &dyn Root, path: &RelativePath) -> Result<Metadata> {
        self.ask(
            root,
            |ring, by, directory| {
                let found = ring.stat_below(by, directory, path, root.rules())?;
                Ok(found.map_err(|error| root::refusal(Operation::Inspect, path, error.into())))
            },
            |by| root.stat(by, path),
        )
    }

    /// The answer of `request`, or that of `open` where no request is to be had; that is so for a
    /// root without a directory too. `request` fails if the kernel has not decided it.
    fn ask<T>(
        &self,
        root: &dyn Root,
        request: impl FnOnce(&ThreadRing, &Registration, BorrowedFd<'_>) -> io::Result<Result<T>>,
        open: impl FnOnce(&AsPeer) -> Result<T>,
    ) -> Result<T> {
        let turn = Turn::begin(self.level)?;
        let (Chosen::Request | Chosen::RequestOnly, Some(directory)) =
            (self.chosen, root.directory())
        else {
            return self.switch_and_open(&turn, |_| Ok(None), open);
        };
        let ring = own_ring::get();
        if let Ok(ring) = &ring {
            if let Some(known) = self.known.on(ring) {
                note_mechanism(Mechanism::Request);
                match request(ring, &known, directory.as_fd()) {
                    Ok(answer) => return answer,
                    Err(undecided) => self.undecided(ring, undecided)?,
                }
            }
        }
        self.switch_and_open(&turn, |proof| self.register(ring, proof), open)
    }

    /// Has the thread become the peer, `register` it for later, and `open`.
    fn switch_and_open<T>(
        &self,
        turn: &Turn,
        register: impl FnOnce(&Switched) -> io::Result<Option<Registration>>,
        open: impl FnOnce(&AsPeer) -> Result<T>,
    ) -> Result<T> {
        let outcome = turn.act(self.peer, self.act_as, |by, switched| {
            match switched.map_or(Ok(None), register) {
                Err(why) if self.chosen == Chosen::RequestOnly => Err(why),
                registered => Ok((registered, open(by))),
            }
        })?;
        match outcome {
            Ok((registered, opened)) => {
                match registered {
                    Ok(new) => new.into_iter().for_each(|new| self.known.add(new)),
                    Err(why) => own_ring::rest(&why),
                }
                opened
            }
            Err(why) => {
                own_ring::rest(&why);
                Err(Error::SwitchFailed { step: "registering for requests", source: why })
            }
        }
    }

    fn register(
        &self,
        ring: io::Result<Rc<ThreadRing>>,
        _proof: &Switched,
    ) -> io::Result<Option<Registration>> {
        let ring = ring?;
        match self.known.on(&ring) {
            Some(_) => Ok(None),
            None => own_ring::register(&ring).map(Some),
        }
    }

    /// The kernel has not decided a request: the thread opens instead, if it may.
    fn undecided(&self, ring: &ThreadRing, why: io::Error) -> Result<()> {
        tracing::debug!(reason = %why, "the kernel did not decide a request to open");
        if !ring.is_usable() {
            own_ring::rest(&why);
        }
        match self.chosen {
            Chosen::RequestOnly => {
                Err(Error::SwitchFailed { step: "opening by request", source: why })
            }
            Chosen::Request | Chosen::Thread => Ok(()),
        }
    }
}

/// What is registered for the peer of one connection, at most once on each ring.
#[derive(Debug, Default)]
pub(crate) struct Registrations(Mutex<Vec<Arc<Registration>>>);

impl Registrations {
    /// What is registered on `ring`.
    fn on(&self, ring: &ThreadRing) -> Option<Arc<Registration>> {
        self.0.lock().iter().find(|known| ring.has(known)).map(Arc::clone)
    }

    /// Adds one, and drops those whose rings are gone.
    fn add(&self, new: Registration) {
        let mut all = self.0.lock();
        all.retain(|known| known.is_alive());
        all.push(Arc::new(new));
    }
}

#[cfg(test)]
mod tests;

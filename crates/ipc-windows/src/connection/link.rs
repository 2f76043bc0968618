//! The part of a connection that its operations know: they may outlive the calls that began them.

use std::io;
use std::sync::{Arc, Weak};

use ipc_core::transport::{Interest, Key, Ready};
use ipc_core::{Endpoint, Error, Mode, Operation, Result};
use parking_lot::{MappedRwLockReadGuard, Mutex, RwLock, RwLockReadGuard};

use super::state::{Facts, Lost, State, says_gone};
use crate::sys::overlapped::{self, Begun, Owner};
use crate::sys::pipe::Pipe;
use crate::sys::{self};
use crate::waiter::{PipeWaiter, Sleepers};
use windows_sys::Win32::Foundation::ERROR_OPERATION_ABORTED;

/// One end of a pipe, and what is under way there.
///
/// Lock order: the state, then the pipe for sharing. The pipe is locked for itself only to close it,
/// without the state, by when everybody who shares it was told to give up.
#[derive(Debug)]
pub(super) struct Link {
    /// Itself, for operations.
    own: Weak<Link>,
    pub(super) endpoint: Endpoint,
    pub(super) mode: Mode,
    /// `None` once it is closed.
    pipe: RwLock<Option<Pipe>>,
    pub(super) waiter: Arc<PipeWaiter>,
    pub(super) sleepers: Sleepers,
    pub(super) facts: Facts,
    pub(super) state: Mutex<State>,
}

impl Link {
    pub(super) fn new(
        pipe: Pipe,
        endpoint: Endpoint,
        mode: Mode,
        waiter: Arc<PipeWaiter>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|own| Self {
            own: Weak::clone(own),
            endpoint,
            mode,
            pipe: RwLock::new(Some(pipe)),
            waiter,
            sleepers: Sleepers::default(),
            facts: Facts::default(),
            state: Mutex::default(),
        })
    }

    /// Who is told the ends of operations.
    pub(super) fn owner(&self) -> Weak<dyn Owner> {
        Weak::clone(&self.own) as Weak<dyn Owner>
    }

    /// The pipe, which is not closed while the guard lives. Never ask for a second one meanwhile.
    pub(super) fn pipe(&self, operation: Operation) -> Result<MappedRwLockReadGuard<'_, Pipe>> {
        RwLockReadGuard::try_map(self.pipe.read(), Option::as_ref).map_err(|_| {
            self.facts.check_cancelled(operation).err().unwrap_or(Error::Closed { operation })
        })
    }

    /// What of `interest` holds now. After the peer's end, a failure and giving up: both, so that the
    /// next call tells.
    pub(super) fn ready(&self, state: &State, interest: Interest) -> Ready {
        if self.facts.is_given_up() || state.lost.is_some() {
            return Ready::BOTH;
        }
        let Ok(pipe) = self.pipe(Operation::Wait) else { return Ready::BOTH };
        let Ok(available) = pipe.peek() else { return Ready::BOTH };
        Ready {
            read: interest.reads() && available.all > 0,
            write: interest.writes() && state.output.is_none(),
        }
    }

    /// The report that is due: if what was asked for holds.
    pub(super) fn settle(&self, state: &mut State) -> Option<(Key, Ready)> {
        let (key, interest) = state.armed?;
        let ready = self.ready(state, interest);
        if !ready.satisfies(interest) {
            return None;
        }
        state.armed = None;
        Some((key, ready))
    }

    /// Sees to it that the next input is told. `false` if there already is something: it may be an
    /// empty message of a stranger's, which is gone now.
    pub(super) fn probe(&self, state: &mut State) -> bool {
        if state.probe.is_some() {
            return true;
        }
        if self.facts.is_given_up() {
            return false;
        }
        let Ok(pipe) = self.pipe(Operation::Wait) else { return false };
        match pipe.begin_probe(self.owner()) {
            Ok(Begun::Pending(probe)) => {
                state.probe = Some(probe);
                true
            }
            Ok(Begun::Done(_)) | Err(_) => false,
        }
    }

    /// Settles, and sees to it that what is not there yet will be told.
    pub(super) fn settle_or_watch(&self, state: &mut State) -> Option<(Key, Ready)> {
        if let Some(report) = self.settle(state) {
            return Some(report);
        }
        let (key, interest) = state.armed?;
        if !interest.reads() || self.probe(state) {
            return None;
        }
        state.armed = None;
        Some((key, Ready { read: true, write: interest.writes() && state.output.is_none() }))
    }

    /// Gives up everything that is under way, for good. The peer sees the end at once: who else holds
    /// this end, such as a handler that goes on, may do so for long.
    pub(super) fn cancel(&self) {
        self.facts.cancel();
        self.end();
    }

    /// Closes this end. What is still under way is lost.
    pub(super) fn shut(&self) {
        self.facts.finish_closing();
        self.end();
    }

    fn end(&self) {
        let leaves_memory = self.stop();
        let pipe = self.pipe.write().take();
        drop(pipe);
        if leaves_memory {
            // Until its packet is taken. A failure leaves that to whoever is at the port next.
            let _ = self.waiter.catch_up();
        }
    }

    /// Cancels what is under way. `true` if there was something that outlives its call.
    fn stop(&self) -> bool {
        let (report, was_busy) = {
            let mut state = self.state.lock();
            if let Ok(pipe) = self.pipe(Operation::Close) {
                pipe.cancel_all();
            }
            (self.settle(&mut state), state.probe.is_some() || state.output.is_some())
        };
        self.changed(report);
        was_busy
    }

    /// Has everybody look who waits for something here. Not needed where a packet says so: then its
    /// taker reports, and drives the port itself.
    pub(super) fn changed(&self, report: Option<(Key, Ready)>) {
        if let Some((key, ready)) = report {
            self.waiter.report(key, ready);
        }
        self.sleepers.wake();
        self.waiter.disturb();
    }

    /// What the system's refusal of `operation` means here.
    pub(super) fn failure(&self, operation: Operation, error: io::Error) -> Error {
        if let Err(cancelled) = self.facts.check_cancelled(operation) {
            return cancelled;
        }
        if sys::is(&error, ERROR_OPERATION_ABORTED) && self.facts.is_given_up() {
            return Error::Closed { operation };
        }
        if says_gone(&error) {
            return Error::Disconnected { operation };
        }
        Error::io(operation, &self.endpoint, error)
    }
}

impl Owner for Link {
    fn ended(
        &self,
        operation: &overlapped::Operation,
        outcome: io::Result<()>,
    ) -> Option<(Key, Ready)> {
        let report = {
            let mut state = self.state.lock();
            if state.probe.as_ref().is_some_and(|probe| probe.is(operation)) {
                // Looking tells what it has found.
                state.probe = None;
            } else if state.output.as_ref().is_some_and(|output| output.is(operation)) {
                state.output = None;
                state.lost = outcome.err().map(|error| Lost::of(&error));
            } else {
                // Done when it was begun.
                return None;
            }
            self.settle_or_watch(&mut state)
        };
        self.sleepers.wake();
        report
    }
}

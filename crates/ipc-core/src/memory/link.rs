//! The state that the two ends of a connection share.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::handles::Parcels;
use super::pause;
use super::pipe::Pipe;
use crate::deadline::Deadline;
use crate::error::{Error, Operation, Result};
use crate::reports::Reports;
use crate::transport::{Interest, Key, Ready};

/// One of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// Two pipes and two ends, behind one lock.
pub(super) struct Link {
    state: Mutex<State>,
    /// Notified for one end each: whatever it waits for may have come about.
    changed: [Condvar; 2],
}

impl Link {
    /// A link whose directions hold `capacity` bytes. `takes_handles` is client's and server's;
    /// `waiter` watches the server's end.
    pub(super) fn new(capacity: usize, takes_handles: [bool; 2], waiter: Arc<Reports>) -> Self {
        let [client, server] = takes_handles;
        Self {
            state: Mutex::new(State {
                ends: [End::new(None), End::new(Some(waiter))],
                pipes: [
                    Pipe::new(capacity, Parcels::new(server)),
                    Pipe::new(capacity, Parcels::new(client)),
                ],
                changed: false,
            }),
            changed: [Condvar::new(), Condvar::new()],
        }
    }

    /// Tries `step` for `side` until it gives a result or `deadline` has passed.
    pub(super) fn attempt<T>(
        &self,
        side: Side,
        operation: Operation,
        deadline: Deadline,
        mut step: impl FnMut(&mut State) -> Option<Result<T>>,
    ) -> Result<T> {
        let mut state = self.state.lock();
        loop {
            if state.end(side).cancelled {
                return Err(Error::Cancelled { operation });
            }
            let outcome = step(&mut state);
            self.announce(&mut state);
            if let Some(result) = outcome {
                return result;
            }
            if !pause(&self.changed[side as usize], &mut state, deadline) {
                return Err(Error::TimedOut { operation });
            }
        }
    }

    /// As [`attempt`](Self::attempt), for what a closed end can no longer do.
    pub(super) fn attempt_open<T>(
        &self,
        side: Side,
        operation: Operation,
        deadline: Deadline,
        mut step: impl FnMut(&mut State) -> Option<Result<T>>,
    ) -> Result<T> {
        self.attempt(side, operation, deadline, |state| {
            if state.end(side).closing {
                return Some(Err(Error::Closed { operation }));
            }
            step(state)
        })
    }

    /// Parks the end of `side`; `false` if it has no waiter.
    pub(super) fn park(&self, side: Side, key: Key, interest: Interest) -> bool {
        let mut state = self.state.lock();
        let end = state.end_mut(side);
        if end.waiter.is_none() {
            return false;
        }
        end.parked = Some((key, interest));
        state.report(side);
        true
    }

    /// The end of `side` is cancelled, and so has gone for the other.
    pub(super) fn cancel(&self, side: Side) {
        self.change(|state| {
            state.end_mut(side).cancelled = true;
            state.lose(side);
        });
    }

    /// The end of `side` is dropped.
    pub(super) fn leave(&self, side: Side) {
        self.change(|state| {
            state.end_mut(side).parked = None;
            state.lose(side);
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        change(&mut state);
        state.changed = true;
        self.announce(&mut state);
    }

    /// Tells whoever waits that something has changed, if it has.
    fn announce(&self, state: &mut State) {
        if !std::mem::take(&mut state.changed) {
            return;
        }
        for side in [Side::Client, Side::Server] {
            state.report(side);
            self.changed[side as usize].notify_all();
        }
    }
}

/// What the lock protects. Whatever changes it for the other threads sets `changed`.
pub(super) struct State {
    ends: [End; 2],
    /// By the side that writes.
    pipes: [Pipe; 2],
    changed: bool,
}

impl State {
    /// What the end of `side` reads from. Taken to be changed.
    pub(super) fn incoming(&mut self, side: Side) -> &mut Pipe {
        self.outgoing(side.other())
    }

    /// Nothing comes from `side` any more, and nothing reaches it.
    fn lose(&mut self, side: Side) {
        self.end_mut(side).gone = true;
        self.outgoing(side).finish();
        self.incoming(side).discard();
    }

    /// What the end of `side` writes to. Taken to be changed.
    pub(super) fn outgoing(&mut self, side: Side) -> &mut Pipe {
        self.changed = true;
        &mut self.pipes[side as usize]
    }

    /// What the end of `side` is ready for. While it is being closed, room to write is nothing
    /// that it could wait for.
    pub(super) fn ready(&self, side: Side) -> Ready {
        let own = self.end(side);
        if own.cancelled || self.peer_is_gone(side) {
            return Ready::BOTH;
        }
        let outgoing = &self.pipes[side as usize];
        Ready {
            read: self.has_input(side) || self.peer_has_finished(side),
            write: !own.closing && (outgoing.has_room() || outgoing.is_finished()),
        }
    }

    pub(super) fn has_input(&self, side: Side) -> bool {
        self.pipes[side.other() as usize].has_data()
    }

    pub(super) fn has_room(&self, side: Side) -> bool {
        self.pipes[side as usize].has_room()
    }

    pub(super) fn has_finished(&self, side: Side) -> bool {
        self.pipes[side as usize].is_finished()
    }

    pub(super) fn peer_has_finished(&self, side: Side) -> bool {
        self.has_finished(side.other())
    }

    pub(super) fn peer_is_gone(&self, side: Side) -> bool {
        self.end(side.other()).gone
    }

    /// One step of closing; `true` once the peer has ended too.
    pub(super) fn step_of_closing(&mut self, side: Side) -> bool {
        if !self.end(side).closing {
            self.end_mut(side).closing = true;
            self.outgoing(side).finish();
        }
        if self.has_input(side) {
            self.incoming(side).discard();
        }
        self.peer_has_finished(side)
    }

    /// Reports the end of `side` to its waiter if it is parked for what it is ready for.
    fn report(&mut self, side: Side) {
        let ready = self.ready(side);
        let end = self.end_mut(side);
        let Some(waiter) = &end.waiter else { return };
        if let Some((key, _)) = end.parked.take_if(|(_, interest)| ready.satisfies(*interest)) {
            waiter.report(key, ready);
        }
    }

    fn end(&self, side: Side) -> &End {
        &self.ends[side as usize]
    }

    fn end_mut(&mut self, side: Side) -> &mut End {
        &mut self.ends[side as usize]
    }
}

struct End {
    cancelled: bool,
    closing: bool,
    gone: bool,
    waiter: Option<Arc<Reports>>,
    parked: Option<(Key, Interest)>,
}

impl End {
    fn new(waiter: Option<Arc<Reports>>) -> Self {
        Self { cancelled: false, closing: false, gone: false, waiter, parked: None }
    }
}

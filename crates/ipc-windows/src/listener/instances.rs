//! The instances of a bound pipe that nobody was given yet.
//!
//! Each is either waiting for a client or has one that waits to be accepted. There are as many as
//! the backlog says, at least two: before one is handed out the next is made, so that the name is
//! never free while the listener lives, and nobody else can take it. If the next cannot be made the
//! others are handed out one by one; the last stays, and serves again once its client has left.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Weak};

use ipc_core::transport::{Key, Ready};
use ipc_core::{Endpoint, Error, Mode, Operation, Result};
use parking_lot::Mutex;
use windows_sys::Win32::Foundation::{ERROR_NO_DATA, ERROR_PIPE_CONNECTED};

use crate::sys::name::{self, Making, Name};
use crate::sys::overlapped::{self, Begun, Owner};
use crate::sys::pipe::Pipe;
use crate::sys::security::Descriptor;
use crate::sys::{self};
use crate::waiter::{PipeWaiter, Sleepers};

/// The instances of one listener.
#[derive(Debug)]
pub(super) struct Instances {
    /// Itself, for operations.
    own: Weak<Instances>,
    endpoint: Endpoint,
    name: Name,
    making: Making,
    security: Descriptor,
    backlog: usize,
    waiter: Arc<PipeWaiter>,
    sleepers: Sleepers,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// In the order in which they were made. The system gives a client the oldest that is free, so
    /// that those that have a client come in the order of their clients.
    waiting: VecDeque<Waiting>,
    /// Those that have one.
    taken: VecDeque<Pipe>,
    /// How many have got one so far.
    came: u64,
    armed: bool,
    closed: bool,
}

/// An instance that waits for its client.
#[derive(Debug)]
struct Waiting {
    pipe: Pipe,
    /// `None` once it has ended.
    connecting: Option<overlapped::Operation>,
}

impl Instances {
    pub(super) fn new(
        endpoint: Endpoint,
        name: Name,
        making: Making,
        security: Descriptor,
        backlog: u32,
        waiter: Arc<PipeWaiter>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|own| Self {
            own: Weak::clone(own),
            endpoint,
            name,
            making,
            security,
            backlog: usize::try_from(backlog).unwrap_or(usize::MAX),
            waiter,
            sleepers: Sleepers::default(),
            state: Mutex::default(),
        })
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(super) fn mode(&self) -> Mode {
        self.making.mode
    }

    pub(super) fn waiter(&self) -> &Arc<PipeWaiter> {
        &self.waiter
    }

    /// Who waits for a client.
    pub(super) fn sleepers(&self) -> &Sleepers {
        &self.sleepers
    }

    /// Lets clients come, at `first` and at as many more as the backlog says.
    pub(super) fn start(&self, first: Pipe) -> io::Result<()> {
        let mut state = self.state.lock();
        self.listen(&mut state, first).map_err(|(error, _)| error)?;
        self.top_up(&mut state)
    }

    /// The instance of the client that has waited longest; `None` if nobody waits.
    pub(super) fn hand_out(&self) -> Option<Result<Pipe>> {
        let mut state = self.state.lock();
        if state.closed {
            return Some(Err(Error::Closed { operation: Operation::Accept }));
        }
        let came_before = state.came;
        let handed_out = self.hand_out_of(&mut state);
        if state.came > came_before {
            // Those were seen here first, and no packet will tell of them.
            let report = state.settle();
            drop(state);
            self.changed(report);
        }
        handed_out
    }

    fn hand_out_of(&self, state: &mut State) -> Option<Result<Pipe>> {
        // Later, if it cannot be done now.
        let _ = self.top_up(state);
        let pipe = state.taken.pop_front()?;
        match self.make_next(state) {
            Err(error) if state.held() == 0 => {
                let is_waiting = self.keep(state, pipe);
                is_waiting.then(|| Err(Error::io(Operation::Accept, &self.endpoint, error)))
            }
            _ => Some(Ok(pipe)),
        }
    }

    /// Asks for one report when somebody wants to be accepted.
    pub(super) fn arm(&self) -> Result<()> {
        let report = {
            let mut state = self.state.lock();
            if state.closed {
                return Err(Error::Closed { operation: Operation::Accept });
            }
            state.armed = true;
            state.settle()
        };
        if let Some((key, ready)) = report {
            self.waiter.report(key, ready);
        }
        Ok(())
    }

    /// Lets nobody come any more. Who came and was not accepted sees the end.
    pub(super) fn close(&self) {
        let report = {
            let mut state = self.state.lock();
            state.closed = true;
            for waiting in state.waiting.drain(..) {
                // Merely cancelled it would still let a client in; closing it does not.
                waiting.pipe.cancel_all();
            }
            state.taken.clear();
            std::mem::take(&mut state.armed).then_some((Key::LISTENER, READY))
        };
        self.changed(report);
    }

    /// Has everybody look who waits for a client. Not needed where a packet says so: then its taker
    /// reports, and drives the port itself.
    fn changed(&self, report: Option<(Key, Ready)>) {
        if let Some((key, ready)) = report {
            self.waiter.report(key, ready);
        }
        self.sleepers.wake();
        self.waiter.disturb();
    }

    /// Makes instances until there are as many as there should be.
    fn top_up(&self, state: &mut State) -> io::Result<()> {
        while state.held() < self.backlog {
            self.make_next(state)?;
        }
        Ok(())
    }

    fn make_next(&self, state: &mut State) -> io::Result<()> {
        let pipe = name::make(&self.name, &self.making, &self.security, false)?;
        let pipe = Pipe::new(pipe, self.waiter.port(), self.making.mode)?;
        self.listen(state, pipe).map_err(|(error, _)| error)
    }

    /// Lets a client come at `pipe`; or gives it back.
    fn listen(&self, state: &mut State, pipe: Pipe) -> Result<(), (io::Error, Pipe)> {
        let connecting = match pipe.begin_connect(Weak::clone(&self.own) as Weak<dyn Owner>) {
            Ok(Begun::Pending(connecting)) => Some(connecting),
            Ok(Begun::Done(_)) => None,
            // A client was faster; it may even have left again, and what it wrote is there.
            Err(error) if matches!(sys::code(&error), ERROR_PIPE_CONNECTED | ERROR_NO_DATA) => None,
            Err(error) => return Err((error, pipe)),
        };
        state.waiting.push_back(Waiting { pipe, connecting });
        state.sort_out();
        Ok(())
    }

    /// Keeps the last instance, whose client cannot be accepted now. `false` if that has left, and
    /// all that it wrote was read: then another may come.
    fn keep(&self, state: &mut State, pipe: Pipe) -> bool {
        if pipe.peek().is_ok() {
            state.taken.push_front(pipe);
            return true;
        }
        // Fails if that was done before, and only the waiting could not be begun.
        let _ = pipe.disconnect();
        match self.listen(state, pipe) {
            Ok(()) => false,
            Err((_, pipe)) => {
                state.taken.push_front(pipe);
                true
            }
        }
    }
}

impl State {
    fn held(&self) -> usize {
        self.waiting.len() + self.taken.len()
    }

    /// Moves those that have their clients. With one that has come all older ones whose clients came
    /// before: their packets may be with another thread that is not this far yet.
    fn sort_out(&mut self) {
        let has_come = |waiting: &Waiting| waiting.connecting.is_none();
        let Some(last) = self.waiting.iter().rposition(has_come) else { return };
        let mut at = 0;
        for _ in 0..=last {
            if !has_come(&self.waiting[at]) && !self.waiting[at].pipe.is_connected() {
                at += 1;
            } else if let Some(Waiting { pipe, .. }) = self.waiting.remove(at) {
                self.taken.push_back(pipe);
                self.came += 1;
            }
        }
    }

    /// The report that is due.
    fn settle(&mut self) -> Option<(Key, Ready)> {
        if !self.armed || self.taken.is_empty() {
            return None;
        }
        self.armed = false;
        Some((Key::LISTENER, READY))
    }
}

impl Owner for Instances {
    /// Whatever the outcome was, reading from that instance tells.
    fn ended(
        &self,
        operation: &overlapped::Operation,
        _outcome: io::Result<()>,
    ) -> Option<(Key, Ready)> {
        let report = {
            let mut state = self.state.lock();
            // It is not among them if its client was seen before this packet was.
            let ended = state.waiting.iter_mut().find(|waiting| {
                waiting.connecting.as_ref().is_some_and(|connecting| connecting.is(operation))
            })?;
            ended.connecting = None;
            state.sort_out();
            state.settle()
        };
        self.sleepers.wake();
        report
    }
}

const READY: Ready = Ready { read: true, write: false };

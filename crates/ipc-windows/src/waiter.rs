//! Waiting at a completion port: for many connections at once, and for one's own.
//!
//! The end of an operation is known once somebody has taken its packet from the port. Two kinds of
//! threads do so:
//!
//! - Those in [`Waiter::wait`] want reports. Any number of them is at the port at once; the system
//!   picks one for each packet.
//! - Those in [`PipeWaiter::until`] want one thing: their own write, their own accept. If nobody is
//!   at the port, one of them drives it, for itself and all the others, who are parked. It makes way
//!   for threads of the first kind, and hands its place on when it has what it wanted.
//!
//! A nudge is a packet that says nothing but «look again». Whoever only [catches
//! up](PipeWaiter::catch_up) takes packets away from those who are at the port: nudges, and the ends
//! that the driver waits for. So it nudges them anew.
//!
//! Lock order: the state of a connection or listener first, then what is here.

use std::io;
use std::sync::Arc;
use std::thread::{self, Thread};

use ipc_core::transport::{Key, Ready};
use ipc_core::{Deadline, Error, Operation, Result, Waiter};
use parking_lot::Mutex;

use crate::sys::port::Port;

/// Watches one listener and the connections that came from it, or all of a process's clients.
#[derive(Debug)]
pub(crate) struct PipeWaiter {
    port: Arc<Port>,
    shared: Mutex<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Reports that nobody has been given yet.
    untold: Vec<(Key, Ready)>,
    /// How many waits are still to be ended.
    wakes: usize,
    /// How many threads wait for reports.
    waiting: usize,
    /// A thread that waits for something of its own is at the port, alone.
    is_driven: bool,
    /// Threads that want reports and are kept from the port by the one that drives it.
    before: Vec<Thread>,
    /// Threads that wait for something of their own while others are at the port.
    aside: Vec<Thread>,
}

impl PipeWaiter {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { port: Arc::new(Port::new()?), shared: Mutex::default() })
    }

    /// Where the operations are to be told.
    pub(crate) fn port(&self) -> &Arc<Port> {
        &self.port
    }

    /// Hands the report to one of the waiting threads, or to the next.
    pub(crate) fn report(&self, key: Key, ready: Ready) {
        let mut shared = self.shared.lock();
        shared.untold.push((key, ready));
        shared.call_back_one(&self.port);
    }

    /// Waits until `attempt` has a value, or for `deadline`: then it has `None`. `attempt` is tried
    /// at first, and after every change that wakes `sleepers`.
    pub(crate) fn until<T>(
        &self,
        sleepers: &Sleepers,
        deadline: Deadline,
        mut attempt: impl FnMut() -> Option<T>,
    ) -> io::Result<Option<T>> {
        if let Some(value) = attempt() {
            return Ok(Some(value));
        }
        let _listed = Listed::begin(self, sleepers);
        loop {
            // Whatever changes from here on wakes this thread or disturbs it at the port.
            let driving = Driving::begin(self);
            if let Some(value) = attempt() {
                return Ok(Some(value));
            }
            if deadline.has_passed() {
                if driving.is_none() {
                    self.catch_up()?;
                } else if self.port.expects_packets() {
                    self.take_for_others(Deadline::NOW)?;
                }
                return Ok(attempt());
            }
            match driving {
                Some(driving) => {
                    if let Some(value) = self.drive(&driving, deadline, &mut attempt)? {
                        return Ok(Some(value));
                    }
                }
                None => self.stand_aside(deadline),
            }
        }
    }

    /// Drives until `attempt` has a value, the deadline passes, or somebody comes for reports.
    fn drive<T>(
        &self,
        driving: &Driving<'_>,
        deadline: Deadline,
        attempt: &mut impl FnMut() -> Option<T>,
    ) -> io::Result<Option<T>> {
        while !deadline.has_passed() && !driving.is_in_the_way() {
            self.take_for_others(deadline)?;
            if let Some(value) = attempt() {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// Takes what has ended by now.
    pub(crate) fn catch_up(&self) -> io::Result<()> {
        if self.port.expects_packets() && self.take_for_others(Deadline::NOW)? > 0 {
            // It may have been a nudge, or what the driver waits for: that one is about to wait at
            // the port, and does not know.
            let shared = self.shared.lock();
            if shared.is_driven || shared.waiting > 0 {
                self.port.nudge();
            }
        }
        Ok(())
    }

    /// Has a thread in [`until`](Self::until) that drives the port try again.
    pub(crate) fn disturb(&self) {
        if self.shared.lock().is_driven {
            self.port.nudge();
        }
    }

    /// Returns how many packets there were.
    fn take_for_others(&self, deadline: Deadline) -> io::Result<usize> {
        let mut reports = Vec::new();
        let taken = self.port.take(&mut reports, deadline);
        if !reports.is_empty() {
            let mut shared = self.shared.lock();
            shared.untold.append(&mut reports);
            shared.call_back_one(&self.port);
        }
        taken
    }

    /// Parks this thread until it is woken or its turn has come to drive.
    fn stand_aside(&self, deadline: Deadline) {
        {
            let mut shared = self.shared.lock();
            if shared.may_be_driven() {
                return;
            }
            shared.aside.push(thread::current());
        }
        park_until(deadline);
        forget(&mut self.shared.lock().aside);
    }

    /// Comes to the port for reports, once the thread that drives it has made way. `false` if the
    /// deadline passes first.
    fn come(&self, deadline: Deadline) -> bool {
        let mut shared = self.shared.lock();
        shared.waiting += 1;
        while shared.is_driven {
            if deadline.has_passed() {
                return false;
            }
            shared.before.push(thread::current());
            self.port.nudge();
            drop(shared);
            park_until(deadline);
            shared = self.shared.lock();
            forget(&mut shared.before);
        }
        true
    }

    /// Leaves the port, and whatever there is still to do there to the others.
    fn leave(&self) {
        let mut shared = self.shared.lock();
        shared.waiting -= 1;
        if shared.wakes > 0 || !shared.untold.is_empty() {
            shared.call_back_one(&self.port);
        }
        shared.hand_on();
    }

    fn wait_at_port(&self, ready: &mut Vec<(Key, Ready)>, deadline: Deadline) -> io::Result<()> {
        let before = ready.len();
        let mut tried = false;
        loop {
            if self.shared.lock().end_wait(ready, before) || (tried && deadline.has_passed()) {
                return Ok(());
            }
            self.port.take(ready, deadline)?;
            tried = true;
        }
    }
}

impl Waiter for PipeWaiter {
    fn wait(&self, ready: &mut Vec<(Key, Ready)>, deadline: Deadline) -> Result<()> {
        let before = ready.len();
        if self.shared.lock().end_wait(ready, before) {
            return Ok(());
        }
        let waited = if self.come(deadline) {
            self.wait_at_port(ready, deadline)
        } else {
            self.shared.lock().end_wait(ready, before);
            Ok(())
        };
        self.leave();
        waited.map_err(|source| Error::Io { operation: Operation::Wait, at: None, source })
    }

    fn wake(&self) {
        let mut shared = self.shared.lock();
        shared.wakes += 1;
        shared.call_back_one(&self.port);
    }
}

impl Shared {
    /// `true` if a wait is to end that began with `before` reports: by reports, which it is given,
    /// else by a wake, which it uses up.
    fn end_wait(&mut self, ready: &mut Vec<(Key, Ready)>, before: usize) -> bool {
        ready.append(&mut self.untold);
        if ready.len() > before {
            return true;
        }
        let is_woken = self.wakes > 0;
        self.wakes -= usize::from(is_woken);
        is_woken
    }

    /// Has one of the threads that wait for reports look again.
    fn call_back_one(&self, port: &Port) {
        if self.waiting > 0 {
            port.nudge();
        }
    }

    fn may_be_driven(&self) -> bool {
        !self.is_driven && self.waiting == 0
    }

    /// Has somebody drive who wants to, if nobody is at the port.
    fn hand_on(&mut self) {
        if self.may_be_driven() {
            if let Some(next) = self.aside.pop() {
                next.unpark();
            }
        }
    }
}

/// Being the one thread at the port.
struct Driving<'a>(&'a PipeWaiter);

impl<'a> Driving<'a> {
    fn begin(waiter: &'a PipeWaiter) -> Option<Self> {
        let mut shared = waiter.shared.lock();
        let may = shared.may_be_driven();
        shared.is_driven |= may;
        may.then(|| Self(waiter))
    }

    /// `true` if somebody wants to come who is there for everybody.
    fn is_in_the_way(&self) -> bool {
        self.0.shared.lock().waiting > 0
    }
}

impl Drop for Driving<'_> {
    fn drop(&mut self) {
        let mut shared = self.0.shared.lock();
        shared.is_driven = false;
        for thread in shared.before.drain(..) {
            thread.unpark();
        }
        shared.hand_on();
    }
}

/// The threads that wait for something of one connection or listener.
#[derive(Debug, Default)]
pub(crate) struct Sleepers(Mutex<Vec<Thread>>);

impl Sleepers {
    /// Has them try again. The one that drives the port is at it and may have to be
    /// [disturbed](PipeWaiter::disturb).
    pub(crate) fn wake(&self) {
        for thread in self.0.lock().iter() {
            thread.unpark();
        }
    }
}

/// Being among the sleepers of something, and among those who may have to drive.
struct Listed<'a> {
    waiter: &'a PipeWaiter,
    sleepers: &'a Sleepers,
}

impl<'a> Listed<'a> {
    fn begin(waiter: &'a PipeWaiter, sleepers: &'a Sleepers) -> Self {
        sleepers.0.lock().push(thread::current());
        Self { waiter, sleepers }
    }
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        forget(&mut self.sleepers.0.lock());
        // The turn to drive may have come to this thread, which has no need of it any more.
        self.waiter.shared.lock().hand_on();
    }
}

/// Takes this thread off the list, once.
fn forget(threads: &mut Vec<Thread>) {
    let this = thread::current().id();
    if let Some(at) = threads.iter().position(|thread| thread.id() == this) {
        threads.swap_remove(at);
    }
}

/// Parks until this thread is unparked, or for `deadline`; or for nothing.
fn park_until(deadline: Deadline) {
    match deadline.remaining() {
        None => thread::park(),
        Some(left) => thread::park_timeout(left),
    }
}

#[cfg(test)]
mod tests;

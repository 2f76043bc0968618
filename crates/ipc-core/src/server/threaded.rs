//! A waiter for transports that have none: a thread per connection, and one that accepts.
//!
//! The runtime above stays the same. What this costs is a thread for each connection and a hop
//! between threads for each wait, and each of those threads looks fifty times a second whether it
//! is to wait for something else; which is why a transport should bring a [`Waiter`] of its own where
//! its system has one.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::error::{Error, Operation, Result};
use crate::reports::Reports;
use crate::transport::{Connection, Key, Listener, Ready, Waiter};

mod parked;

use parked::Parked;

/// A listener that accepts on a thread of its own and whose connections can be parked.
#[derive(Debug)]
pub(super) struct Threaded(Arc<Reception>);

impl Threaded {
    /// Starts accepting from `listener`.
    ///
    /// # Errors
    /// [`Error::Io`] if there can be no thread.
    pub(super) fn new(listener: Arc<dyn Listener>) -> Result<Self> {
        let reception = Arc::new(Reception {
            listener,
            reports: Arc::default(),
            hall: Mutex::default(),
            room: Condvar::new(),
        });
        let porter = Arc::clone(&reception);
        thread::Builder::new()
            .name("ipc-accept".to_owned())
            .spawn(move || porter.receive())
            .map_err(|source| {
                Error::io(Operation::Accept, reception.listener.endpoint(), source)
            })?;
        Ok(Self(reception))
    }
}

impl Listener for Threaded {
    fn endpoint(&self) -> &Endpoint {
        self.0.listener.endpoint()
    }

    /// Only ever tries once: the runtime asks for no more.
    fn accept(&self, _deadline: Deadline) -> Result<Box<dyn Connection>> {
        let mut hall = self.0.hall.lock();
        let Some(arrival) = hall.arrivals.pop_front() else {
            let operation = Operation::Accept;
            return Err(if hall.closed {
                Error::Closed { operation }
            } else {
                Error::TimedOut { operation }
            });
        };
        self.0.room.notify_one();
        drop(hall);
        let connection = Parked::new(arrival?, Arc::clone(&self.0.reports))?;
        Ok(Box::new(connection))
    }

    fn arm(&self) -> Result<()> {
        let mut hall = self.0.hall.lock();
        if hall.closed && hall.arrivals.is_empty() {
            return Err(Error::Closed { operation: Operation::Accept });
        }
        if hall.arrivals.is_empty() {
            hall.armed = true;
        } else {
            self.0.report();
        }
        Ok(())
    }

    fn close(&self) {
        self.0.listener.close();
        let arrivals = {
            let mut hall = self.0.hall.lock();
            hall.closed = true;
            mem::take(&mut hall.arrivals)
        };
        self.0.room.notify_one();
        // Whoever was not handed out shall see that nobody comes.
        drop(arrivals);
    }

    fn waiter(&self) -> Option<Arc<dyn Waiter>> {
        let waiter: Arc<dyn Waiter> = self.0.reports.clone();
        Some(waiter)
    }
}

impl Drop for Threaded {
    fn drop(&mut self) {
        self.close();
    }
}

#[derive(Debug)]
struct Reception {
    listener: Arc<dyn Listener>,
    reports: Arc<Reports>,
    hall: Mutex<Hall>,
    /// Told when somebody has left the hall.
    room: Condvar,
}

/// Where those wait who were accepted and not handed out yet.
#[derive(Debug, Default)]
struct Hall {
    arrivals: VecDeque<Result<Box<dyn Connection>>>,
    armed: bool,
    closed: bool,
}

impl Reception {
    /// Accepts until the listener is closed.
    fn receive(&self) {
        loop {
            let arrival = self.listener.accept(Deadline::NEVER);
            let mut hall = self.hall.lock();
            while hall.arrivals.len() >= HALL && !hall.closed {
                self.room.wait(&mut hall);
            }
            if hall.closed {
                return;
            }
            hall.closed = matches!(arrival, Err(Error::Closed { .. }));
            let failed = arrival.is_err();
            hall.arrivals.push_back(arrival);
            if mem::take(&mut hall.armed) {
                self.report();
            }
            if failed && !hall.closed {
                // The runtime pauses before it takes the next; so does this thread.
                self.room.wait_for(&mut hall, PAUSE);
            }
        }
    }

    fn report(&self) {
        self.reports.report(Key::LISTENER, Ready { read: true, write: false });
    }
}

/// How many are accepted ahead.
const HALL: usize = 16;

/// How long accepting rests after it failed.
const PAUSE: Duration = Duration::from_millis(100);

//! A bound name, and the peers that wait there to be accepted.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, OnceLock};

use parking_lot::{Condvar, Mutex};

use super::connection::MemoryConnection;
use super::link::{Link, Side};
use super::{Limits, Names, nobody_listens, pause};
use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::error::{Error, Operation, Result};
use crate::options::{BindOptions, ConnectOptions};
use crate::peer::Peer;
use crate::reports::Reports;
use crate::transport::{Connection, Key, Listener, Ready, Waiter};

/// The bound server side.
#[derive(Debug)]
pub(super) struct MemoryListener {
    reception: Arc<Reception>,
    names: Arc<Names>,
}

impl MemoryListener {
    pub(super) fn new(reception: Arc<Reception>, names: Arc<Names>) -> Self {
        Self { reception, names }
    }
}

impl Listener for MemoryListener {
    fn endpoint(&self) -> &Endpoint {
        &self.reception.endpoint
    }

    fn accept(&self, deadline: Deadline) -> Result<Box<dyn Connection>> {
        Ok(Box::new(self.reception.accept(deadline)?))
    }

    fn arm(&self) -> Result<()> {
        self.reception.arm()
    }

    fn close(&self) {
        self.reception.close();
    }

    fn waiter(&self) -> Option<Arc<dyn Waiter>> {
        let waiter: Arc<dyn Waiter> = self.reception.waiter.clone();
        Some(waiter)
    }
}

impl Drop for MemoryListener {
    fn drop(&mut self) {
        self.reception.close();
        self.names.free(&self.reception.endpoint);
    }
}

/// Where clients and acceptors of one listener meet.
pub(super) struct Reception {
    endpoint: Endpoint,
    options: BindOptions,
    /// Who serves here.
    server: Peer,
    limits: Limits,
    waiter: Arc<Reports>,
    queue: Mutex<Queue>,
    /// Notified when somebody has come to be accepted.
    arrival: Condvar,
    /// Notified when somebody has left the queue, and when a connector is cancelled.
    departure: Condvar,
}

impl Reception {
    pub(super) fn new(
        endpoint: Endpoint,
        options: BindOptions,
        server: Peer,
        limits: Limits,
    ) -> Self {
        Self {
            endpoint,
            options,
            server,
            limits,
            waiter: Arc::default(),
            queue: Mutex::default(),
            arrival: Condvar::new(),
            departure: Condvar::new(),
        }
    }

    /// Connects `client`, which waits for a place in the queue if there is none.
    pub(super) fn receive(
        self: &Arc<Self>,
        client: &Peer,
        options: &ConnectOptions,
    ) -> Result<MemoryConnection> {
        self.check(client, options)?;
        let takes_handles = [options.handles, self.options.handles];
        let link = Arc::new(Link::new(self.limits.buffer, takes_handles, Arc::clone(&self.waiter)));
        let end = |side, peer: &Peer, level, handles| MemoryConnection {
            link: Arc::clone(&link),
            side,
            endpoint: self.endpoint.clone(),
            peer: peer.clone(),
            level,
            mode: options.mode,
            max_message: self.limits.max_message,
            handles,
        };
        let near = end(Side::Client, &self.server, OnceLock::from(options.level), options.handles);
        let far = end(Side::Server, client, OnceLock::new(), self.options.handles);
        self.enqueue(far, options)?;
        Ok(near)
    }

    /// What would make the connection impossible, before the server notices anything of it.
    fn check(&self, client: &Peer, options: &ConnectOptions) -> Result<()> {
        if options.mode != self.options.mode {
            let reason = format!(
                "`{}` was bound for {:?} and cannot be connected to for {:?}",
                self.endpoint, self.options.mode, options.mode
            );
            return Err(Error::InvalidInput { reason });
        }
        options.server.decide(&self.server, client).map_err(|refusal| Error::ServerNotTrusted {
            endpoint: self.endpoint.clone(),
            reason: refusal.to_string(),
        })
    }

    fn enqueue(self: &Arc<Self>, end: MemoryConnection, options: &ConnectOptions) -> Result<()> {
        let operation = Operation::Connect;
        let cancel = options.cancel.as_ref();
        let _registration = cancel.map(|token| {
            let reception = Arc::clone(self);
            token.on_cancel(move || reception.recall_connectors())
        });
        let mut queue = self.queue.lock();
        loop {
            if cancel.is_some_and(|token| token.is_cancelled()) {
                return Err(Error::Cancelled { operation });
            }
            if queue.closed {
                return Err(nobody_listens(&self.endpoint));
            }
            if queue.waiting.len() < self.limits.backlog {
                break;
            }
            if !pause(&self.departure, &mut queue, options.deadline) {
                return Err(Error::TimedOut { operation });
            }
        }
        queue.waiting.push_back(end);
        self.arrival.notify_one();
        self.report(&mut queue);
        Ok(())
    }

    /// Has every waiting connector look at its cancel token. The lock makes sure that none of them
    /// is between looking and waiting.
    fn recall_connectors(&self) {
        let _queue = self.queue.lock();
        self.departure.notify_all();
    }

    fn accept(&self, deadline: Deadline) -> Result<MemoryConnection> {
        let operation = Operation::Accept;
        let mut queue = self.queue.lock();
        loop {
            if queue.closed {
                return Err(Error::Closed { operation });
            }
            if let Some(end) = queue.waiting.pop_front() {
                self.departure.notify_all();
                return Ok(end);
            }
            if !pause(&self.arrival, &mut queue, deadline) {
                return Err(Error::TimedOut { operation });
            }
        }
    }

    fn arm(&self) -> Result<()> {
        let mut queue = self.queue.lock();
        if queue.closed {
            return Err(Error::Closed { operation: Operation::Accept });
        }
        queue.armed = true;
        self.report(&mut queue);
        Ok(())
    }

    fn close(&self) {
        let mut queue = self.queue.lock();
        queue.closed = true;
        let refused = std::mem::take(&mut queue.waiting);
        self.report(&mut queue);
        self.arrival.notify_all();
        self.departure.notify_all();
        drop(queue);
        drop(refused);
    }

    /// Reports to the waiter, if it was asked to, that the next `accept` will not wait.
    fn report(&self, queue: &mut Queue) {
        if queue.armed && (queue.closed || !queue.waiting.is_empty()) {
            queue.armed = false;
            self.waiter.report(Key::LISTENER, Ready { read: true, write: false });
        }
    }
}

impl fmt::Debug for Reception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reception")
            .field("endpoint", &self.endpoint)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<MemoryConnection>,
    closed: bool,
    armed: bool,
}

//! What all threads of a server share.

use std::collections::HashMap;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::connection::{Client, State};
use super::limits::ServerLimits;
use super::observer::Observer;
use super::pool::Pool;
use super::protocol::Protocol;
use super::queue::RunQueue;
use super::seats::Seats;
use super::shares::Shares;
use super::timers::Timers;
use crate::audit::Audit;
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::peer::Peer;
use crate::policy::Policy;
use crate::service::Service;
use crate::transport::{Connection, Key, Listener, Ready, Waiter};

/// Makes the protocol that a new connection speaks.
pub(super) type Speak = Box<dyn Fn() -> Box<dyn Protocol> + Send + Sync>;

/// The state of one server.
pub(super) struct Runtime {
    pub(super) service: Box<dyn Service>,
    pub(super) speak: Speak,
    pub(super) policy: Policy,
    /// This process, to which policies compare.
    pub(super) own: Peer,
    pub(super) observer: Box<dyn Observer>,
    pub(super) audit: Audit,
    pub(super) limits: ServerLimits,
    pub(super) shares: Shares,
    /// How many workers there are to be woken when the server stops.
    pub(super) workers: usize,
    pub(super) pool: Pool,
    /// In which workers sit while they run handlers that may wait.
    pub(super) seats: Seats,
    pub(super) queue: RunQueue<Work>,
    pub(super) timers: Timers,
    pub(super) waiter: Arc<dyn Waiter>,
    pub(super) myself: Weak<Runtime>,
    /// Gone once the server has stopped, so that the name is free.
    pub(super) listener: Mutex<Option<Arc<dyn Listener>>>,
    pub(super) clients: Mutex<HashMap<Key, Arc<Client>>>,
    /// Told when the last client has gone.
    pub(super) all_gone: Condvar,
    /// Set while nobody is accepted because the server is full.
    pub(super) full: AtomicBool,
    pub(super) draining: AtomicBool,
    pub(super) stopped: AtomicBool,
    pub(super) last_key: AtomicU64,
}

/// What a worker can be asked to do.
#[derive(Debug)]
pub(super) enum Work {
    /// Give this connection, which the worker now owns, a turn.
    Turn(Arc<Client>),
    /// Accept whoever waits at the listener.
    Accept,
}

impl Runtime {
    /// Something may have happened to `key`.
    pub(super) fn notify(&self, key: Key) {
        if let Some(work) = self.claim(key) {
            self.queue.push(work);
        }
    }

    /// Turns a batch of reports into work: the first is returned, the rest queued.
    pub(super) fn take(&self, ready: &mut Vec<(Key, Ready)>) -> Option<Work> {
        let mut work = ready.drain(..).filter_map(|(key, _)| self.claim(key));
        let first = work.next();
        for other in work {
            self.queue.push(other);
        }
        first
    }

    fn claim(&self, key: Key) -> Option<Work> {
        if key == Key::LISTENER {
            return Some(Work::Accept);
        }
        let client = self.clients.lock().get(&key).cloned()?;
        client.ownership.notify().then_some(Work::Turn(client))
    }

    /// Queues every connection that is due by `now`.
    pub(super) fn take_due(&self, now: Instant) {
        while let Some(key) = self.timers.take_due(now) {
            self.notify(key);
        }
    }

    /// Has `client` looked at again when it is due next.
    pub(super) fn set_timer(&self, client: &Client, state: &mut State) {
        let due = state.protocol.deadline().min(state.closing.unwrap_or(Deadline::NEVER));
        let Some(at) = due.instant() else { return };
        if state.timer.is_some_and(|known| known <= at && known > Instant::now()) {
            return;
        }
        let before = state.timer.replace(at);
        self.enter_timer(client.key, at, before);
    }

    /// Has `key` notified at `at`, instead of at `before`.
    fn enter_timer(&self, key: Key, at: Instant, before: Option<Instant>) {
        if self.timers.insert(key, at, before) && self.queue.somebody_waits() {
            self.waiter.wake();
        }
    }

    /// The caller is about to be busy: sees to it that somebody else wakes up when the next is due.
    pub(super) fn leave_timers_to_others(&self) {
        if self.timers.are_forgotten() {
            self.waiter.wake();
        }
    }

    /// Accepts up to a batch of peers, then asks to be told about the next.
    pub(super) fn accept(&self) {
        for _ in 0..ACCEPT_BATCH {
            let Some(listener) = self.listener.lock().clone() else { return };
            if self.clients.lock().len() >= self.limits.connections {
                self.full.store(true, Ordering::SeqCst);
                // One may have gone between the count and the flag.
                self.accept_again_unless_full();
                return;
            }
            match listener.accept(Deadline::NOW) {
                Ok(connection) => self.admit(connection),
                Err(Error::TimedOut { .. }) => break,
                Err(Error::Closed { .. }) => return,
                Err(error) => return self.pause_accepting(&error),
            }
        }
        self.arm();
    }

    fn admit(&self, connection: Box<dyn Connection>) {
        let key = Key(self.last_key.fetch_add(1, Ordering::Relaxed) + 1);
        let mut protocol = (self.speak)();
        if connection.handles().is_some() {
            protocol.pass_handles();
        }
        let client = Client::accepted(key, connection, protocol, self.myself.clone());
        let mut clients = self.clients.lock();
        // Set before the last clients are taken out: whoever comes after that would never leave.
        if !self.stopped.load(Ordering::SeqCst) {
            clients.insert(key, Arc::clone(&client));
            drop(clients);
            self.queue.push(Work::Turn(client));
        }
    }

    /// Has the waiter report the next peer.
    pub(super) fn arm(&self) {
        let Some(listener) = self.listener.lock().clone() else { return };
        match listener.arm() {
            Ok(()) | Err(Error::Closed { .. }) => {}
            Err(error) => self.pause_accepting(&error),
        }
    }

    fn pause_accepting(&self, error: &Error) {
        tracing::warn!(error = error.chain(), "accepting rests");
        self.observer.cannot_accept(error);
        self.enter_timer(Key::LISTENER, Instant::now() + self.limits.accept_pause, None);
    }

    fn accept_again_unless_full(&self) {
        if self.clients.lock().len() < self.limits.connections
            && self.full.swap(false, Ordering::SeqCst)
        {
            self.queue.push(Work::Accept);
        }
    }

    /// Forgets a connection that its owner has given up.
    pub(super) fn remove(&self, client: &Client) {
        client.cut();
        let mut state = client.state.lock();
        if let Some(at) = state.timer {
            self.timers.remove(client.key, at);
        }
        // Before there is room for another, which may be of the same user.
        state.share = None;
        drop(state);
        let mut clients = self.clients.lock();
        clients.remove(&client.key);
        if clients.is_empty() {
            self.all_gone.notify_all();
        }
        drop(clients);
        self.accept_again_unless_full();
    }

    /// Stops accepting and tells every peer; what is under way goes on.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        if let Some(listener) = &*self.listener.lock() {
            listener.close();
        }
        let keys: Vec<Key> = self.clients.lock().keys().copied().collect();
        for key in keys {
            self.notify(key);
        }
    }

    /// Waits until no connection is left.
    ///
    /// # Errors
    /// [`Error::TimedOut`].
    pub(super) fn wait_until_all_gone(&self, deadline: Deadline) -> Result<()> {
        let mut clients = self.clients.lock();
        while !clients.is_empty() {
            match deadline.instant() {
                None => self.all_gone.wait(&mut clients),
                Some(at) if self.all_gone.wait_until(&mut clients, at).timed_out() => {
                    let operation = crate::Operation::Shutdown;
                    return Err(Error::TimedOut { operation });
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Cuts every connection and ends every worker, and frees the name.
    pub(super) fn stop(&self) {
        self.drain();
        self.stopped.store(true, Ordering::SeqCst);
        let clients = mem::take(&mut *self.clients.lock());
        for client in clients.values() {
            client.cut();
        }
        self.all_gone.notify_all();
        self.seats.end();
        // The one that stands by may be among those who wait.
        for _ in 0..=self.workers {
            self.waiter.wake();
        }
        *self.listener.lock() = None;
    }
}

/// How many peers are accepted before other work gets a turn.
const ACCEPT_BATCH: usize = 64;

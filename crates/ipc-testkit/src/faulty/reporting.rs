//! Transports whose waiter does more than it was asked for, or less.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use ipc_core::transport::{Interest, Key, Ready};
use ipc_core::{Connection, Deadline, Listener, Result, Waiter};

use crate::wrapper::Twist;

#[derive(Clone, Debug)]
pub(super) struct WakesAll;

impl Twist for WakesAll {
    fn waiter(&self, inner: &dyn Listener) -> Option<Arc<dyn Waiter>> {
        Some(Arc::new(WakingAll { inner: inner.waiter()?, waiting: AtomicUsize::new(0) }))
    }
}

#[derive(Debug)]
struct WakingAll {
    inner: Arc<dyn Waiter>,
    waiting: AtomicUsize,
}

impl Waiter for WakingAll {
    fn wait(&self, ready: &mut Vec<(Key, Ready)>, deadline: Deadline) -> Result<()> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let outcome = self.inner.wait(ready, deadline);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        outcome
    }

    fn wake(&self) {
        for _ in 0..self.waiting.load(Ordering::SeqCst).max(1) {
            self.inner.wake();
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct ReportsTheListenerTwice;

impl Twist for ReportsTheListenerTwice {
    fn waiter(&self, inner: &dyn Listener) -> Option<Arc<dyn Waiter>> {
        Some(Arc::new(ReportingTwice(inner.waiter()?)))
    }
}

#[derive(Debug)]
struct ReportingTwice(Arc<dyn Waiter>);

impl Waiter for ReportingTwice {
    fn wait(&self, ready: &mut Vec<(Key, Ready)>, deadline: Deadline) -> Result<()> {
        self.0.wait(ready, deadline)?;
        ready.extend(ready.iter().rfind(|(key, _)| *key == Key::LISTENER).copied());
        Ok(())
    }

    fn wake(&self) {
        self.0.wake();
    }
}

/// As if the system gave up what a thread has begun when the thread ends.
#[derive(Clone, Debug, Default)]
pub(super) struct UnparksWithTheThread {
    parked: Arc<Mutex<HashMap<Key, Weak<()>>>>,
}

impl UnparksWithTheThread {
    /// Whether the thread still runs that has parked under `key`, if any has.
    fn holds(&self, key: Key) -> bool {
        let parked = self.parked.lock().unwrap_or_else(PoisonError::into_inner);
        parked.get(&key).is_none_or(|thread| thread.strong_count() > 0)
    }
}

impl Twist for UnparksWithTheThread {
    fn park(&self, inner: &dyn Connection, key: Key, interest: Interest) -> Result<()> {
        thread_local! {
            static ALIVE: Arc<()> = Arc::default();
        }
        let alive = ALIVE.with(Arc::downgrade);
        self.parked.lock().unwrap_or_else(PoisonError::into_inner).insert(key, alive);
        inner.park(key, interest)
    }

    fn waiter(&self, inner: &dyn Listener) -> Option<Arc<dyn Waiter>> {
        Some(Arc::new(Forgetful { inner: inner.waiter()?, twist: self.clone() }))
    }
}

#[derive(Debug)]
struct Forgetful {
    inner: Arc<dyn Waiter>,
    twist: UnparksWithTheThread,
}

impl Waiter for Forgetful {
    fn wait(&self, ready: &mut Vec<(Key, Ready)>, deadline: Deadline) -> Result<()> {
        self.inner.wait(ready, deadline)?;
        ready.retain(|(key, _)| self.twist.holds(*key));
        Ok(())
    }

    fn wake(&self) {
        self.inner.wake();
    }
}

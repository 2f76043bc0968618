//! Transports whose waiter does more than it was asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ipc_core::transport::{Key, Ready};
use ipc_core::{Deadline, Listener, Result, Waiter};

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

//! The connections that have work and no worker yet.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::transport::Waiter;

/// A queue that every worker empties before it waits.
///
/// A worker that is about to wait says so first and looks once more; whoever adds work does so
/// first and then looks whether somebody waits. So work is never left behind with all workers
/// waiting.
#[derive(Debug)]
pub(super) struct RunQueue<T> {
    ready: Mutex<VecDeque<T>>,
    waiting: AtomicUsize,
    waiter: Arc<dyn Waiter>,
}

impl<T> RunQueue<T> {
    pub(super) fn new(waiter: Arc<dyn Waiter>) -> Self {
        Self { ready: Mutex::new(VecDeque::new()), waiting: AtomicUsize::new(0), waiter }
    }

    /// Adds work at the back and wakes a worker for it, if one waits.
    pub(super) fn push(&self, work: T) {
        self.push_quietly(work);
        if self.somebody_waits() {
            self.waiter.wake();
        }
    }

    /// Adds work at the back that the caller comes back for itself.
    pub(super) fn push_quietly(&self, work: T) {
        self.ready.lock().push_back(work);
    }

    /// Takes work from the front. Wakes another worker if there is more: the caller may be busy for
    /// long, and the wake that was meant for a sleeper may have ended another's wait.
    pub(super) fn pop(&self) -> Option<T> {
        let (work, is_last) = {
            let mut ready = self.ready.lock();
            (ready.pop_front(), ready.is_empty())
        };
        if !is_last && self.somebody_waits() {
            self.waiter.wake();
        }
        work
    }

    /// Forgets all work.
    pub(super) fn clear(&self) {
        let forgotten = std::mem::take(&mut *self.ready.lock());
        drop(forgotten);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.lock().is_empty()
    }

    /// `true` while at least one worker waits for work.
    pub(super) fn somebody_waits(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// Runs `wait` as a worker that waits, unless there is work already.
    pub(super) fn wait(&self, wait: impl FnOnce()) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        if self.is_empty() {
            wait();
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

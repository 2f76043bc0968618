//! Threads of a case, which do not wait for each other for ever when one of them fails.

use std::fmt;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

/// How long a thread is given to begin to wait before it is woken, a round for each: a missing
/// wake-up shows when it comes late, a lost one when it comes at the same time. How long a thread
/// takes changes what a round finds and never what is right.
pub const HEAD_STARTS: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_micros(100),
    Duration::from_millis(1),
    Duration::from_millis(20),
];

/// Runs `work`, which may start threads. Should one of them panic, or `work` itself, `rescue` ends
/// whatever the others wait for.
pub fn with_threads<'env, T>(
    rescue: impl Fn() + Send + Sync + 'env,
    work: impl for<'scope> FnOnce(&Crew<'scope, 'env>) -> T,
) -> T {
    let rescue: Rescue<'env> = Rescue(Arc::new(rescue));
    thread::scope(|scope| {
        let crew = Crew { scope, rescue };
        work(&crew)
    })
}

/// Starts threads.
#[derive(Debug)]
pub struct Crew<'scope, 'env> {
    scope: &'scope thread::Scope<'scope, 'env>,
    rescue: Rescue<'env>,
}

impl<'scope> Crew<'scope, '_> {
    /// Starts a thread.
    pub fn spawn<T: Send + 'scope>(
        &self,
        work: impl FnOnce() -> T + Send + 'scope,
    ) -> Worker<'scope, T> {
        let rescue = self.rescue.clone();
        Worker(self.scope.spawn(move || {
            let _rescue = rescue;
            work()
        }))
    }

    /// Starts a thread and returns `head_start` after it has begun; see [`HEAD_STARTS`].
    pub fn spawn_ahead<T: Send + 'scope>(
        &self,
        head_start: Duration,
        work: impl FnOnce() -> T + Send + 'scope,
    ) -> Worker<'scope, T> {
        let worker = self.spawn_begun(work);
        thread::sleep(head_start);
        worker
    }

    /// As [`spawn_ahead`](Self::spawn_ahead), for `count` threads that do the same.
    pub fn spawn_all_ahead<T: Send + 'scope>(
        &self,
        count: usize,
        head_start: Duration,
        work: impl Fn() -> T + Clone + Send + 'scope,
    ) -> Vec<Worker<'scope, T>> {
        let workers = (0..count).map(|_| self.spawn_begun(work.clone())).collect();
        thread::sleep(head_start);
        workers
    }

    fn spawn_begun<T: Send + 'scope>(
        &self,
        work: impl FnOnce() -> T + Send + 'scope,
    ) -> Worker<'scope, T> {
        let (begun, begins) = mpsc::channel();
        let worker = self.spawn(move || {
            drop(begun);
            work()
        });
        // Fails once the other end is dropped, which is what tells.
        let _: Result<(), _> = begins.recv();
        worker
    }
}

/// A thread of a [`Crew`].
#[derive(Debug)]
pub struct Worker<'scope, T>(thread::ScopedJoinHandle<'scope, T>);

impl<T> Worker<'_, T> {
    /// Waits for the thread and what it returns.
    ///
    /// # Panics
    /// As the thread did.
    pub fn join(self) -> T {
        self.0.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// Calls what it holds if its thread panics.
#[derive(Clone)]
struct Rescue<'env>(Arc<dyn Fn() + Send + Sync + 'env>);

impl Drop for Rescue<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            (self.0)();
        }
    }
}

impl fmt::Debug for Rescue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rescue")
    }
}

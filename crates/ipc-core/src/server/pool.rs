//! The bounded pool of threads for handlers that block.

use std::fmt;
use std::io;
use std::thread;

use crossbeam_channel::{Receiver, Sender, TrySendError};

use crate::error::{ErrorKind, Failure};

/// Threads that run whole jobs, and a bounded queue before them.
///
/// Dropping the pool lets the queued jobs finish; it does not wait for them.
pub(super) struct Pool {
    jobs: Sender<Job>,
    queue: usize,
}

/// Work for a pool thread, which tells its number.
pub(super) type Job = Box<dyn FnOnce(usize) + Send>;

impl Pool {
    /// Starts `threads` threads with a queue of `queue` jobs.
    pub(super) fn start(threads: usize, queue: usize) -> io::Result<Self> {
        let (jobs, receiver) = crossbeam_channel::bounded(queue);
        for number in 1..=threads.max(1) {
            let receiver = receiver.clone();
            thread::Builder::new()
                .name(format!("ipc-pool-{number}"))
                .spawn(move || work(number, &receiver))?;
        }
        Ok(Self { jobs, queue })
    }

    /// Queues `job`.
    ///
    /// # Errors
    /// `LimitExceeded` if the queue is full.
    pub(super) fn submit(&self, job: Job) -> Result<(), Failure> {
        self.jobs.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => Failure::new(
                ErrorKind::LimitExceeded,
                format!("{} calls already wait for a thread; try again later", self.queue),
            ),
            TrySendError::Disconnected(_) => {
                Failure::new(ErrorKind::Draining, "the server is shutting down")
            }
        })
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("queued", &self.jobs.len()).finish()
    }
}

fn work(number: usize, jobs: &Receiver<Job>) {
    for job in jobs {
        job(number);
    }
}

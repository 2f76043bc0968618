//! The loop of a worker thread.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::runtime::{Runtime, Work};
use super::turn::{After, take_turn};
use crate::deadline::Deadline;
use crate::error::Result;

/// Serves until the server stops. `number` is for people.
pub(super) fn work(runtime: &Arc<Runtime>, number: usize) {
    let mut scratch = vec![0; SCRATCH];
    let mut ready = Vec::new();
    while !runtime.stopped.load(Ordering::SeqCst) {
        runtime.take_due(Instant::now());
        let Some(work) = next(runtime, &mut ready) else { continue };
        runtime.leave_timers_to_others();
        let more_to_do = match work {
            Work::Accept => {
                runtime.accept();
                false
            }
            Work::Turn(client) => {
                let after = take_turn(runtime, &client, number, &mut scratch);
                conclude(runtime, after, client)
            }
        };
        if more_to_do {
            // Whoever always has more to do must not keep newcomers from being seen.
            let _ = runtime.waiter.wait(&mut ready, Deadline::NOW);
            if let Some(work) = runtime.take(&mut ready) {
                runtime.queue.push(work);
            }
        }
    }
}

/// What is queued; else what the waiter reports first.
fn next(
    runtime: &Runtime,
    ready: &mut Vec<(crate::transport::Key, crate::transport::Ready)>,
) -> Option<Work> {
    if let Some(work) = runtime.queue.pop() {
        return Some(work);
    }
    let mut outcome = Ok(());
    runtime.queue.wait(|| {
        if !runtime.stopped.load(Ordering::SeqCst) {
            outcome = runtime.timers.wait(|until| runtime.waiter.wait(ready, until));
        }
    });
    if let Err(error) = outcome {
        tracing::error!(error = error.chain(), "the waiter fails; the server cannot go on");
        runtime.stop(0);
    }
    runtime.take(ready)
}

/// Does what the turn asks for. `true` if the connection went to the back of the queue.
fn conclude(runtime: &Runtime, after: After, client: Arc<super::connection::Client>) -> bool {
    match after {
        After::Gone => {
            runtime.remove(&client);
            false
        }
        After::Park(interest) => {
            let parked: Result<()> = client.connection.park(client.key, interest);
            if parked.is_err() {
                runtime.remove(&client);
                return false;
            }
            let released = client.ownership.release();
            if !released {
                runtime.queue.push_quietly(Work::Turn(client));
            }
            !released
        }
        After::Again => {
            runtime.queue.push_quietly(Work::Turn(client));
            true
        }
    }
}

/// What a file is copied through where the transport cannot send it, in bytes.
const SCRATCH: usize = 64 * 1024;

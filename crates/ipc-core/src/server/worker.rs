//! The loop of a worker thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::connection::Client;
use super::runtime::{Runtime, Work};
use super::turn::{After, panic_text, take_turn};
use crate::deadline::Deadline;
use crate::transport::{Key, Ready};

/// Serves until the server stops. `number` is for people.
pub(super) fn work(runtime: &Arc<Runtime>, number: usize) {
    work_while(runtime, number, || true);
    // What is queued keeps its connection open.
    runtime.queue.clear();
}

/// Stands by until the server stops, and serves while all workers are held up in handlers.
pub(super) fn stand_by(runtime: &Arc<Runtime>, number: usize) {
    while runtime.seats.wait_until_stuck() {
        tracing::warn!("all workers wait in handlers; one more goes on");
        work_while(runtime, number, || runtime.seats.are_all_taken());
        // What ended its last wait may have been meant for whoever takes from the queue next.
        runtime.waiter.wake();
    }
}

fn work_while(runtime: &Arc<Runtime>, number: usize, is_wanted: impl Fn() -> bool) {
    let mut scratch = vec![0; SCRATCH];
    let mut ready = Vec::new();
    let mut since_last_look = 0;
    while is_wanted() && !runtime.stopped.load(Ordering::SeqCst) {
        runtime.take_due(Instant::now());
        let Some(work) = next(runtime, &mut ready) else { continue };
        runtime.leave_timers_to_others();
        let more_to_do = match work {
            Work::Accept => {
                runtime.accept();
                false
            }
            Work::Turn(client) => {
                let after = turn_of(runtime, &client, number, &mut scratch);
                conclude(runtime, after, client)
            }
        };
        since_last_look += 1;
        if more_to_do || since_last_look >= LOOK_AFTER {
            since_last_look = 0;
            look(runtime, &mut ready);
        }
    }
}

/// What is queued; else what the waiter reports first.
fn next(runtime: &Runtime, ready: &mut Vec<(Key, Ready)>) -> Option<Work> {
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
        runtime.stop();
    }
    runtime.take(ready)
}

/// Queues what the waiter reports by now: whoever always has more to do, or keeps the queue from
/// ever being empty, must not keep newcomers from being seen.
fn look(runtime: &Runtime, ready: &mut Vec<(Key, Ready)>) {
    // A failure comes again where it is looked at, in `next`.
    let _ = runtime.waiter.wait(ready, Deadline::NOW);
    if let Some(work) = runtime.take(ready) {
        runtime.queue.push(work);
    }
}

/// A panic that is not a handler's (of an observer, of a protocol) ends the connection that it was
/// about, whose state is then looked at by nobody any more, and not this worker.
fn turn_of(
    runtime: &Arc<Runtime>,
    client: &Arc<Client>,
    number: usize,
    scratch: &mut [u8],
) -> After {
    let turn = AssertUnwindSafe(|| take_turn(runtime, client, number, scratch));
    catch_unwind(turn).unwrap_or_else(|panic| {
        tracing::error!(panic = panic_text(&*panic), "a turn panicked; its connection is cut");
        After::Gone
    })
}

/// Does what the turn asks for. `true` if the connection went to the back of the queue.
fn conclude(runtime: &Runtime, after: After, client: Arc<Client>) -> bool {
    match after {
        After::Gone => {
            runtime.remove(&client);
            false
        }
        After::Park(interest) => {
            if client.connection.park(client.key, interest).is_err() {
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

/// After so much work from the queue alone the waiter is looked at.
const LOOK_AFTER: u32 = 64;

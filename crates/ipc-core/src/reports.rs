//! A [`Waiter`] in plain code: whoever changes a connection reports it.

use parking_lot::{Condvar, Mutex};

use crate::deadline::Deadline;
use crate::error::Result;
use crate::transport::{Key, Ready, Waiter};

/// The reports of one listener and its connections, for a transport that learns of readiness by
/// itself instead of asking the system.
#[derive(Debug, Default)]
pub struct Reports {
    untold: Mutex<Untold>,
    changed: Condvar,
}

impl Reports {
    /// Hands the report to one of the waiting threads, or to the next.
    pub fn report(&self, key: Key, ready: Ready) {
        self.untold.lock().ready.push((key, ready));
        self.changed.notify_one();
    }
}

impl Waiter for Reports {
    fn wait(&self, ready: &mut Vec<(Key, Ready)>, deadline: Deadline) -> Result<()> {
        let mut untold = self.untold.lock();
        loop {
            if !untold.ready.is_empty() {
                ready.append(&mut untold.ready);
                return Ok(());
            }
            if untold.wakes > 0 {
                untold.wakes -= 1;
                return Ok(());
            }
            match deadline.instant() {
                None => self.changed.wait(&mut untold),
                Some(at) if self.changed.wait_until(&mut untold, at).timed_out() => return Ok(()),
                Some(_) => {}
            }
        }
    }

    fn wake(&self) {
        self.untold.lock().wakes += 1;
        self.changed.notify_one();
    }
}

/// What has not been told yet.
#[derive(Debug, Default)]
struct Untold {
    ready: Vec<(Key, Ready)>,
    /// How many waits are still to be ended.
    wakes: usize,
}

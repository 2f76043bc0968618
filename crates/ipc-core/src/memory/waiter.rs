//! Watching parked connections, in plain code: whoever changes a connection reports it.

use parking_lot::{Condvar, Mutex};

use super::pause;
use crate::deadline::Deadline;
use crate::error::Result;
use crate::transport::{Key, Ready, Waiter};

/// The reports of one listener and its connections.
#[derive(Debug, Default)]
pub(super) struct MemoryWaiter {
    reports: Mutex<Reports>,
    changed: Condvar,
}

impl MemoryWaiter {
    /// Hands the report to one of the waiting threads, or to the next.
    pub(super) fn report(&self, key: Key, ready: Ready) {
        self.reports.lock().ready.push((key, ready));
        self.changed.notify_one();
    }
}

impl Waiter for MemoryWaiter {
    fn wait(&self, ready: &mut Vec<(Key, Ready)>, deadline: Deadline) -> Result<()> {
        let mut reports = self.reports.lock();
        loop {
            if !reports.ready.is_empty() {
                ready.append(&mut reports.ready);
                return Ok(());
            }
            if reports.wakes > 0 {
                reports.wakes -= 1;
                return Ok(());
            }
            if !pause(&self.changed, &mut reports, deadline) {
                return Ok(());
            }
        }
    }

    fn wake(&self) {
        self.reports.lock().wakes += 1;
        self.changed.notify_one();
    }
}

/// What has not been told yet.
#[derive(Debug, Default)]
struct Reports {
    ready: Vec<(Key, Ready)>,
    /// How many waits are still to be ended.
    wakes: usize,
}

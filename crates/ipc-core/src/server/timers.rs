//! One queue of what is due, for all workers.

use std::collections::BTreeSet;
use std::time::Instant;

use parking_lot::Mutex;

use crate::deadline::Deadline;
use crate::transport::Key;

/// When which connection is due, and until when the workers that wait will wait.
///
/// A connection has one entry at most, however often its client changes when it is due; and whoever
/// comes too early looks at its own deadline and enters itself again.
#[derive(Debug, Default)]
pub(super) struct Timers(Mutex<Queue>);

#[derive(Debug, Default)]
struct Queue {
    entries: BTreeSet<(Instant, Key)>,
    /// Of each worker that waits.
    waits: Vec<Deadline>,
}

impl Timers {
    /// Enters `key` at `at`, instead of an entry at `before`. `true` if nothing was due earlier, so
    /// that whoever waits must be woken to wait less.
    pub(super) fn insert(&self, key: Key, at: Instant, before: Option<Instant>) -> bool {
        let mut queue = self.0.lock();
        if let Some(before) = before {
            queue.entries.remove(&(before, key));
        }
        let is_first = queue.first().is_none_or(|first| at < first);
        queue.entries.insert((at, key));
        is_first
    }

    /// Takes back the entry of `key` at `at`, if it is still there.
    pub(super) fn remove(&self, key: Key, at: Instant) {
        self.0.lock().entries.remove(&(at, key));
    }

    /// Takes one that is due by `now`.
    pub(super) fn take_due(&self, now: Instant) -> Option<Key> {
        let mut queue = self.0.lock();
        if queue.first().is_none_or(|first| first > now) {
            return None;
        }
        queue.entries.pop_first().map(|(_, key)| key)
    }

    /// Runs `wait` as a worker that waits until the first is due.
    pub(super) fn wait<R>(&self, wait: impl FnOnce(Deadline) -> R) -> R {
        let until = {
            let mut queue = self.0.lock();
            let until = queue.first().map_or(Deadline::NEVER, Deadline::at);
            queue.waits.push(until);
            until
        };
        let outcome = wait(until);
        let waits = &mut self.0.lock().waits;
        if let Some(own) = waits.iter().position(|wait| *wait == until) {
            waits.swap_remove(own);
        }
        outcome
    }

    /// `true` if all who wait do so beyond the moment at which the first is due: those who knew of
    /// it have something else to do by now.
    pub(super) fn are_forgotten(&self) -> bool {
        let queue = self.0.lock();
        let Some(first) = queue.first() else { return false };
        let in_time = |wait: &Deadline| wait.instant().is_some_and(|until| until <= first);
        !queue.waits.is_empty() && !queue.waits.iter().any(in_time)
    }
}

impl Queue {
    fn first(&self) -> Option<Instant> {
        self.entries.first().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_is_due_first_comes_first_and_says_so() {
        let timers = Timers::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        timers.wait(|until| assert_eq!(until, Deadline::NEVER));
        assert!(timers.insert(Key(1), after(5), None));
        assert!(timers.insert(Key(2), after(3), None), "earlier than all others");
        assert!(!timers.insert(Key(3), after(4), None));
        timers.wait(|until| assert_eq!(until, Deadline::at(after(3))));
        assert_eq!(timers.take_due(after(2)), None);
        assert_eq!(timers.take_due(after(4)), Some(Key(2)));
        assert_eq!(timers.take_due(after(4)), Some(Key(3)));
        assert_eq!(timers.take_due(after(4)), None);
    }

    /// Else a client that shortens the deadlines of its calls, by a moment each, fills the memory.
    #[test]
    fn a_connection_has_one_entry_and_none_when_it_has_gone() {
        let timers = Timers::default();
        let start = Instant::now();
        let mut known = None;
        for seconds in (1..1000).rev() {
            let at = start + Duration::from_secs(seconds);
            timers.insert(Key(1), at, known.replace(at));
        }
        assert_eq!(timers.0.lock().entries.len(), 1);
        timers.remove(Key(1), known.expect("entered"));
        assert!(timers.0.lock().entries.is_empty());
    }

    #[test]
    fn whoever_waits_too_long_is_noticed_when_those_who_knew_are_busy() {
        let timers = Timers::default();
        let soon = Instant::now() + Duration::from_secs(1);
        timers.wait(|_never| {
            assert!(!timers.are_forgotten(), "nothing is due");
            timers.insert(Key(1), soon, None);
            timers.wait(|until| {
                assert_eq!(until, Deadline::at(soon));
                assert!(!timers.are_forgotten(), "this one waits as long as it should");
            });
            assert!(timers.are_forgotten());
        });
        assert!(!timers.are_forgotten(), "nobody waits: all look before they do");
    }
}

//! One queue of what is due, for all workers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use parking_lot::Mutex;

use crate::deadline::Deadline;
use crate::transport::Key;

/// When which connection is due. An entry is never taken back: whoever comes due too early looks
/// at its own deadline and enters itself again.
#[derive(Debug, Default)]
pub(super) struct Timers(Mutex<BinaryHeap<Reverse<(Instant, Key)>>>);

impl Timers {
    /// Enters `key` at `at`. `true` if nothing was due earlier, so that whoever waits must be woken
    /// to wait less.
    pub(super) fn insert(&self, at: Instant, key: Key) -> bool {
        let mut queue = self.0.lock();
        let is_first = queue.peek().is_none_or(|Reverse((first, _))| at < *first);
        queue.push(Reverse((at, key)));
        is_first
    }

    /// When the first is due.
    pub(super) fn next(&self) -> Deadline {
        self.0.lock().peek().map_or(Deadline::NEVER, |Reverse((at, _))| Deadline::at(*at))
    }

    /// Takes one that is due by `now`.
    pub(super) fn take_due(&self, now: Instant) -> Option<Key> {
        let mut queue = self.0.lock();
        if queue.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            return queue.pop().map(|Reverse((_, key))| key);
        }
        None
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
        assert_eq!(timers.next(), Deadline::NEVER);
        assert!(timers.insert(after(5), Key(1)));
        assert!(timers.insert(after(3), Key(2)), "earlier than all others");
        assert!(!timers.insert(after(4), Key(3)));
        assert_eq!(timers.next(), Deadline::at(after(3)));
        assert_eq!(timers.take_due(after(2)), None);
        assert_eq!(timers.take_due(after(4)), Some(Key(2)));
        assert_eq!(timers.take_due(after(4)), Some(Key(3)));
        assert_eq!(timers.take_due(after(4)), None);
    }
}

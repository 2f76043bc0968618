//! Whether the client goes on: takes what is sent to it, or sends the rest of what it has begun.

use std::time::{Duration, Instant};

/// Notices that nothing has moved for a while, where something should: what is offered is taken, what
/// is owed comes. The time is looked at only when a timer runs, so that moving costs no clock.
#[derive(Debug)]
pub(super) struct Stall {
    limit: Duration,
    /// When the current stretch ends, once one has begun.
    due: Option<Instant>,
    /// Whether anything has moved during it.
    moved: bool,
}

impl Stall {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, due: None, moved: false }
    }

    /// Something has moved.
    pub(super) fn moved(&mut self) {
        self.moved = true;
    }

    /// Something that was offered before is offered again: the first stretch begins now, however
    /// busy the client may be with other things.
    pub(super) fn offered_again(&mut self, now: Instant) {
        if self.due.is_none() {
            self.moved = false;
            self.due = now.checked_add(self.limit);
        }
    }

    /// When [`has_come`](Self::has_come) must be asked, if anything is `offered` or owed; `now` may lie
    /// in the past, and then it is asked too early, which does no harm.
    pub(super) fn due(&self, offered: bool, now: Instant) -> Option<Instant> {
        if offered { self.due.or_else(|| now.checked_add(self.limit)) } else { None }
    }

    /// `true` if nothing has moved for at least the limit, although something was `offered` or owed.
    pub(super) fn has_come(&mut self, offered: bool, now: Instant) -> bool {
        match self.due.filter(|_| offered) {
            Some(due) if due > now => return false,
            Some(_) if !self.moved => return true,
            Some(_) | None => {}
        }
        self.moved = false;
        self.due = if offered { now.checked_add(self.limit) } else { None };
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_stretch_without_progress_is_a_stall() {
        let second = Duration::from_secs(1);
        let start = Instant::now();
        let at = |seconds| start + second * seconds;
        let mut stall = Stall::new(second * 10);
        assert_eq!(stall.due(false, start), None);
        assert_eq!(stall.due(true, start), Some(at(10)));
        assert!(!stall.has_come(true, at(500)), "asked first after a long silence");
        assert_eq!(stall.due(true, start), Some(at(510)));
        stall.moved();
        assert!(!stall.has_come(true, at(510)), "something was taken");
        assert!(!stall.has_come(true, at(519)), "not yet");
        assert!(!stall.has_come(false, at(520)), "nothing is offered");
        assert!(!stall.has_come(true, at(521)), "a new stretch");
        assert!(stall.has_come(true, at(531)));
    }

    #[test]
    fn a_stretch_begins_once_and_is_not_put_off() {
        let start = Instant::now();
        let mut stall = Stall::new(Duration::from_secs(10));
        for seconds in 0..10 {
            let now = start + Duration::from_secs(seconds);
            stall.offered_again(now);
            assert_eq!(stall.due(true, now), Some(start + Duration::from_secs(10)));
        }
        assert!(stall.has_come(true, start + Duration::from_secs(10)));
    }
}

//! Who runs a connection: at most one worker, with no report lost.

use std::sync::atomic::{AtomicU8, Ordering};

/// One owner at a time.
///
/// Whatever may give a connection work (readiness, a timer, a finished handler, a stream that has
/// more) goes through [`notify`](Self::notify): it makes the caller the owner, or leaves word with
/// the present one, who then takes another turn. So no session is run by two workers, and nothing
/// that happens while it runs is forgotten.
#[derive(Debug)]
pub(super) struct Ownership(AtomicU8);

impl Ownership {
    /// Owned by whoever creates it.
    pub(super) fn owned() -> Self {
        Self(AtomicU8::new(RUNNING))
    }

    /// There may be work. `true` makes the caller the owner.
    pub(super) fn notify(&self) -> bool {
        let change = |state| match state {
            PARKED => Some(RUNNING),
            RUNNING => Some(NOTIFIED),
            _ => None,
        };
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, change) == Ok(PARKED)
    }

    /// The owner gives it up, having arranged for the next report. `false`: something happened
    /// meanwhile, and the caller is still the owner.
    pub(super) fn release(&self) -> bool {
        let released =
            self.0.compare_exchange(RUNNING, PARKED, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if !released {
            self.0.swap(RUNNING, Ordering::AcqRel);
        }
        released
    }
}

const PARKED: u8 = 0;
const RUNNING: u8 = 1;
const NOTIFIED: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU64};
    use std::thread;

    #[test]
    fn a_report_during_a_turn_leaves_word_with_the_owner() {
        let ownership = Ownership::owned();
        assert!(!ownership.notify(), "the owner is told, the reporter does not own");
        assert!(!ownership.notify(), "word is left once");
        assert!(!ownership.release(), "the owner must take another turn");
        assert!(ownership.release());
        assert!(ownership.notify(), "now the reporter owns");
        assert!(ownership.release());
    }

    #[test]
    fn no_report_is_lost_and_no_two_own_at_once() {
        let ownership = Arc::new(Ownership::owned());
        let inside = Arc::new(AtomicBool::new(false));
        let work = Arc::new(AtomicU64::new(0));
        let done = Arc::new(AtomicU64::new(0));
        assert!(ownership.release());
        let reporters: Vec<_> = (0..4)
            .map(|_| {
                let shared = (ownership.clone(), inside.clone(), work.clone(), done.clone());
                thread::spawn(move || {
                    let (ownership, inside, work, done) = shared;
                    for _ in 0..20_000 {
                        work.fetch_add(1, Ordering::SeqCst);
                        if !ownership.notify() {
                            continue;
                        }
                        loop {
                            assert!(!inside.swap(true, Ordering::SeqCst), "two owners");
                            done.fetch_add(work.swap(0, Ordering::SeqCst), Ordering::SeqCst);
                            assert!(inside.swap(false, Ordering::SeqCst));
                            if ownership.release() {
                                break;
                            }
                        }
                    }
                })
            })
            .collect();
        for reporter in reporters {
            reporter.join().expect("no reporter panics");
        }
        assert_eq!(done.load(Ordering::SeqCst), 80_000);
    }
}

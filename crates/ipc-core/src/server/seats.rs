//! Handlers that perhaps wait: who is in one, and who goes on when all workers are.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// One seat for each worker, in which it sits while it runs a handler that may wait.
///
/// All of them may be taken, and mostly are for moments. Where they stay taken, somebody who stands
/// by is called to go on in the workers' place.
#[derive(Debug)]
pub(super) struct Seats {
    taken: AtomicUsize,
    /// How often one was left.
    left: AtomicUsize,
    most: usize,
    /// Set when the last one is taken, until it was looked at.
    called: AtomicBool,
    ended: Mutex<bool>,
    changed: Condvar,
}

impl Seats {
    pub(super) fn for_workers(workers: usize) -> Self {
        Self {
            taken: AtomicUsize::new(0),
            left: AtomicUsize::new(0),
            most: workers,
            called: AtomicBool::new(false),
            ended: Mutex::new(false),
            changed: Condvar::new(),
        }
    }

    /// One, if there is one; it is left when what is returned is dropped.
    pub(super) fn take(&self) -> Option<Seat<'_>> {
        let one_more = |taken| (taken < self.most).then_some(taken + 1);
        let before = self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more).ok()?;
        if before + 1 == self.most && !self.called.swap(true, Ordering::SeqCst) {
            let _asleep_or_not_looking = self.ended.lock();
            self.changed.notify_one();
        }
        Some(Seat(self))
    }

    /// `true` while no worker is free.
    pub(super) fn are_all_taken(&self) -> bool {
        self.taken.load(Ordering::SeqCst) == self.most
    }

    /// Waits until all seats are taken and none was left for a while. `false` at the end.
    pub(super) fn wait_until_stuck(&self) -> bool {
        let mut ended = self.ended.lock();
        while !*ended {
            if !self.called.swap(false, Ordering::SeqCst) {
                self.changed.wait(&mut ended);
                continue;
            }
            let left_before = self.left.load(Ordering::SeqCst);
            let until = Instant::now() + PATIENCE;
            while !*ended && !self.changed.wait_until(&mut ended, until).timed_out() {}
            let nobody_moved = self.left.load(Ordering::SeqCst) == left_before;
            if !*ended && nobody_moved && self.are_all_taken() {
                return true;
            }
        }
        false
    }

    /// Ends every wait, now and later.
    pub(super) fn end(&self) {
        *self.ended.lock() = true;
        self.changed.notify_all();
    }
}

/// A seat that was taken.
#[derive(Debug)]
pub(super) struct Seat<'a>(&'a Seats);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.left.fetch_add(1, Ordering::SeqCst);
        self.0.taken.fetch_sub(1, Ordering::SeqCst);
    }
}

/// How long all workers may be in handlers before somebody goes on in their place. A handler that
/// opens a file takes microseconds, and milliseconds where a disk must move.
const PATIENCE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn there_is_one_seat_for_each_worker_and_one_that_is_left_is_free_again() {
        let seats = Seats::for_workers(2);
        let (one, other) = (seats.take(), seats.take());
        assert!(one.is_some() && other.is_some() && seats.are_all_taken());
        assert!(seats.take().is_none());
        drop(one);
        assert!(!seats.are_all_taken());
        assert!(seats.take().is_some());
    }

    #[test]
    fn only_seats_that_stay_taken_are_told_of() {
        let seats = Seats::for_workers(1);
        let (told, tells) = std::sync::mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                while seats.wait_until_stuck() {
                    told.send(()).expect("the test listens");
                }
            });
            for _ in 0..1000 {
                drop(seats.take());
            }
            let stays = seats.take();
            tells.recv().expect("all seats are taken");
            drop(stays);
            assert!(!seats.are_all_taken());
            seats.end();
        });
        assert!(!seats.wait_until_stuck(), "it has ended");
    }
}

//! How many workers may be in handlers that perhaps wait: never all of them.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The workers that such handlers may have at once.
#[derive(Debug)]
pub(super) struct Seats {
    taken: AtomicUsize,
    most: usize,
}

impl Seats {
    /// Seats on all of `workers` but one, which goes on serving whatever the others meet.
    pub(super) fn for_workers(workers: usize) -> Self {
        Self { taken: AtomicUsize::new(0), most: workers.saturating_sub(1) }
    }

    /// One, if there is one; it is left when what is returned is dropped.
    pub(super) fn take(&self) -> Option<Seat<'_>> {
        let seat = Seat(self);
        (self.taken.fetch_add(1, Ordering::Relaxed) < self.most).then_some(seat)
    }
}

/// A seat that was asked for.
#[derive(Debug)]
pub(super) struct Seat<'a>(&'a Seats);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_worker_is_never_taken_and_a_seat_that_is_left_is_free_again() {
        let seats = Seats::for_workers(3);
        let (one, other) = (seats.take(), seats.take());
        assert!(one.is_some() && other.is_some());
        assert!(seats.take().is_none());
        assert!(seats.take().is_none());
        drop(one);
        let third = seats.take();
        assert!(third.is_some() && seats.take().is_none());
        assert!(Seats::for_workers(1).take().is_none());
    }
}

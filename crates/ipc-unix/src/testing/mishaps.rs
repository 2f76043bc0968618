//! Steps of switching a thread's identity that go wrong at random, on the threads that ask for it.

use std::cell::Cell;
use std::io;

/// Numbers that follow from the first (SplitMix64). Source: Steele, Lea and Flood, "Fast splittable
/// pseudorandom number generators", 2014.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

thread_local! {
    static MISHAPS: Cell<Option<(Dice, u64)>> = const { Cell::new(None) };
}

/// From now on one in `one_in` steps of this thread goes wrong.
pub(crate) fn begin(dice: Dice, one_in: u64) {
    MISHAPS.set(Some((dice, one_in)));
}

/// Looks, or fails.
pub(crate) fn look(look: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    step(look).and_then(|taken| if taken { Ok(()) } else { Err(failure()) })
}

/// Changes something; or fails without, or after it, or says that it is done and is not.
pub(crate) fn change(change: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    step(change).map(drop)
}

/// Whether the step was taken, if it did not fail.
fn step(take: impl FnOnce() -> io::Result<()>) -> io::Result<bool> {
    let Some((mut dice, one_in)) = MISHAPS.get() else { return take().map(|()| true) };
    let (hit, how) = (dice.roll(one_in) == 0, dice.roll(3));
    MISHAPS.set(Some((dice, one_in)));
    match (hit, how) {
        (false, _) => take().map(|()| true),
        (true, 0) => Err(failure()),
        (true, 1) => take().and_then(|()| Err(failure())),
        (true, _) => Ok(false),
    }
}

fn failure() -> io::Error {
    io::Error::other("as the dice fell")
}

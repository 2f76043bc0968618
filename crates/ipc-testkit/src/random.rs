//! Choices that look random and are the same in every run, so that what they find can be found again.

/// A sequence of choices, which the number in it decides.
///
/// Source: SplitMix64 (Steele, Lea and Flood, 2014).
///
/// # Examples
/// ```
/// use ipc_testkit::random::Random;
///
/// let (one, same) = (&mut Random(7), &mut Random(7));
/// assert!((0..100).all(|_| one.below(10) == same.below(10)));
/// assert!(["a", "b"].contains(&one.one_of(&["a", "b"])));
/// ```
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// A number below `limit`.
    ///
    /// # Panics
    /// If `limit` is 0.
    pub fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let high = u32::try_from((mixed ^ (mixed >> 31)) >> 32).expect("32 bits are left");
        high % limit
    }

    /// One of `choices`.
    ///
    /// # Panics
    /// If there is none.
    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        let count = u32::try_from(choices.len()).expect("a few choices");
        choices[self.below(count) as usize]
    }
}

//! Bytes that betray every loss, repetition and exchange.

/// The bytes from `offset` on of an endless stream that `seed` chooses.
#[must_use]
pub fn stream(seed: u64, offset: usize, length: usize) -> Vec<u8> {
    (offset..offset + length).map(|at| byte_at(seed, at as u64)).collect()
}

/// A well-mixed byte for each position.
///
/// Source: the output function of SplitMix64 (Steele, Lea and Flood, 2014).
fn byte_at(seed: u64, at: u64) -> u8 {
    let mut z = seed.wrapping_add(at.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z.to_be_bytes()[0]
}

/// Checks that `received` is what `expected` says, and names the first place where it is not.
///
/// # Panics
/// If it is not.
pub fn assert_same(received: &[u8], expected: &[u8]) {
    if received == expected {
        return;
    }
    let at = received.iter().zip(expected).take_while(|(a, b)| a == b).count();
    panic!(
        "{} bytes arrived where {} were sent; the first difference is at byte {at}",
        received.len(),
        expected.len()
    );
}

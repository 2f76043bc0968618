//! Which part of an input is received, and which says what else happens meanwhile.

/// What the fuzzer has decided beside the bytes that are received: in what pieces they come, what
/// handlers answer, how much the other side takes. At its end it says 0 for ever, which is the usual
/// course of things: all at once, answered at once, taken whole.
///
/// It is the end of an input, whose very last byte is its length, so that what the fuzzer does to
/// the one leaves the other as it was; and an input that ends with a 0 has only received bytes.
#[derive(Debug)]
pub struct Script<'a>(std::slice::Iter<'a, u8>);

impl<'a> Script<'a> {
    /// The received bytes of `input`, and its script.
    #[must_use]
    pub fn split(input: &'a [u8]) -> (&'a [u8], Self) {
        let (received, script) = match input.split_last() {
            None => (input, input),
            Some((length, rest)) => rest.split_at(rest.len().saturating_sub(usize::from(*length))),
        };
        (received, Self(script.iter()))
    }

    /// The next decision.
    pub fn decide(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    /// The next decision about how much of `most` there is: all of it, if nothing is decided.
    pub fn share_of(&mut self, most: usize) -> usize {
        match usize::from(self.decide()) {
            0 => most,
            some => (some * some / 4).min(most),
        }
    }
}

//! The bytes that have come and are not understood yet.

use std::ops::Range;

/// A receive buffer that is small while little comes and never larger than one frame needs.
#[derive(Debug)]
pub(super) struct Input {
    /// As long as its capacity; what lies outside `held` is free.
    buffer: Vec<u8>,
    held: Range<usize>,
    /// How long the buffer is while nothing is held.
    resting: usize,
    /// How many bytes, from the first held one, must fit.
    needed: usize,
    /// Whether the last read filled all the room it had.
    filled_up: bool,
}

impl Input {
    /// A buffer of `resting` bytes, made when it is first used, that grows up to
    /// [`LARGEST`] as much comes.
    pub(super) fn new(resting: usize) -> Self {
        Self { buffer: Vec::new(), held: 0..0, resting, needed: 0, filled_up: false }
    }

    /// Where the next bytes go; never empty.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.held.is_empty() {
            self.held = 0..0;
        }
        let full = self.held.end == self.buffer.len();
        if full || self.filled_up || self.held.start + self.needed > self.buffer.len() {
            self.make_room();
        }
        &mut self.buffer[self.held.end..]
    }

    /// `count` bytes were read into [`room`](Self::room).
    pub(super) fn filled(&mut self, count: usize) {
        self.held.end += count;
        self.filled_up = self.held.end == self.buffer.len();
    }

    /// What has come and was not consumed.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.held.clone()]
    }

    /// The first `count` bytes are done with.
    pub(super) fn consume(&mut self, count: usize) {
        self.held.start += count;
        debug_assert!(self.held.start <= self.held.end, "only what has come is consumed");
        self.needed = 0;
        let lull = self.held.is_empty() && self.held.end <= self.resting;
        if lull && self.buffer.len() > self.resting {
            self.buffer = Vec::new();
            self.held = 0..0;
        }
    }

    /// Has [`room`](Self::room) make sure that `count` bytes fit, from the first held one. The
    /// caller has held `count` against a limit.
    pub(super) fn need(&mut self, count: usize) {
        self.needed = count;
    }

    /// Gives the buffer back if nothing is held.
    pub(super) fn rest(&mut self) {
        if self.held.is_empty() {
            (self.buffer, self.held) = (Vec::new(), 0..0);
        }
    }

    fn make_room(&mut self) {
        let grown = if self.filled_up { (self.buffer.len() * 4).min(LARGEST) } else { 0 };
        // What is held is less than is needed, unless the session was not asked what it means.
        let unasked = if self.held.len() < self.needed { 0 } else { self.held.len() * 2 };
        let length = self.needed.max(unasked).max(self.resting).max(grown);
        if length > self.buffer.len() {
            let mut buffer = vec![0; length];
            buffer[..self.held.len()].copy_from_slice(self.bytes());
            self.buffer = buffer;
        } else {
            self.buffer.copy_within(self.held.clone(), 0);
        }
        self.held = 0..self.held.len();
        self.filled_up = false;
    }
}

/// How long the buffer grows by itself, in bytes; a longer frame makes it as long as that frame.
/// Source: measured on Linux 6.18, where longer reads gain nothing more.
pub(super) const LARGEST: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const RESTING: usize = 4096;

    fn put(input: &mut Input, bytes: &[u8]) {
        input.room()[..bytes.len()].copy_from_slice(bytes);
        input.filled(bytes.len());
    }

    #[test]
    fn bytes_are_kept_across_reads_until_they_are_consumed() {
        let mut input = Input::new(RESTING);
        put(&mut input, b"abcd");
        input.consume(1);
        put(&mut input, b"ef");
        assert_eq!(input.bytes(), b"bcdef");
        input.need(RESTING);
        assert!(input.room().len() >= RESTING - 5);
        assert_eq!(input.bytes(), b"bcdef");
        input.consume(5);
        assert_eq!(input.bytes(), b"");
    }

    #[test]
    fn the_buffer_grows_with_the_traffic_and_shrinks_when_it_ends() {
        let mut input = Input::new(RESTING);
        let mut rooms = Vec::new();
        for _ in 0..4 {
            let count = input.room().len();
            rooms.push(count);
            input.filled(count);
            input.consume(count);
        }
        assert_eq!(rooms, [RESTING, 4 * RESTING, LARGEST, LARGEST]);
        put(&mut input, b"x");
        input.consume(1);
        assert_eq!(input.room().len(), RESTING);
    }

    #[test]
    fn a_long_frame_gets_exactly_the_room_that_it_needs() {
        let mut input = Input::new(RESTING);
        put(&mut input, &[7; 100]);
        input.need(300_000);
        assert_eq!(input.room().len(), 300_000 - 100);
        assert_eq!(input.bytes(), [7; 100]);
    }
}

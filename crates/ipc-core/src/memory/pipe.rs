//! One direction of a connection: what was written and has not been read yet.

use std::collections::VecDeque;
use std::io::IoSlice;

use super::handles::Parcels;

/// A bounded queue of bytes, or of messages.
pub(super) struct Pipe {
    bytes: VecDeque<u8>,
    /// The length of each message in `bytes`; empty in byte mode.
    messages: VecDeque<usize>,
    capacity: usize,
    /// How many bytes were ever written; a parcel goes with the byte at its position.
    written: u64,
    /// How many of those have been read or thrown away.
    read: u64,
    finished: bool,
    /// The handles that go along.
    pub(super) parcels: Parcels,
}

impl Pipe {
    pub(super) fn new(capacity: usize, parcels: Parcels) -> Self {
        Self {
            bytes: VecDeque::new(),
            messages: VecDeque::new(),
            capacity,
            written: 0,
            read: 0,
            finished: false,
            parcels,
        }
    }

    pub(super) fn has_data(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// Whether the next write is accepted. Messages count with what it takes to remember them, so
    /// that many short ones stay bounded too.
    pub(super) fn has_room(&self) -> bool {
        self.bytes.len() + self.messages.len() * size_of::<usize>() < self.capacity
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Nothing more will be written.
    pub(super) fn finish(&mut self) {
        self.finished = true;
        self.parcels.withdraw();
    }

    /// Takes as many bytes of `parts` as there is room for.
    pub(super) fn put_bytes(&mut self, parts: &[IoSlice<'_>]) -> usize {
        let before = self.bytes.len();
        for part in parts {
            let room = self.capacity - self.bytes.len();
            self.bytes.extend(&part[..part.len().min(room)]);
        }
        let count = self.bytes.len() - before;
        self.depart(count);
        count
    }

    /// Takes `parts` as one message, whatever its length; asked only while there is room.
    pub(super) fn put_message(&mut self, parts: &[IoSlice<'_>]) {
        let before = self.bytes.len();
        for part in parts {
            self.bytes.extend(part.iter());
        }
        let length = self.bytes.len() - before;
        self.messages.push_back(length);
        self.depart(length);
    }

    /// Gives as many bytes as there are and `buffer` holds.
    pub(super) fn take_bytes(&mut self, buffer: &mut [u8]) -> usize {
        let count = buffer.len().min(self.bytes.len());
        let (front, back) = self.bytes.as_slices();
        let of_front = count.min(front.len());
        buffer[..of_front].copy_from_slice(&front[..of_front]);
        buffer[of_front..count].copy_from_slice(&back[..count - of_front]);
        self.remove(count);
        count
    }

    /// Appends the next message to `buffer`; `Err` with its length if that is beyond `max`. It is
    /// gone in either case.
    pub(super) fn take_message(&mut self, buffer: &mut Vec<u8>, max: usize) -> Result<(), usize> {
        let length = self.messages.pop_front().unwrap_or(0);
        if length <= max {
            buffer.extend(self.bytes.range(..length));
        }
        self.remove(length);
        if length <= max { Ok(()) } else { Err(length) }
    }

    /// Throws away what has not been read, with its handles.
    pub(super) fn discard(&mut self) {
        self.messages.clear();
        self.remove(self.bytes.len());
        self.parcels.discard();
    }

    /// Sends the offered handles along with the first of `count` bytes that were just written.
    fn depart(&mut self, count: usize) {
        if count > 0 {
            self.parcels.depart(self.written);
        }
        self.written += count as u64;
    }

    fn remove(&mut self, count: usize) {
        self.bytes.drain(..count);
        self.read += count as u64;
        self.parcels.arrive(self.read);
    }
}

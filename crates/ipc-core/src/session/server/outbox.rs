//! What a server has to send: frames, and the bodies that take turns between them.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::mem;
use std::task::Waker;

use super::marks::{Marked, Marks};
use super::sender::{Place, Ready, Sender};
use crate::error::{Error, Failure, Result};
use crate::frame::{self, Header, Kind, MAX_DATA, MIN_PAYLOAD, Preface, RESPONSE_VALUE};
use crate::server::protocol::Output;
use crate::service::{Body, Done, Outcome, Reply};

use parcels::Parcels;

mod ending;
mod parcels;

/// The queue of everything that goes out on one connection.
///
/// In order: `frames`, then the rest of the `started` data frame, then `behind`. Nothing can come
/// between a data frame's header and its last byte, so while one is started all else waits behind.
#[derive(Debug)]
pub(super) struct Outbox {
    /// The longest payload that the client accepts of a frame other than data.
    limit: u32,
    /// How many bytes of all bodies together the client is ready to receive.
    credit: u64,
    frames: Vec<u8>,
    /// How many of `frames` have been sent.
    flushed: usize,
    started: Option<Started>,
    behind: Vec<u8>,
    /// The bodies that wait for their turn.
    senders: VecDeque<Sender>,
    parcels: Parcels,
    marks: Marks,
    /// How many bytes have been sent since the connection began.
    position: u64,
    /// The latest ping that has not been answered.
    ping: Option<[u8; 8]>,
    /// Where in the stream the last answer to a ping ends.
    pong_ends: u64,
    /// The calls whose answer was sent to its last byte, for the session to take.
    pub(super) settled: Vec<u64>,
}

/// A data frame whose header is in `frames`.
#[derive(Debug)]
struct Started {
    sender: Sender,
    /// How many bytes of the frame's payload have not been sent.
    rest: usize,
    /// Whether the end of the body is queued already.
    ended: bool,
}

impl Outbox {
    pub(super) fn new() -> Self {
        Self {
            limit: MIN_PAYLOAD,
            credit: 0,
            frames: Vec::new(),
            flushed: 0,
            started: None,
            behind: Vec::new(),
            senders: VecDeque::new(),
            parcels: Parcels::default(),
            marks: Marks::default(),
            position: 0,
            ping: None,
            pong_ends: 0,
            settled: Vec::new(),
        }
    }

    /// Queues this side's preface.
    pub(super) fn greet(&mut self, preface: &Preface) {
        self.tail().extend_from_slice(&preface.encode());
    }

    /// Takes over what the client accepts.
    pub(super) fn accept_limits(&mut self, client: &Preface) {
        self.limit = client.payload;
        self.credit = client.connection_credit;
    }

    /// How many bytes of frames, bodies aside, wait to be sent.
    pub(super) fn waiting(&self) -> usize {
        self.frames.len() - self.flushed + self.behind.len()
    }

    /// How many bodies are under way or wait for their turn or for credit, and handles for theirs.
    pub(super) fn bodies(&self) -> usize {
        self.senders.len() + usize::from(self.started.is_some()) + self.parcels.len()
    }

    /// How many bytes of them are kept in memory.
    pub(super) fn body_bytes(&self) -> u64 {
        let started = self.started.iter().map(|started| &started.sender);
        self.senders.iter().chain(started).map(Sender::kept).sum()
    }

    /// `true` while something was offered for sending and has not been taken whole.
    pub(super) fn is_offered(&self) -> bool {
        self.waiting() > 0 || self.started.is_some()
    }

    /// Queues the answer to `call`, whose body the client gave `credit` for.
    pub(super) fn answer(
        &mut self,
        call: u64,
        reply: Result<Reply<Vec<u8>>, Failure>,
        credit: u64,
    ) {
        let mut reply = match reply {
            Ok(reply) => reply,
            Err(failure) => return self.end(call, Err(failure), 0, None),
        };
        let length = (RESPONSE_VALUE + reply.value.len()) as u64;
        if length > self.limit.into() {
            let what = "bytes of an answer's value";
            let error = Error::LimitExceeded { what, asked: length, limit: self.limit.into() };
            return self.end(call, Err(error.into()), 0, reply.done);
        }
        match reply.handle.take() {
            Some(handle) => self.wrap(call, handle, reply, credit),
            None => self.respond(call, &reply.value, reply.body, reply.done, credit),
        }
    }

    fn respond(&mut self, call: u64, value: &[u8], body: Body, done: Option<Done>, credit: u64) {
        let sender = Sender::new(call, body, credit);
        frame::push_response(self.tail(), call, value, sender.is_some());
        match sender {
            None => {
                let outcome = Outcome { sent: 0, result: Ok(()) };
                self.mark(call, Marked::Answer(done, outcome));
            }
            Some(mut sender) => {
                sender.done = done;
                self.senders.push_back(sender);
            }
        }
    }

    /// Queues the end of `call`, of whose body `valid` bytes were queued.
    pub(super) fn end(
        &mut self,
        call: u64,
        result: Result<(), Failure>,
        valid: u64,
        done: Option<Done>,
    ) {
        let limit = self.limit;
        frame::push_status(self.tail(), Kind::End, call, result.as_ref().err(), valid, limit);
        self.mark(call, Marked::Answer(done, Outcome { sent: valid, result }));
    }

    /// Queues a goodbye or an error.
    pub(super) fn close(&mut self, kind: Kind, failure: &Failure, number: u64) {
        let limit = self.limit;
        frame::push_status(self.tail(), kind, 0, Some(failure), number, limit);
    }

    /// Has the latest ping answered.
    pub(super) fn pinged(&mut self, word: [u8; 8]) {
        self.ping = Some(word);
    }

    /// Adds to the connection's credit.
    pub(super) fn grant(&mut self, bytes: u64) -> Result<()> {
        self.credit = add_credit(self.credit, bytes)?;
        Ok(())
    }

    /// Adds to the credit of the body of `call`, if it is still under way.
    pub(super) fn grant_to(&mut self, call: u64, bytes: u64) -> Result<()> {
        if let Some(sender) = self.sender(call) {
            sender.credit = add_credit(sender.credit, bytes)?;
        }
        Ok(())
    }

    /// Ends the answer to `call`, if it is still under way, with `failure`.
    pub(super) fn stop(&mut self, call: u64, failure: Failure) {
        self.stop_parcel(call, &failure);
        if let Some(sender) = self.sender(call) {
            sender.fail(failure);
        }
    }

    /// Ends the body whose file is being sent with `failure`.
    pub(super) fn file_failed(&mut self, failure: Failure) {
        if let Some(started) = &mut self.started {
            started.sender.fail(failure);
        }
    }

    fn sender(&mut self, call: u64) -> Option<&mut Sender> {
        let started = self.started.iter_mut().filter(|started| !started.ended);
        let mut all = started.map(|started| &mut started.sender).chain(&mut self.senders);
        all.find(|sender| sender.call == call)
    }

    /// The next bytes to send.
    pub(super) fn output(&mut self, waker: &Waker) -> Output<'_> {
        if let Some(handle) = self.next_handle() {
            return Output::Handle(handle);
        }
        self.fill(waker);
        let frames = &self.frames[self.flushed..];
        let Some(Started { sender, rest, .. }) = &self.started else {
            return match frames {
                [] => Output::Nothing,
                frames => Output::Bytes([frames, &[], &[]].map(IoSlice::new)),
            };
        };
        match sender.place() {
            Place::Memory(bytes) => {
                Output::Bytes([frames, &bytes[..*rest], &self.behind].map(IoSlice::new))
            }
            Place::Zeros if *rest <= ZEROS.len() => {
                Output::Bytes([frames, &ZEROS[..*rest], &self.behind].map(IoSlice::new))
            }
            Place::Zeros => Output::Bytes([frames, &ZEROS, &[]].map(IoSlice::new)),
            Place::File(_) if !frames.is_empty() => {
                Output::Bytes([frames, &[], &[]].map(IoSlice::new))
            }
            Place::File(part) => Output::File {
                file: &part.file,
                root: &part.root,
                from: part.from,
                length: *rest as u64,
            },
        }
    }

    /// `count` bytes of what [`output`](Self::output) gave were sent.
    pub(super) fn sent(&mut self, count: u64) {
        let mut count =
            usize::try_from(count).expect("no more than was offered, which is in usize");
        self.position += count as u64;
        count -= self.flush(count);
        if let Some(started) = &mut self.started {
            let part = count.min(started.rest);
            started.sender.advance(part);
            started.rest -= part;
            if started.rest == 0 {
                self.finish_frame();
                count -= part + self.flush(count - part);
            } else {
                count -= part;
            }
        }
        debug_assert_eq!(count, 0, "no more is sent than was offered");
        self.marks.pass(self.position, &mut self.settled);
    }

    /// Takes up to `count` sent bytes off `frames`; returns how many.
    fn flush(&mut self, count: usize) -> usize {
        let part = count.min(self.frames.len() - self.flushed);
        self.flushed += part;
        if self.flushed == self.frames.len() {
            self.flushed = 0;
            if self.frames.capacity() > KEPT {
                self.frames = Vec::new();
            }
            self.frames.clear();
        }
        part
    }

    fn finish_frame(&mut self) {
        debug_assert!(self.frames.is_empty(), "what stood before the payload is sent");
        mem::swap(&mut self.frames, &mut self.behind);
        if let Some(started) = self.started.take().filter(|started| !started.ended) {
            self.senders.push_back(started.sender);
        }
    }

    /// Collects what can be sent at once: frames, small pieces of bodies, at last a piece that
    /// is sent from where it lies.
    fn fill(&mut self, waker: &Waker) {
        if self.ping.is_some() && self.pong_ends <= self.position {
            if let Some(word) = self.ping.take() {
                frame::push_word(self.tail(), Kind::Pong, 0, word);
                self.pong_ends = self.tail_ends();
            }
        }
        let mut in_vain = 0;
        while in_vain < self.senders.len() && self.started.is_none() && self.waiting() < COLLECTED {
            let Some(sender) = self.senders.pop_front() else { return };
            in_vain = if self.take_turn(sender, waker) { 0 } else { in_vain + 1 };
        }
    }

    /// Lets `sender` give one frame or its end. `false` if it can give nothing now.
    fn take_turn(&mut self, mut sender: Sender, waker: &Waker) -> bool {
        let credit = sender.credit.min(self.credit);
        let available = match sender.look(waker, credit > 0) {
            Ready::Bytes(count) => count,
            Ready::Nothing => 0,
            Ready::End(result) => {
                self.end(sender.call, result, sender.taken, sender.done.take());
                return true;
            }
        };
        let longest = if self.senders.is_empty() { MAX_DATA } else { SHARED };
        let length = available.min(credit).min(longest.into());
        if length == 0 {
            self.senders.push_back(sender);
            return false;
        }
        sender.credit -= length;
        self.credit -= length;
        let length = u32::try_from(length).expect("at most `longest`, which is a u32");
        self.frames.extend_from_slice(&Header::new(Kind::Data, sender.call, length).encode());
        self.take_payload(sender, length as usize);
        true
    }

    /// Takes the payload of a frame whose header was queued: a copy if it is small.
    fn take_payload(&mut self, mut sender: Sender, length: usize) {
        match sender.place() {
            Place::Memory(bytes) if length <= COPIED => {
                self.frames.extend_from_slice(&bytes[..length]);
                sender.advance(length);
                self.mark(sender.call, Marked::Body(length as u64));
                self.senders.push_back(sender);
            }
            _ => {
                let ended = sender.surely_ends_with(length);
                let (call, taken) = (sender.call, sender.taken + length as u64);
                let done = if ended { sender.done.take() } else { None };
                self.started = Some(Started { sender, rest: length, ended });
                if ended {
                    self.end(call, Ok(()), taken, done);
                }
            }
        }
    }

    /// Where frames are appended.
    fn tail(&mut self) -> &mut Vec<u8> {
        if self.started.is_some() { &mut self.behind } else { &mut self.frames }
    }

    /// Where in the stream the end of all that is queued lies.
    fn tail_ends(&self) -> u64 {
        let rest = self.started.as_ref().map_or(0, |started| started.rest);
        self.position + (self.waiting() + rest) as u64
    }

    /// Marks the end of all that is queued now.
    fn mark(&mut self, call: u64, what: Marked) {
        self.marks.push(self.tail_ends(), call, what);
    }
}

fn add_credit(credit: u64, bytes: u64) -> Result<u64> {
    credit.checked_add(bytes).ok_or_else(|| Error::Protocol {
        reason: format!("a window of {bytes} bytes on top of {credit}"),
    })
}

/// Pieces of bodies up to this length, in bytes, are copied behind their headers, so that many of
/// them leave together. Source: chosen; such a copy costs less than another write.
const COPIED: usize = 16 * 1024;

/// So many bytes are collected before they are offered for sending.
const COLLECTED: usize = 64 * 1024;

/// A longer buffer, in bytes, is not kept for later frames.
const KEPT: usize = 2 * COLLECTED;

/// The longest data frame, in bytes, while several bodies take turns: each waits for the others'.
const SHARED: u32 = 256 * 1024;

static ZEROS: [u8; 16 * 1024] = [0; 16 * 1024];

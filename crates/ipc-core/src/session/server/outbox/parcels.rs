//! Answers that a handle goes with.

use std::collections::VecDeque;
use std::fs::File;

use super::Outbox;
use crate::error::{ErrorKind, Failure, Result};
use crate::frame::{self, Kind};
use crate::service::{Body, Done, Outcome, Reply};
use crate::session::server::sender::report;
use crate::transport::Ticket;

/// Answers that wait until all before them was sent: a handle leaves with the first bytes that are
/// written after it was offered, and those are to be its own frame, so that the other side never has
/// more of them than it has frames to read.
#[derive(Debug, Default)]
pub(super) struct Parcels {
    /// Whether both sides pass handles.
    pub(super) passed: bool,
    waiting: VecDeque<Parcel>,
}

#[derive(Debug)]
struct Parcel {
    call: u64,
    /// What is to be offered; `None` once it was.
    handle: Option<File>,
    value: Vec<u8>,
    body: Body,
    done: Option<Done>,
    credit: u64,
}

impl Outbox {
    /// Both sides pass handles.
    pub(in crate::session::server) fn pass_handles(&mut self) {
        self.parcels.passed = true;
    }

    /// Has the answer to `call` wait for its turn, which `handle` goes with.
    pub(super) fn wrap(&mut self, call: u64, handle: File, reply: Reply<Vec<u8>>, credit: u64) {
        let Reply { value, body, done, .. } = reply;
        if self.parcels.passed {
            let handle = Some(handle);
            let parcel = Parcel { call, handle, value, body, done, credit };
            self.parcels.waiting.push_back(parcel);
        } else {
            self.end(call, Err(not_passed()), 0, done);
        }
    }

    /// The next handle that is to be offered, if all before it was sent.
    pub(super) fn next_handle(&mut self) -> Option<File> {
        let is_due = self.started.is_none() && self.frames.is_empty();
        self.parcels.waiting.front_mut().filter(|_| is_due)?.handle.take()
    }

    /// The handle that was given out was offered, or cannot be.
    pub(in crate::session::server) fn offered(&mut self, offered: Result<Ticket, Failure>) {
        let Some(parcel) = self.parcels.waiting.pop_front() else { return };
        let Parcel { call, value, body, done, credit, .. } = parcel;
        match offered {
            Ok(Ticket(number)) => {
                frame::push_word(self.tail(), Kind::Handle, call, number.to_le_bytes());
                self.respond(call, &value, body, done, credit);
            }
            Err(failure) => self.end(call, Err(failure), 0, done),
        }
    }

    /// Ends the answer to `call` with `failure` if it waits; its handle is closed.
    pub(super) fn stop_parcel(&mut self, call: u64, failure: &Failure) {
        let waiting = &mut self.parcels.waiting;
        let at = waiting.iter().position(|parcel| parcel.call == call);
        if let Some(parcel) = at.and_then(|at| waiting.remove(at)) {
            self.end(call, Err(failure.clone()), 0, parcel.done);
        }
    }

    /// Closes every handle that waits, without saying so.
    pub(super) fn discard_parcels(&mut self, failure: &Failure) {
        for parcel in self.parcels.waiting.drain(..) {
            report(parcel.done, &Outcome { sent: 0, result: Err(failure.clone()) });
        }
    }
}

impl Parcels {
    /// How many answers wait, each with a handle.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Gives back the memory that holds nothing.
    pub(super) fn rest(&mut self) {
        self.waiting.shrink_to_fit();
    }
}

fn not_passed() -> Failure {
    let text =
        "the answer is an open handle, and this connection passes none; connect with handles";
    Failure::new(ErrorKind::Unsupported, text)
}

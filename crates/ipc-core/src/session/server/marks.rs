//! What happens once the bytes of an answer have left.

use std::collections::VecDeque;

use super::sender::report;
use crate::error::Failure;
use crate::service::{Done, Outcome};

/// The positions in the stream of sent bytes at which something is to be noted, in order.
#[derive(Debug, Default)]
pub(super) struct Marks(VecDeque<Mark>);

#[derive(Debug)]
struct Mark {
    at: u64,
    call: u64,
    what: Marked,
}

/// What ends at a position.
#[derive(Debug)]
pub(super) enum Marked {
    /// So many bytes of the call's body.
    Body(u64),
    /// The call's answer; it ends so, once these bytes have left.
    Answer(Option<Done>, Outcome),
}

impl Marks {
    /// Adds a mark `at` a position behind all others.
    pub(super) fn push(&mut self, at: u64, call: u64, what: Marked) {
        self.0.push_back(Mark { at, call, what });
    }

    /// Everything up to `position` was sent: reports the answers that end there, and adds their
    /// calls to `settled`.
    pub(super) fn pass(&mut self, position: u64, settled: &mut Vec<u64>) {
        while let Some(mark) = self.0.pop_front() {
            if mark.at > position {
                return self.0.push_front(mark);
            }
            if let Marked::Answer(done, outcome) = mark.what {
                report(done, &outcome);
                settled.push(mark.call);
            }
        }
    }

    /// Gives back the memory that holds nothing.
    pub(super) fn rest(&mut self) {
        self.0.shrink_to_fit();
    }

    /// How many bytes of the body of `call` were queued and have not left.
    pub(super) fn unsent(&self, call: u64) -> u64 {
        let marks = self.0.iter().filter(|mark| mark.call == call);
        marks.map(|mark| if let Marked::Body(bytes) = mark.what { bytes } else { 0 }).sum()
    }

    /// Reports all answers that are left: what was queued will not be sent. Each failed in its own
    /// way or, now, with `failure`.
    pub(super) fn fail(&mut self, failure: &Failure) {
        for at in 0..self.0.len() {
            let unsent = self.unsent(self.0[at].call);
            if let Marked::Answer(done, outcome) = &mut self.0[at].what {
                let result = outcome.result.clone().and(Err(failure.clone()));
                report(done.take(), &Outcome { sent: outcome.sent - unsent, result });
            }
        }
        self.0.clear();
    }
}

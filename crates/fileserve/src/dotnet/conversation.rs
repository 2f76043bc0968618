//! The server's side of one connection, as a state machine without I/O.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::task::Waker;
use std::time::{Duration, Instant};

use ipc_core::server::protocol::{CallId, Event, Output, Protocol};
use ipc_core::service::{Arguments, Body, Done, Outcome, Reply};
use ipc_core::session::SessionLimits;
use ipc_core::{Deadline, Error, ErrorKind, Failure, ImpersonationLevel, Operation, Result};

use super::service::TEXT;
use super::{GREETING, wire};
use crate::protocol::WirePath;

/// Greets, receives one name, sends one text, and closes.
#[derive(Debug)]
pub(super) struct Conversation {
    phase: Phase,
    /// What has come of the name; what lies behind `received` is room.
    input: Vec<u8>,
    received: usize,
    /// Whether the level was stated that the protocol has no place for.
    level_stated: bool,
    arguments: Vec<u8>,
    failure: Option<Error>,
    output: VecDeque<Outgoing>,
    /// Told when the answer has left.
    done: Option<Done>,
    /// How long the client may take nothing.
    stall: Duration,
    /// By when the name must have come; or the next piece of the answer have been taken.
    until: Option<Instant>,
    moved: bool,
    now: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The client is to send a name.
    Listening,
    /// The service has the name.
    Asked,
    /// The answer is in the output.
    Answering,
    /// What is left of the output is all that is to be said.
    Finished,
}

/// A string on its way.
#[derive(Debug)]
struct Outgoing {
    length: [u8; wire::LENGTH],
    payload: Vec<u8>,
    /// How many bytes of both have been accepted.
    sent: usize,
}

impl Conversation {
    /// The longest name that is taken, in bytes of its payload: each unit of it is at least one byte
    /// of a path.
    const MAX_NAME: usize = 2 * WirePath::MAX_LENGTH;

    /// A conversation that begins at `now`.
    pub(super) fn new(limits: &SessionLimits, now: Instant) -> Self {
        Self {
            phase: Phase::Listening,
            input: Vec::new(),
            received: 0,
            level_stated: false,
            arguments: Vec::new(),
            failure: None,
            output: wire::payload(GREETING).ok().and_then(Outgoing::new).into_iter().collect(),
            done: None,
            stall: limits.stall,
            until: now.checked_add(limits.preface),
            moved: false,
            now,
        }
    }

    /// The name, once it has come whole.
    fn name(&self) -> Result<Option<String>> {
        let input = &self.input[..self.received];
        let Some(length) = wire::length(input) else { return Ok(None) };
        wire::check_length(length, Self::MAX_NAME, "bytes of a file's name")?;
        input.get(wire::LENGTH..wire::LENGTH + length).map(wire::text).transpose()
    }

    fn begin_answer(&mut self, reply: Reply<Vec<u8>>) {
        self.done = reply.done;
        match payload(reply.body).and_then(Outgoing::new) {
            Some(answer) => {
                self.output.push_back(answer);
                self.phase = Phase::Answering;
                self.until = self.now.checked_add(self.stall);
                self.moved = false;
            }
            None => self.hang_up(&Failure::new(ErrorKind::Internal, "the answer is no text")),
        }
    }

    /// Finishes without another word.
    fn hang_up(&mut self, failure: &Failure) {
        if let Some(done) = self.done.take() {
            let answer = self.output.back();
            let sent = answer.map_or(0, |answer| answer.sent.saturating_sub(wire::LENGTH));
            done.report(&Outcome { sent: sent as u64, result: Err(failure.clone()) });
        }
        self.output.clear();
        self.phase = Phase::Finished;
    }

    fn fail(&mut self, error: Error) {
        self.hang_up(&Failure::new(error.kind(), error.chain()));
        self.failure = Some(error);
    }
}

impl Protocol for Conversation {
    fn room(&mut self) -> &mut [u8] {
        if self.phase != Phase::Listening {
            // What comes behind the name means nothing.
            self.received = 0;
        }
        let wanted = match wire::length(&self.input[..self.received]) {
            Some(length) => wire::LENGTH + length.min(Self::MAX_NAME),
            None => USUAL_NAME,
        };
        self.input.resize(wanted.max(self.received + 1), 0);
        &mut self.input[self.received..]
    }

    fn received(&mut self, count: usize) {
        self.received += count;
    }

    fn rest(&mut self) {
        if self.received == 0 || self.phase != Phase::Listening {
            self.input = Vec::new();
            self.received = 0;
        }
    }

    fn ended(&mut self) {
        match self.phase {
            Phase::Listening if self.received > 0 => self.fail(Error::Protocol {
                reason: format!("it left after {} bytes of a file's name", self.received),
            }),
            Phase::Listening | Phase::Asked => {
                self.hang_up(&Failure::new(ErrorKind::Disconnected, "the client is gone"));
            }
            // It may have ended its half only; if it is gone, sending fails.
            Phase::Answering => self.phase = Phase::Finished,
            Phase::Finished => {}
        }
    }

    fn next_event(&mut self, now: Instant) -> Option<Event<'_>> {
        self.now = now;
        if let Some(error) = self.failure.take() {
            return Some(Event::Failed(error));
        }
        if self.phase != Phase::Listening {
            return None;
        }
        let name = match self.name() {
            Ok(name) => name?,
            Err(error) => {
                self.fail(error);
                return self.failure.take().map(Event::Failed);
            }
        };
        if !self.level_stated {
            self.level_stated = true;
            return Some(Event::Level(ImpersonationLevel::Impersonation));
        }
        self.phase = Phase::Asked;
        self.until = None;
        Arguments::push(&mut self.arguments, name.as_bytes());
        Some(Event::Call {
            id: THE_CALL,
            method: TEXT,
            arguments: Arguments::new(&self.arguments).expect("one argument, whole"),
            deadline: Deadline::NEVER,
            handle: None,
        })
    }

    fn reply(&mut self, _call: CallId, reply: Result<Reply<Vec<u8>>, Failure>) {
        if self.phase != Phase::Asked {
            return; // Dropped, it reports that the client is gone.
        }
        match reply {
            Ok(reply) => self.begin_answer(reply),
            // There is no word for it.
            Err(_) => self.phase = Phase::Finished,
        }
    }

    fn output(&mut self, _waker: &Waker) -> Output<'_> {
        match self.output.front() {
            Some(string) => string.rest(),
            None => Output::Nothing,
        }
    }

    fn sent(&mut self, count: u64) {
        self.moved = true;
        let Some(string) = self.output.front_mut() else { return };
        string.sent += usize::try_from(count).expect("no more than was offered");
        if !string.is_sent() {
            return;
        }
        let length = string.payload.len() as u64;
        self.output.pop_front();
        if !self.output.is_empty() {
            return;
        }
        if let Some(done) = self.done.take() {
            done.report(&Outcome { sent: length, result: Ok(()) });
        }
        if self.phase == Phase::Answering {
            self.phase = Phase::Finished;
        }
    }

    /// None is ever offered.
    fn file_failed(&mut self, failure: Failure) {
        self.hang_up(&failure);
    }

    fn is_busy(&self) -> bool {
        matches!(self.phase, Phase::Asked | Phase::Answering)
    }

    fn deadline(&self) -> Deadline {
        match self.phase {
            Phase::Listening | Phase::Answering => self.until.map_or(Deadline::NEVER, Deadline::at),
            Phase::Asked | Phase::Finished => Deadline::NEVER,
        }
    }

    fn timer(&mut self, now: Instant) {
        self.now = now;
        if self.until.is_none_or(|until| until > now) {
            return;
        }
        match self.phase {
            Phase::Listening => self.fail(Error::TimedOut { operation: Operation::Read }),
            Phase::Answering if self.moved => {
                self.moved = false;
                self.until = now.checked_add(self.stall);
            }
            Phase::Answering => self.fail(Error::TimedOut { operation: Operation::Write }),
            Phase::Asked | Phase::Finished => {}
        }
    }

    fn drain(&mut self) {
        if self.phase == Phase::Listening {
            self.phase = Phase::Finished;
        }
    }

    fn refuse(&mut self, failure: Failure) {
        self.hang_up(&failure);
    }

    fn is_finished(&self) -> bool {
        self.phase == Phase::Finished
    }
}

impl Outgoing {
    /// `None` for what is too long.
    fn new(payload: Vec<u8>) -> Option<Self> {
        wire::length_bytes(payload.len()).map(|length| Self { length, payload, sent: 0 })
    }

    /// All that is left, so that a string is one write.
    fn rest(&self) -> Output<'_> {
        let in_length = self.sent.min(wire::LENGTH);
        let length = IoSlice::new(&self.length[in_length..]);
        let payload = IoSlice::new(&self.payload[self.sent - in_length..]);
        Output::Bytes([length, payload, IoSlice::new(&[])])
    }

    fn is_sent(&self) -> bool {
        self.sent >= wire::LENGTH + self.payload.len()
    }
}

fn payload(body: Body) -> Option<Vec<u8>> {
    match body {
        Body::Empty => Some(Vec::new()),
        Body::Bytes(payload) => Some(payload),
        Body::File(_) | Body::Stream(_) => None,
    }
}

/// The only call of its connection.
const THE_CALL: CallId = CallId(1);

/// How much room most names need, in bytes.
const USUAL_NAME: usize = 512;

#[cfg(test)]
mod tests;

//! The server's side of a session.

use std::collections::VecDeque;
use std::mem;
use std::ops::Range;
use std::task::Waker;
use std::time::Instant;

use super::input::Input;
use super::{SessionLimits, given_up, told};
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind, Failure, Operation, Result};
use crate::frame::{self, Header, Kind, Status};
use crate::level::ImpersonationLevel;
use crate::server::protocol::{CallId, Event, Output, Protocol};
use crate::service::{Arguments, Reply};
use crate::transport::{ReceivedHandle, Ticket};

use calls::{Calls, GivenUp};
use handles::Arrivals;
use outbox::Outbox;
use stall::Stall;

mod calls;
mod greeting;
mod handles;
mod marks;
mod outbox;
mod requests;
mod sender;
mod stall;

/// The session protocol as a server speaks it on one connection.
///
/// Calls may come before earlier ones are answered, and are answered in any order. Bodies take
/// turns, a frame each, as far as the client's credit goes.
#[derive(Debug)]
pub struct ServerSession {
    limits: SessionLimits,
    phase: Phase,
    input: Input,
    /// How many bytes of the input the last event was made of.
    taken: usize,
    calls: Calls,
    /// How many bytes of each body the client is ready to receive at first.
    body_credit: u64,
    /// The requests that wait until replies have gone out.
    held: VecDeque<requests::Held>,
    /// The arguments of the last of them that was given out.
    released: Vec<u8>,
    arrivals: Arrivals,
    outbox: Outbox,
    /// What has happened and was not told yet.
    happened: VecDeque<Happened>,
    /// Whether the client takes what is sent to it.
    stall: Stall,
    /// Whether it goes on with a frame that it has begun to send.
    arrival: Stall,
    /// Whether all that has come was looked at, and ends within a frame.
    is_within_a_frame: bool,
    /// The latest time this was told.
    now: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The client's preface has not come.
    Preface { until: Option<Instant> },
    /// Calls are taken.
    Open,
    /// No more calls are taken; those that were go on.
    Draining(Drain),
    /// Nothing more is said or heard.
    Finished,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drain {
    /// The client said that it is done.
    ByClient,
    /// This side takes no more.
    ByServer,
}

/// What becomes an [`Event`].
#[derive(Debug)]
enum Happened {
    Level(ImpersonationLevel),
    Handle {
        call: u64,
        ticket: Ticket,
    },
    Call {
        id: u64,
        method: u32,
        deadline: Deadline,
        arguments: Place,
        handle: Option<ReceivedHandle>,
    },
    Refused {
        call: u64,
        method: u32,
        failure: Failure,
    },
    Cancelled(u64),
    Failed(Error),
}

/// Where a request's arguments lie until the next event is asked for.
#[derive(Debug)]
enum Place {
    /// In the input, there.
    Input(Range<usize>),
    /// In `released`.
    Released,
}

impl ServerSession {
    /// A session of a connection that was accepted at `now`.
    #[must_use]
    pub fn new(limits: &SessionLimits, now: Instant) -> Self {
        let limits = limits.raised();
        Self {
            limits,
            phase: Phase::Preface { until: now.checked_add(limits.preface) },
            input: Input::new(RESTING_INPUT),
            taken: 0,
            calls: Calls::default(),
            body_credit: 0,
            held: VecDeque::new(),
            released: Vec::new(),
            arrivals: Arrivals::default(),
            outbox: Outbox::new(),
            happened: VecDeque::new(),
            stall: Stall::new(limits.stall),
            arrival: Stall::new(limits.stall),
            is_within_a_frame: false,
            now,
        }
    }

    fn advance(&mut self, now: Instant) -> Result<Option<Happened>> {
        self.input.consume(mem::take(&mut self.taken));
        loop {
            if let Some(happened) = self.happened.pop_front() {
                return Ok(Some(happened));
            }
            if let Some(call) = self.release_held() {
                return Ok(Some(call));
            }
            if self.is_finished() {
                return Ok(None);
            }
            let progress = match self.phase {
                Phase::Preface { .. } => self.take_preface()?,
                _ => self.take_frame(now)?,
            };
            match progress {
                Progress::Happened(happened) => return Ok(Some(happened)),
                Progress::Quiet => {}
                Progress::Short => {
                    self.is_within_a_frame = !self.input.bytes().is_empty();
                    return Ok(None);
                }
            }
        }
    }

    fn take_frame(&mut self, now: Instant) -> Result<Progress> {
        let Some(header) = Header::decode(self.input.bytes(), self.limits.payload)? else {
            return Ok(Progress::Short);
        };
        let length = Header::LENGTH + header.length as usize;
        let payload = self.input.bytes().get(Header::LENGTH..length);
        match (header.kind, payload) {
            // Refused before its payload comes.
            (Kind::Response | Kind::Data, _) => return Err(misdirected(header)),
            (Kind::Handle, _) => return self.take_handle(header),
            (_, None) => {
                self.input.need(length);
                return Ok(Progress::Short);
            }
            (Kind::Request, Some(_)) => return self.take_request(header, length, now),
            (Kind::Cancel, Some(_)) => self.cancel(header.call)?,
            (Kind::End, Some(_)) => self.end_request_body(header.call)?,
            (Kind::Window, Some(payload)) => {
                let bytes = u64::from_le_bytes(frame::word(payload)?);
                self.grant(header.call, bytes)?;
            }
            (Kind::Ping, Some(payload)) => {
                let word = frame::word(payload)?;
                self.outbox.pinged(word);
            }
            // Nothing was asked, so it answers nothing.
            (Kind::Pong, Some(_)) => {}
            (Kind::Goodbye, Some(payload)) => {
                Status::decode(payload)?;
                self.phase = Phase::Draining(Drain::ByClient);
            }
            (Kind::Error, Some(payload)) => {
                let failure = given_up(Status::decode(payload)?);
                self.hang_up(&failure);
                return Ok(Progress::Happened(Happened::Failed(Error::Remote(failure))));
            }
        }
        self.input.consume(length);
        Ok(Progress::Quiet)
    }

    fn cancel(&mut self, call: u64) -> Result<()> {
        self.calls.check_noted(call, "a cancel")?;
        self.give_up(call, Failure::new(ErrorKind::Cancelled, "cancelled by the client"));
        Ok(())
    }

    /// Tells the client that `call` ends with `failure`, and the runtime that nobody waits for it.
    fn give_up(&mut self, call: u64, failure: Failure) {
        match self.calls.give_up(call) {
            GivenUp::Answered => return self.outbox.stop(call, failure),
            GivenUp::Held => {
                let at = self.held.iter().position(|held| held.call == call);
                let held = at.and_then(|at| self.held.remove(at));
                self.happened.extend(held.map(|held| held.refused(&failure)));
            }
            GivenUp::Running => self.happened.push_back(Happened::Cancelled(call)),
        }
        self.outbox.end(call, Err(failure), 0, None);
    }

    /// A body that was refused when it was announced may still end.
    fn end_request_body(&mut self, call: u64) -> Result<()> {
        self.calls.check_noted(call, "an end")?;
        if self.calls.is_waited_for(call) {
            return Err(Error::Protocol {
                reason: format!("an end for call {call}, which has no body"),
            });
        }
        Ok(())
    }

    fn grant(&mut self, call: u64, bytes: u64) -> Result<()> {
        if bytes == 0 {
            return Err(Error::Protocol { reason: "a window of no bytes".to_owned() });
        }
        if call == 0 {
            return self.outbox.grant(bytes);
        }
        self.calls.check_noted(call, "a window")?;
        if self.calls.grant(call, bytes)? { Ok(()) } else { self.outbox.grant_to(call, bytes) }
    }

    /// Says `failure` to the client, after what was queued, and finishes.
    fn close(&mut self, failure: &Failure) {
        if matches!(self.phase, Phase::Preface { .. }) {
            self.outbox.greet(&self.greeting());
        }
        self.outbox.abort(failure);
        self.outbox.close(Kind::Error, failure, 0);
        self.finish(failure);
    }

    /// Finishes without another word.
    fn hang_up(&mut self, failure: &Failure) {
        self.outbox.clear(failure);
        self.finish(failure);
    }

    fn finish(&mut self, failure: &Failure) {
        self.phase = Phase::Finished;
        self.happened.extend(self.held.drain(..).map(|held| held.refused(failure)));
        self.arrivals.clear();
        self.happened.extend(self.calls.clear().into_iter().map(Happened::Cancelled));
    }

    fn settle(&mut self) {
        for call in self.outbox.settled.drain(..) {
            self.calls.settle(call);
        }
    }
}

impl Protocol for ServerSession {
    fn pass_handles(&mut self) {
        self.arrivals.offer();
    }

    fn room(&mut self) -> &mut [u8] {
        self.input.room()
    }

    fn received(&mut self, count: usize) {
        self.input.filled(count);
        self.arrival.moved();
        self.is_within_a_frame = false;
    }

    fn rest(&mut self) {
        self.input.rest();
        self.outbox.rest();
        self.calls.rest();
        self.released = Vec::new();
    }

    fn ended(&mut self) {
        self.hang_up(&Failure::new(ErrorKind::Disconnected, "the client is gone"));
    }

    fn next_event(&mut self, now: Instant) -> Option<Event<'_>> {
        self.now = now;
        let happened = self.advance(now).unwrap_or_else(|error| {
            self.close(&told(&error));
            Some(Happened::Failed(error))
        })?;
        Some(match happened {
            Happened::Level(level) => Event::Level(level),
            Happened::Refused { call, method, failure } => {
                Event::Refused { id: CallId(call), method, failure }
            }
            Happened::Cancelled(call) => Event::Cancelled(CallId(call)),
            Happened::Failed(error) => Event::Failed(error),
            Happened::Handle { call, ticket } => Event::Handle { call: CallId(call), ticket },
            Happened::Call { id, method, deadline, arguments, handle } => {
                let arguments = match arguments {
                    Place::Input(range) => &self.input.bytes()[range],
                    Place::Released => &self.released,
                };
                let arguments = Arguments::new(arguments).expect("checked with its request");
                Event::Call { id: CallId(id), method, arguments, deadline, handle }
            }
        })
    }

    fn reply(&mut self, call: CallId, reply: Result<Reply<Vec<u8>>, Failure>) {
        let CallId(call) = call;
        match self.calls.answer(call) {
            Some(credit) => self.outbox.answer(call, reply, credit),
            None => sender::unwanted(reply),
        }
    }

    fn received_handle(&mut self, call: CallId, handle: ReceivedHandle) {
        self.arrivals.keep(call.0, handle);
    }

    fn offered(&mut self, offered: Result<Ticket, Failure>) {
        self.outbox.offered(offered);
    }

    fn output(&mut self, waker: &Waker) -> Output<'_> {
        if self.holds_what_it_could_release() {
            waker.wake_by_ref();
        }
        if self.outbox.is_offered() {
            self.stall.offered_again(self.now);
        }
        self.outbox.output(waker)
    }

    fn sent(&mut self, count: u64) {
        self.stall.moved();
        self.outbox.sent(count);
        self.settle();
    }

    fn file_failed(&mut self, failure: Failure) {
        self.outbox.file_failed(failure);
    }

    fn is_busy(&self) -> bool {
        self.calls.any_unanswered()
    }

    fn deadline(&self) -> Deadline {
        let preface = match self.phase {
            Phase::Finished => return Deadline::NEVER,
            Phase::Preface { until } => until,
            Phase::Open | Phase::Draining(_) => None,
        };
        let stall = self.stall.due(self.outbox.is_offered(), self.now);
        let arrival = self.arrival.due(self.is_within_a_frame, self.now);
        let all = preface.into_iter().chain(self.calls.deadline()).chain(stall).chain(arrival);
        all.min().map_or(Deadline::NEVER, Deadline::at)
    }

    fn timer(&mut self, now: Instant) {
        self.now = now;
        if matches!(self.phase, Phase::Preface { until: Some(until) } if until <= now) {
            let error = Error::TimedOut { operation: Operation::Preface };
            self.close(&told(&error));
            self.happened.push_back(Happened::Failed(error));
        }
        for call in self.calls.overdue(now) {
            self.give_up(call, Failure::new(ErrorKind::TimedOut, "not answered in time"));
        }
        if self.phase != Phase::Finished && self.stall.has_come(self.outbox.is_offered(), now) {
            let error = Error::TimedOut { operation: Operation::Write };
            self.hang_up(&told(&error));
            self.happened.push_back(Happened::Failed(error));
        }
        if self.phase != Phase::Finished && self.arrival.has_come(self.is_within_a_frame, now) {
            let error = Error::TimedOut { operation: Operation::Read };
            self.close(&told(&error));
            self.happened.push_back(Happened::Failed(error));
        }
    }

    fn drain(&mut self) {
        match self.phase {
            Phase::Finished | Phase::Draining(Drain::ByServer) => return,
            Phase::Preface { .. } => self.outbox.greet(&self.greeting()),
            Phase::Open | Phase::Draining(Drain::ByClient) => {}
        }
        self.phase = Phase::Draining(Drain::ByServer);
        let failure = Failure::new(ErrorKind::Draining, "");
        self.outbox.close(Kind::Goodbye, &failure, self.calls.last());
    }

    fn refuse(&mut self, failure: Failure) {
        if self.phase != Phase::Finished {
            self.close(&failure);
        }
    }

    fn is_finished(&self) -> bool {
        match self.phase {
            Phase::Finished => true,
            Phase::Draining(_) => !self.calls.any_unanswered(),
            Phase::Preface { .. } | Phase::Open => false,
        }
    }
}

/// What taking something from the input has led to.
#[derive(Debug)]
enum Progress {
    Happened(Happened),
    /// Nothing that anybody must be told.
    Quiet,
    /// More must come first.
    Short,
}

fn misdirected(header: Header) -> Error {
    let Header { kind, call, .. } = header;
    let reason = format!("a {kind} frame for call {call}, which a client may not send");
    Error::Protocol { reason }
}

/// How long the receive buffer of a silent connection is, in bytes: many connections are silent.
const RESTING_INPUT: usize = 4096;

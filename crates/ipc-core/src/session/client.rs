//! The client's side of a session.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::ops::Range;

use super::input::{Input, LARGEST};
use super::{SessionLimits, told};
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind, Failure, Operation, Result};
use crate::frame::{self, Kind, Preface, Status};
use crate::level::ImpersonationLevel;
use crate::server::protocol::CallId;
use crate::transport::Ticket;

use calls::{Call, InFlight, Stage, Weight};
use window::Window;

mod calls;
mod frames;
mod window;

/// The session protocol as a client speaks it on one connection: a state machine without I/O.
///
/// Whoever drives it reads into [`room`](Self::room), takes [events](Self::next_event) until there
/// are none, and writes whatever [`output`](Self::output) has before it waits for more.
#[derive(Debug)]
pub struct ClientSession {
    limits: SessionLimits,
    /// Whether this side's connection passes handles.
    handles: bool,
    input: Input,
    /// How many bytes of the input the last event was made of.
    taken: usize,
    /// What the server accepts, once it has said so.
    server: Option<Preface>,
    calls: HashMap<u64, Call>,
    in_flight: InFlight,
    /// The last call's id.
    last: u64,
    /// What the server may still send of all bodies together.
    window: Window,
    /// The data frame whose payload is coming.
    receiving: Option<Receiving>,
    /// Calls that the server says it has not taken.
    not_taken: VecDeque<u64>,
    /// Why no more calls are taken.
    goodbye: Option<Failure>,
    /// Whether the server's bytes have ended.
    ended: bool,
    /// Why nothing more can be said or heard.
    over: Option<Failure>,
    output: Vec<u8>,
    /// How many bytes of `output` have been sent.
    flushed: usize,
    /// The latest ping that has not been answered.
    ping: Option<[u8; 8]>,
}

#[derive(Clone, Copy, Debug)]
struct Receiving {
    call: u64,
    /// How many bytes of the payload have not been taken.
    left: usize,
}

/// What a server has answered.
#[derive(Debug)]
pub enum ClientEvent<'a> {
    /// A handle has come with an answer that follows. It is to be claimed at once, also if nobody
    /// waits for the call any more; if it cannot be, the server is [refused](ClientSession::refuse).
    Handle {
        /// The call.
        call: CallId,
        /// Names the handle.
        ticket: Ticket,
    },
    /// The answer's value.
    Response {
        /// The call.
        call: CallId,
        /// The encoded value.
        value: &'a [u8],
        /// Whether a body follows; if not, the call is complete.
        body: bool,
    },
    /// Bytes of the answer's body. They stay until they are [consumed](ClientSession::consume).
    Data {
        /// The call.
        call: CallId,
        /// As many as have come; at least one.
        bytes: &'a [u8],
    },
    /// The call is complete.
    End {
        /// The call.
        call: CallId,
        /// How it or its body ended.
        result: Result<(), Failure>,
        /// How many bytes of the body are valid: if it failed, the last ones may be padding.
        valid: u64,
    },
}

/// An event before the bytes are lent.
#[derive(Debug)]
enum Happened {
    Handle { call: u64, ticket: Ticket },
    Response { call: u64, value: Range<usize>, body: bool },
    Data { call: u64, length: usize },
    End { call: u64, result: Result<(), Failure>, valid: u64 },
}

impl ClientSession {
    /// A session with a server that may act for this client up to `level`.
    #[must_use]
    pub fn new(level: ImpersonationLevel, limits: &SessionLimits) -> Self {
        let limits = limits.raised();
        Self {
            limits,
            handles: false,
            input: Input::new(LARGEST),
            taken: 0,
            server: None,
            calls: HashMap::new(),
            in_flight: InFlight::default(),
            last: 0,
            window: Window::new(limits.connection_credit),
            receiving: None,
            not_taken: VecDeque::new(),
            goodbye: None,
            ended: false,
            over: None,
            output: limits.of_client(level.to_wire()).encode().to_vec(),
            flushed: 0,
            ping: None,
        }
    }

    /// A session like [`new`](Self::new) on a connection that [passes
    /// handles](crate::Connection::handles).
    #[must_use]
    pub fn with_handles(level: ImpersonationLevel, limits: &SessionLimits) -> Self {
        let preface = limits.raised().of_client(level.to_wire());
        let preface = Preface { flags: Preface::HANDLES, ..preface };
        Self { handles: true, output: preface.encode().to_vec(), ..Self::new(level, limits) }
    }

    /// `true` if handles can be passed: both sides' connections do. Not known, and so `false`, before
    /// the server's preface has come.
    #[must_use]
    pub fn passes_handles(&self) -> bool {
        self.handles && self.server.as_ref().is_some_and(Preface::passes_handles)
    }

    /// Queues a call of `method` with [encoded](crate::service::Arguments::push) arguments.
    /// `Ok(None)`: not before more has been received.
    ///
    /// # Errors
    /// [`Error::LimitExceeded`] for arguments that the server does not accept; [`Error::Remote`] of
    /// kind [`Draining`](ErrorKind::Draining) if it takes no more calls; why the session is over.
    pub fn call(
        &mut self,
        method: u32,
        arguments: &[u8],
        deadline: Deadline,
    ) -> Result<Option<CallId>> {
        let Some(weight) = self.admit(arguments, false)? else { return Ok(None) };
        let call = self.next_call();
        frame::push_request(&mut self.output, call, method, deadline, arguments);
        Ok(Some(self.add(call, weight)))
    }

    /// Queues the same, with a handle: the one that `offer` offers to the connection, once the call
    /// is admitted. No handle can be passed before the server's preface has come.
    ///
    /// # Errors
    /// As [`call`](Self::call); [`Error::HandlesNotPassed`] if the connection passes none, or the
    /// server; and as `offer`.
    pub fn call_with_handle(
        &mut self,
        method: u32,
        arguments: &[u8],
        deadline: Deadline,
        offer: &mut dyn FnMut() -> Result<Ticket>,
    ) -> Result<Option<CallId>> {
        let admitted = self.admit(arguments, true)?;
        self.check_handles()?;
        let Some(weight) = admitted else { return Ok(None) };
        let call = self.next_call();
        let Ticket(number) = offer()?;
        frame::push_word(&mut self.output, Kind::Handle, call, number.to_le_bytes());
        frame::push_request(&mut self.output, call, method, deadline, arguments);
        Ok(Some(self.add(call, weight)))
    }

    /// The weight of a call that may be made now.
    fn admit(&self, arguments: &[u8], handle: bool) -> Result<Option<Weight>> {
        match self.over.as_ref().or(self.goodbye.as_ref()) {
            Some(failure) => Err(self.parted(failure.clone())),
            None => self.in_flight.admit(arguments.len(), handle, self.server.as_ref()),
        }
    }

    /// Fails if no handle can ever be passed to the server.
    fn check_handles(&self) -> Result<()> {
        let takes_none = |server: &Preface| !server.passes_handles() || server.handles == 0;
        let reason = if !self.handles {
            "this connection was made without (`ConnectOptions::handles`)"
        } else if self.server.as_ref().is_some_and(takes_none) {
            "the server takes none (`BindOptions::handles`)"
        } else {
            return Ok(());
        };
        Err(Error::HandlesNotPassed { reason })
    }

    fn next_call(&self) -> u64 {
        if self.last == 0 { 1 } else { self.last + 2 }
    }

    fn add(&mut self, call: u64, weight: Weight) -> CallId {
        self.last = call;
        self.in_flight.add(weight);
        self.calls.insert(call, Call::new(weight, self.limits.body_credit));
        CallId(call)
    }

    /// Tells the server that nobody waits for `call` any more: no event will name it.
    pub fn cancel(&mut self, call: CallId) {
        if self.over.is_some() {
            return;
        }
        let Some(entry) = self.calls.get_mut(&call.0) else { return };
        if !mem::replace(&mut entry.abandoned, true) {
            frame::push_cancel(&mut self.output, call.0);
        }
    }

    /// Tells the server that no more calls will come, unless the session is over anyway.
    pub fn close(&mut self) {
        if self.over.is_some() {
            return;
        }
        let limit = frame::MIN_PAYLOAD;
        frame::push_status(&mut self.output, Kind::Goodbye, 0, None, 0, limit);
        self.goodbye.get_or_insert_with(|| {
            Failure::new(ErrorKind::Disconnected, "this side has taken its leave")
        });
    }

    /// What is to be sent.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        &self.output[self.flushed..]
    }

    /// `count` bytes of the [`output`](Self::output) were sent.
    pub fn sent(&mut self, count: usize) {
        self.flushed += count;
        if self.flushed < self.output.len() {
            return;
        }
        self.output.clear();
        self.flushed = 0;
        if let Some(word) = self.ping.take() {
            frame::push_word(&mut self.output, Kind::Pong, 0, word);
        }
    }

    /// Where the server's next bytes go; never empty.
    pub fn room(&mut self) -> &mut [u8] {
        self.input.room()
    }

    /// `count` bytes were read into [`room`](Self::room).
    pub fn received(&mut self, count: usize) {
        self.input.filled(count);
    }

    /// The server's bytes have ended.
    pub fn ended(&mut self) {
        self.ended = true;
    }

    /// The next thing that the server has answered; `None`: more must be received.
    ///
    /// # Errors
    /// Why the session is over: [`Error::Protocol`] or [`Error::LimitExceeded`] for a server that
    /// does not keep to the protocol, [`Error::Disconnected`] at its end, [`Error::Remote`] for the
    /// reason that it gave.
    pub fn next_event(&mut self) -> Result<Option<ClientEvent<'_>>> {
        if let Some(failure) = &self.over {
            return Err(self.parted(failure.clone()));
        }
        let happened = match self.advance() {
            Ok(None) if self.ended => Err(Error::Disconnected { operation: self.awaits() }),
            happened => happened,
        };
        match happened {
            Ok(happened) => Ok(happened.map(|happened| self.lend(happened))),
            Err(error) => {
                self.give_up(&error);
                Err(error)
            }
        }
    }

    /// Gives the session up for `error`, which the server has caused below the session, and tells it.
    pub fn refuse(&mut self, error: &Error) {
        if self.over.is_none() {
            self.give_up(error);
        }
    }

    /// The first `count` bytes of the last [`ClientEvent::Data`] are done with; the server may send
    /// as many more.
    ///
    /// # Panics
    /// If there are not that many.
    pub fn consume(&mut self, count: usize) {
        self.input.consume(count);
        self.take_data(count);
    }

    /// How many bytes of the body of `call` come next, if nothing that was received lies before
    /// them: they may be read into their destination, past [`room`](Self::room).
    #[must_use]
    pub fn direct(&self, call: CallId) -> Option<usize> {
        let Receiving { call: of, left } = self.receiving?;
        let wanted = self.calls.get(&of).is_some_and(|entry| !entry.abandoned);
        (of == call.0 && wanted && self.input.bytes().len() == self.taken).then_some(left)
    }

    /// `count` bytes were read into their destination, as [`direct`](Self::direct) allows.
    ///
    /// # Panics
    /// If it does not allow that many.
    pub fn received_directly(&mut self, count: usize) {
        self.take_data(count);
    }

    /// What is waited for: the server's preface or an answer.
    #[must_use]
    pub fn awaits(&self) -> Operation {
        if self.server.is_none() { Operation::Preface } else { Operation::Call }
    }

    fn lend(&self, happened: Happened) -> ClientEvent<'_> {
        match happened {
            Happened::Handle { call, ticket } => ClientEvent::Handle { call: CallId(call), ticket },
            Happened::Response { call, value, body } => {
                let value = &self.input.bytes()[value];
                ClientEvent::Response { call: CallId(call), value, body }
            }
            Happened::Data { call, length } => {
                ClientEvent::Data { call: CallId(call), bytes: &self.input.bytes()[..length] }
            }
            Happened::End { call, result, valid } => {
                ClientEvent::End { call: CallId(call), result, valid }
            }
        }
    }

    /// `count` bytes of the payload that is coming have found their destination, or are discarded.
    fn take_data(&mut self, count: usize) {
        let Some(Receiving { call, left }) = &mut self.receiving else {
            assert_eq!(count, 0, "only data that has come is taken");
            return;
        };
        let call = *call;
        *left = left.checked_sub(count).expect("only data that has come is taken");
        if *left == 0 {
            self.receiving = None;
        }
        if let Some(bytes) = self.window.give_back(count as u64) {
            frame::push_word(&mut self.output, Kind::Window, 0, bytes.to_le_bytes());
        }
        let Some(entry) = self.calls.get_mut(&call).filter(|entry| !entry.abandoned) else {
            return;
        };
        if let Some(bytes) = entry.window.give_back(count as u64) {
            frame::push_word(&mut self.output, Kind::Window, call, bytes.to_le_bytes());
        }
    }

    /// Ends the session for `error`, which the server is told if it caused it.
    fn give_up(&mut self, error: &Error) {
        let failure = told(error);
        if matches!(error, Error::Protocol { .. } | Error::LimitExceeded { .. }) {
            let limit = frame::MIN_PAYLOAD;
            frame::push_status(&mut self.output, Kind::Error, 0, Some(&failure), 0, limit);
            // Nothing follows what is said last.
            self.ping = None;
        }
        self.over = Some(failure);
    }

    /// The error of whoever comes after the session is over.
    fn parted(&self, failure: Failure) -> Error {
        match failure.kind() {
            ErrorKind::Disconnected => Error::Disconnected { operation: self.awaits() },
            _ => Error::Remote(failure),
        }
    }
}

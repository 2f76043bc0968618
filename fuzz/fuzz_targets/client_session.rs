//! A client's session with a server that sends anything, in any pieces: nothing panics, no server
//! sends more than it was allowed, every call ends at most once, memory is bounded, and what the client
//! says is what a server expects.
#![no_main]

use std::collections::HashMap;
use std::task::Waker;
use std::time::Instant;

use ipc_core::frame::{Header, Kind};
use ipc_core::server::protocol::{CallId, Event, Output, Protocol};
use ipc_core::session::{ClientEvent, ClientSession, ServerSession, SessionLimits};
use ipc_core::transport::Ticket;
use ipc_core::{Deadline, Error, ImpersonationLevel};
use ipc_fuzz::frames::Stream;
use ipc_fuzz::meter::Meter;
use ipc_fuzz::script::Script;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let (received, script) = Script::split(input);
    let meter = Meter::begin();
    let mut client = Client::new(script);
    // What most servers answer first must be asked for, or they make no sense from the beginning.
    for _ in 0..4 {
        client.call();
    }
    client.send();
    let mut rest = received;
    while !rest.is_empty() && client.is_open {
        rest = client.receive(rest);
        client.do_something();
        while client.event() {}
        client.send();
        meter.assert_below(MOST_MEMORY + 8 * received.len());
    }
    client.session.ended();
    while client.event() {}
    assert!(!client.is_open, "the end is the end");
    for _ in 0..2 {
        client.send();
    }
});

struct Client<'a> {
    session: ClientSession,
    script: Script<'a>,
    calls: HashMap<CallId, Call>,
    is_open: bool,
    /// What the client says, as an onlooker reads it.
    said: Stream,
    /// Whether it has given the connection up.
    has_given_up: bool,
    /// A server that accepts whatever is no breach of the protocol.
    server: ServerSession,
}

#[derive(Debug, Default)]
struct Call {
    has_body: bool,
    is_cancelled: bool,
    has_ended: bool,
    data: u64,
}

impl<'a> Client<'a> {
    fn new(script: Script<'a>) -> Self {
        let mut generous = SessionLimits::default();
        generous.calls = u32::MAX;
        generous.request_bytes = u32::MAX;
        generous.payload = u32::MAX;
        generous.handles = u32::MAX;
        let mut server = ServerSession::new(&generous, Instant::now());
        server.pass_handles();
        Self {
            session: ClientSession::with_handles(ImpersonationLevel::Identification, &limits()),
            script,
            calls: HashMap::new(),
            is_open: true,
            said: Stream::default(),
            has_given_up: false,
            server,
        }
    }

    fn call(&mut self) {
        let arguments = vec![0; usize::from(self.script.decide()) * 4];
        let called = if self.script.decide() == 1 {
            let mut offer = || Ok(Ticket(3));
            self.session.call_with_handle(1, &arguments, Deadline::NEVER, &mut offer)
        } else {
            self.session.call(1, &arguments, Deadline::NEVER)
        };
        match called {
            Ok(Some(id)) => assert!(self.calls.insert(id, Call::default()).is_none()),
            Ok(None) => {}
            Err(error) => assert!(
                matches!(
                    error,
                    Error::Remote(_)
                        | Error::LimitExceeded { .. }
                        | Error::Disconnected { .. }
                        | Error::HandlesNotPassed { .. }
                ),
                "{error:?}"
            ),
        }
    }

    fn do_something(&mut self) {
        let decision = self.script.decide();
        match decision {
            0 => {}
            1..=99 => self.call(),
            100..=249 => {
                let id = CallId(u64::from(decision - 100) * 2 + 1);
                self.session.cancel(id);
                if let Some(call) = self.calls.get_mut(&id) {
                    call.is_cancelled = true;
                }
            }
            _ => self.session.close(),
        }
    }

    /// Hands over a piece of `bytes`; returns the rest.
    fn receive<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        if let Some(rest) = self.receive_directly(bytes) {
            return rest;
        }
        let room = self.session.room();
        assert!(!room.is_empty(), "there is always room");
        assert!(room.len() <= MOST_ROOM, "{} bytes of room", room.len());
        let most = room.len().min(bytes.len());
        let count = self.script.share_of(most).max(1);
        let (piece, rest) = bytes.split_at(count);
        room[..count].copy_from_slice(piece);
        self.session.received(count);
        rest
    }

    /// Has the next bytes of a body pass the session by, where it allows that.
    fn receive_directly<'b>(&mut self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let id = self.calls.keys().copied().find(|id| self.session.direct(*id).is_some())?;
        let most = self.session.direct(id)?.min(bytes.len());
        let count = self.script.share_of(most);
        self.session.received_directly(count);
        self.account(id, count);
        (count > 0).then(|| &bytes[count..])
    }

    fn event(&mut self) -> bool {
        let (id, count) = match self.session.next_event() {
            Ok(None) => return false,
            Err(_) => {
                self.is_open = false;
                assert!(self.session.next_event().is_err(), "what is over stays over");
                return false;
            }
            Ok(Some(ClientEvent::Handle { call, .. })) => {
                // Told of a call as well that nobody waits for: the handle is there to be taken.
                let call = self.calls.get(&call).expect("a call that was made");
                assert!(!call.has_ended && !call.has_body, "after the response");
                if self.script.decide() == 1 {
                    self.session.refuse(&Error::Protocol { reason: "there is none".to_owned() });
                }
                return true;
            }
            Ok(Some(ClientEvent::Data { call, bytes })) => {
                assert!(!bytes.is_empty());
                (call, bytes.len())
            }
            Ok(Some(ClientEvent::Response { call, body, .. })) => {
                let call = open(&mut self.calls, call);
                assert!(!call.has_body, "a second response");
                (call.has_body, call.has_ended) = (body, !body);
                return true;
            }
            Ok(Some(ClientEvent::End { call, result, valid })) => {
                let call = open(&mut self.calls, call);
                assert!(valid <= call.data, "{valid} bytes are valid of {}", call.data);
                assert!(result.is_err() || valid == call.data);
                call.has_ended = true;
                return true;
            }
        };
        let taken = self.script.share_of(count).max(1);
        self.session.consume(taken);
        self.account(id, taken);
        true
    }

    fn account(&mut self, id: CallId, count: usize) {
        let call = open(&mut self.calls, id);
        assert!(call.has_body || count == 0, "data before a response");
        call.data += count as u64;
    }

    /// What is said is what a server expects.
    fn send(&mut self) {
        let count = self.script.share_of(self.session.output().len());
        let mut bytes = &self.session.output()[..count];
        self.said.push(bytes, u32::MAX, |header, _| {
            assert!(!self.has_given_up, "{header:?} after the last word");
            self.has_given_up = header.kind == Kind::Error;
        });
        assert!(!self.said.is_malformed(), "the client makes no sense");
        while !bytes.is_empty() {
            let room = self.server.room();
            let part = room.len().min(bytes.len());
            room[..part].copy_from_slice(&bytes[..part]);
            self.server.received(part);
            bytes = &bytes[part..];
            while let Some(event) = self.server.next_event(Instant::now()) {
                if let Event::Failed(error) = event {
                    assert!(matches!(error, Error::Remote(_)), "{error:?}");
                    // It was told why, and hears nothing more.
                    bytes = &[];
                }
            }
        }
        self.session.sent(count);
        while let Output::Bytes(parts) = self.server.output(Waker::noop()) {
            let count = parts.iter().map(|part| part.len() as u64).sum();
            self.server.sent(count);
        }
        if self.server.is_finished() {
            self.is_open = false;
        }
    }
}

/// The call that an event is about, which must be one that somebody waits for.
fn open(calls: &mut HashMap<CallId, Call>, id: CallId) -> &mut Call {
    let call = calls.get_mut(&id).expect("a call that was made");
    assert!(!call.is_cancelled && !call.has_ended, "nobody waits for {id} any more");
    call
}

fn limits() -> SessionLimits {
    let mut limits = SessionLimits::default();
    limits.payload = 0x1_0000;
    limits.connection_credit = 3000;
    limits.body_credit = 1000;
    limits
}

/// A frame of the longest payload, or what one read may take while much comes.
const MOST_ROOM: usize = Header::LENGTH + 2 * 0x1_0000;

/// What both sessions and the record of the calls may hold.
const MOST_MEMORY: usize = 2 << 20;

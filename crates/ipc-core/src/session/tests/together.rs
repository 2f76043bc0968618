//! Both ends, with everything between them left to chance: how many bytes travel at a time, when
//! handlers answer, what they answer, and which calls are given up.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::task::{self, Poll};

use super::*;
use crate::service::Source;
use crate::session::{ClientEvent, ClientSession};

#[test]
fn whatever_the_schedule_every_call_ends_and_every_byte_arrives() {
    for seed in 0..60 {
        let mut world = World::new(seed);
        for step in 0.. {
            assert!(step < 2_000_000, "seed {seed} does not come to an end");
            world.step();
            if world.is_done() {
                break;
            }
        }
        assert!(!world.server.session.is_busy());
        assert!(world.reported <= CALLS && world.reported > 0);
    }
}

const CALLS: usize = 120;

/// The method of the calls that a handle goes with.
const WITH_HANDLE: u32 = 2;

/// Whether the answer to `call` comes with a handle.
fn has_handle(call: u64) -> bool {
    call % 7 == 0
}

/// What the client knows of a call that it waits for.
#[derive(Debug, Default)]
struct Expected {
    /// Whether a handle has come.
    handle: bool,
    /// How many bytes of the body have come.
    received: u64,
}

#[derive(Debug)]
struct World {
    random: Random,
    client: ClientSession,
    server: Server,
    made: usize,
    waiting: HashMap<u64, Expected>,
    /// The calls that handlers have.
    running: Vec<u64>,
    reported: usize,
    /// How many handles the client has offered, and taken.
    offered: u64,
    taken: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let limits = SessionLimits {
            body_credit: 2000 + random.below(200_000) as u64,
            connection_credit: 2000 + random.below(400_000) as u64,
            calls: 16 + u32::try_from(random.below(20)).expect("small"),
            ..SessionLimits::default()
        };
        Self {
            client: ClientSession::with_handles(ImpersonationLevel::Impersonation, &limits),
            server: Server::with_handles(&limits),
            random,
            made: 0,
            waiting: HashMap::new(),
            running: Vec::new(),
            reported: 0,
            offered: 0,
            taken: 0,
        }
    }

    fn is_done(&self) -> bool {
        self.made == CALLS && self.waiting.is_empty() && !self.server.session.is_busy()
    }

    fn step(&mut self) {
        match self.random.below(7) {
            0 => self.make_a_call(),
            1 => self.carry_to_server(),
            2 | 3 => self.carry_to_client(),
            4 => self.serve(),
            5 => self.answer_one(),
            _ if self.random.below(200) == 0 => self.give_one_up(),
            _ => {}
        }
    }

    fn make_a_call(&mut self) {
        if self.made == CALLS {
            return;
        }
        let mut arguments = Vec::new();
        Arguments::push(&mut arguments, &vec![1; self.random.below(3000)]);
        let deadline = crate::Deadline::NEVER;
        let with_handle = self.random.below(3) == 0;
        let made = if with_handle {
            self.client.call_with_handle(WITH_HANDLE, &arguments, deadline, &mut || {
                self.offered += 1;
                Ok(Ticket(self.offered))
            })
        } else {
            self.client.call(1, &arguments, deadline)
        };
        if let Some(call) = made.expect("within the limits") {
            self.made += 1;
            self.waiting.insert(call.0, Expected::default());
        }
    }

    fn give_one_up(&mut self) {
        let Some(call) = self.waiting.keys().min().copied() else { return };
        self.client.cancel(CallId(call));
        self.waiting.remove(&call);
    }

    fn carry_to_server(&mut self) {
        let most = 1 + self.random.below(5000);
        let output = self.client.output();
        let bytes = output[..output.len().min(most)].to_vec();
        self.client.sent(bytes.len());
        self.server.put(&bytes);
    }

    fn carry_to_client(&mut self) {
        let most = 1 + self.random.below(150_000);
        let mut bytes = &self.server.take(most)[..];
        while !bytes.is_empty() {
            let room = self.client.room();
            let count = room.len().min(bytes.len()).min(1 + self.random.below(20_000));
            room[..count].copy_from_slice(&bytes[..count]);
            self.client.received(count);
            bytes = &bytes[count..];
            self.understand();
        }
    }

    fn understand(&mut self) {
        while let Some(event) = self.client.next_event().expect("the server keeps to its credit") {
            match event {
                ClientEvent::Handle { call, ticket } => {
                    self.taken += 1;
                    assert_eq!(ticket.0, self.taken, "in the order of their tickets");
                    if let Some(expected) = self.waiting.get_mut(&call.0) {
                        assert!(has_handle(call.0) && !expected.handle, "one for {call}");
                        expected.handle = true;
                    }
                }
                ClientEvent::Response { call, value, body } => {
                    assert_eq!(value, call.0.to_le_bytes());
                    let expected = self.waiting.get(&call.0).expect("waited for");
                    assert_eq!(expected.handle, has_handle(call.0), "{call}");
                    if !body {
                        self.waiting.remove(&call.0);
                    }
                }
                ClientEvent::Data { call, bytes } => {
                    let expected = self.waiting.get_mut(&call.0).expect("waited for");
                    let count = bytes.len().min(1 + self.random.below(90_000));
                    for (offset, byte) in (expected.received..).zip(&bytes[..count]) {
                        assert_eq!(*byte, content(call.0 + offset), "byte {offset} of {call}");
                    }
                    expected.received += count as u64;
                    self.client.consume(count);
                }
                ClientEvent::End { call, result, valid } => {
                    let expected = self.waiting.remove(&call.0).expect("waited for");
                    let failed = result.err().map(|failure| failure.kind());
                    // As long as handlers are at calls that were given up, others may be refused.
                    if failed != Some(ErrorKind::Busy) {
                        let fails = (call.0 % 5 == 0).then_some(ErrorKind::DataFailed);
                        assert_eq!(failed, fails, "{call}");
                    }
                    assert_eq!(valid, expected.received);
                }
            }
        }
    }

    fn serve(&mut self) {
        for event in self.server.events() {
            match event {
                Seen::Level(_) | Seen::Refused(..) => {}
                Seen::Handle { ticket, .. } => assert!(ticket <= self.offered),
                Seen::Call { id, method, .. } => {
                    let handed = self.server.handed.contains(&id);
                    assert_eq!(handed, method == WITH_HANDLE, "{id}");
                    self.running.push(id);
                }
                Seen::Cancelled(id) => assert!(self.running.contains(&id)),
                Seen::Failed(..) => panic!("{event:?}"),
            }
        }
    }

    fn answer_one(&mut self) {
        if self.running.is_empty() {
            return;
        }
        let call = self.running.swap_remove(self.random.below(self.running.len()));
        let length = self.random.below(600_000) as u64 / (1 + self.random.below(500) as u64);
        let bytes: Vec<u8> = (call..call + length).map(content).collect();
        let body = match self.random.below(4) {
            // A call that is to fail needs a body that can.
            _ if call % 5 == 0 => pieces(&bytes, true),
            0 => Body::Empty,
            1 => Body::Bytes(bytes),
            2 => file(call, length),
            _ => pieces(&bytes, false),
        };
        self.reported += 1;
        let mut reply = Reply::new(call.to_le_bytes().to_vec()).with_body(body);
        if has_handle(call) {
            reply = reply.with_handle(some_file());
        }
        self.server.reply(call, Ok(reply));
    }
}

fn pieces(bytes: &[u8], fails: bool) -> Body {
    let pieces = bytes.chunks(30_000).map(<[u8]>::to_vec).collect();
    Body::Stream(Box::new(Pieces { pieces, fails, pending: false }))
}

/// Gives its pieces, every other time only on the second request.
#[derive(Debug)]
struct Pieces {
    pieces: VecDeque<Vec<u8>>,
    fails: bool,
    pending: bool,
}

impl Source for Pieces {
    fn poll_next(&mut self, _: &mut task::Context<'_>) -> Poll<Option<Result<Vec<u8>, Failure>>> {
        self.pending = !self.pending;
        if self.pending {
            return Poll::Pending;
        }
        let end =
            if self.fails { Some(Err(Failure::new(ErrorKind::DataFailed, "so"))) } else { None };
        Poll::Ready(self.pieces.pop_front().map(Ok).or(end))
    }
}

//! A server's session with a client that sends anything, in any pieces, and takes what it likes of
//! the answers: nothing panics, no limit and no credit is exceeded, no frame comes that a client
//! does not expect, every answer is accounted for once, and memory is bounded.
#![no_main]

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use ipc_core::frame::Header;
use ipc_core::server::protocol::{CallId, Event, Output, Protocol};
use ipc_core::service::{Body, Reply, Source};
use ipc_core::session::{ServerSession, SessionLimits};
use ipc_core::transport::{ReceivedHandle, Ticket};
use ipc_core::{ErrorKind, Failure};
use ipc_fuzz::heard::Heard;
use ipc_fuzz::meter::Meter;
use ipc_fuzz::script::Script;
use ipc_fuzz::shelf::Shelf;
use libfuzzer_sys::fuzz_target;

thread_local! {
    static SHELF: Arc<Shelf> = Shelf::new();
}

fuzz_target!(|input: &[u8]| {
    let (received, script) = Script::split(input);
    let meter = Meter::begin();
    let mut server = Server::new(script);
    let mut rest = received;
    while !rest.is_empty() && !server.session.is_finished() {
        rest = server.receive(rest);
        server.turn();
        meter.assert_below(MOST_MEMORY + server.onlooker_holds(received));
    }
    server.end();
});

struct Server<'a> {
    session: ServerSession,
    script: Script<'a>,
    now: Instant,
    heard: Heard,
    /// The calls that a handler has and has not answered.
    running: Vec<CallId>,
    /// The handles that came with those calls.
    handles: HashMap<CallId, ReceivedHandle>,
    seen: HashSet<CallId>,
    /// How many answers have been asked to report, and how many have.
    promised: usize,
    reported: Arc<AtomicUsize>,
    failed: Rc<Cell<bool>>,
}

impl<'a> Server<'a> {
    fn new(script: Script<'a>) -> Self {
        let now = Instant::now();
        let mut session = ServerSession::new(&limits(), now);
        session.pass_handles();
        Self {
            session,
            script,
            now,
            heard: Heard::default(),
            running: Vec::new(),
            handles: HashMap::new(),
            seen: HashSet::new(),
            promised: 0,
            reported: Arc::default(),
            failed: Rc::default(),
        }
    }

    /// Hands over a piece of `bytes`; returns the rest.
    fn receive<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let room = self.session.room();
        assert!(!room.is_empty(), "there is always room");
        assert!(room.len() <= MOST_ROOM, "{} bytes of room", room.len());
        let most = room.len().min(bytes.len());
        let count = self.script.share_of(most).max(1);
        let (piece, rest) = bytes.split_at(count);
        room[..count].copy_from_slice(piece);
        self.session.received(count);
        self.heard.said(piece, limits().payload);
        rest
    }

    /// As the runtime does: what came is understood and answered, and what there is to send is sent.
    fn turn(&mut self) {
        self.pass_time();
        while self.event() {}
        self.answer_late();
        let most = self.script.share_of(usize::MAX);
        self.send(most);
        self.session.rest();
    }

    fn event(&mut self) -> bool {
        let (id, method) = match self.session.next_event(self.now) {
            None => return false,
            Some(Event::Level(_)) => return true,
            Some(Event::Handle { call, .. }) => {
                self.claim(call);
                return true;
            }
            Some(Event::Refused { id, .. }) => {
                assert!(self.seen.insert(id), "{id} came twice");
                return true;
            }
            Some(Event::Call { id, method, arguments, handle, .. }) => {
                self.handles.extend(handle.map(|handle| (id, handle)));
                assert!(arguments.as_bytes().len() <= limits().payload as usize);
                (id, method)
            }
            Some(Event::Cancelled(id)) => {
                assert!(self.running.contains(&id), "{id} was cancelled and does not run");
                return true;
            }
            Some(Event::Failed(_)) => {
                assert!(!self.failed.replace(true), "failed twice");
                assert!(self.session.is_finished());
                return true;
            }
        };
        assert!(self.seen.insert(id), "{id} came twice");
        self.running.push(id);
        assert!(self.running.len() <= limits().calls as usize, "too many calls at once");
        assert!(self.handles.len() <= limits().handles as usize, "too many handles at once");
        // By the method, so that received bytes alone reach every kind of answer.
        if method % 8 != LATER {
            self.running.pop();
            self.answer(id, method % 8);
        }
        true
    }

    /// Takes the handle of a call that follows, or finds that there is none.
    fn claim(&mut self, call: CallId) {
        if self.script.decide() == 1 {
            self.session.refuse(Failure::new(ErrorKind::Protocol, "nothing has come under it"));
            return;
        }
        let handle = ReceivedHandle::new(SHELF.with(|shelf| shelf.handle()));
        self.session.received_handle(call, handle);
    }

    fn answer_late(&mut self) {
        if self.running.is_empty() {
            return;
        }
        let choice = usize::from(self.script.decide());
        if choice > 0 {
            let id = self.running.swap_remove(choice % self.running.len());
            let how = u32::from(self.script.decide()) % 8;
            self.answer(id, how);
        }
    }

    fn answer(&mut self, id: CallId, how: u32) {
        self.handles.remove(&id);
        let size = 1 + usize::from(self.script.decide()) * 200;
        let body = match how {
            0 => Body::Empty,
            1 => Body::Bytes(vec![1; size]),
            2 => Body::Stream(Box::new(Pieces { left: size, piece: 1000 })),
            3 => Body::File(SHELF.with(|shelf| shelf.part(85_000, size as u64))),
            4 => {
                let failure = Failure::new(ErrorKind::NotFound, "no such thing");
                return self.session.reply(id, Err(failure.with_detail(vec![7; size])));
            }
            6 => return self.promise_with_handle(id),
            // Longer than a client need accept.
            5 => return self.promise(id, vec![0; 70_000], Body::Empty),
            _ => Body::Bytes(Vec::new()),
        };
        self.promise(id, vec![0; 8], body);
    }

    fn promise(&mut self, id: CallId, value: Vec<u8>, body: Body) {
        self.reply(id, Reply::new(value).with_body(body));
    }

    fn promise_with_handle(&mut self, id: CallId) {
        let handle = SHELF.with(|shelf| shelf.handle());
        self.reply(
            id,
            Reply::new(vec![0; 8]).with_body(Body::Bytes(vec![3; 9])).with_handle(handle),
        );
    }

    /// Each reply is to be reported once.
    fn reply(&mut self, id: CallId, reply: Reply<Vec<u8>>) {
        self.promised += 1;
        let reported = Arc::clone(&self.reported);
        let reply = reply.when_done(move |_| {
            reported.fetch_add(1, Ordering::Relaxed);
        });
        self.session.reply(id, Ok(reply));
    }

    /// Sends up to `most` bytes of what there is.
    fn send(&mut self, mut most: usize) {
        while most > 0 {
            let sent = match self.session.output(Waker::noop()) {
                Output::Nothing => return,
                Output::Handle(handle) => {
                    drop(handle);
                    let cannot = || Failure::new(ErrorKind::Unsupported, "it cannot be passed");
                    let fails = self.script.decide() == 1;
                    self.session.offered(if fails { Err(cannot()) } else { Ok(Ticket(7)) });
                    continue;
                }
                Output::Bytes(parts) => {
                    let bytes: Vec<u8> =
                        parts.iter().flat_map(|part| part.iter().copied()).collect();
                    assert!(!bytes.is_empty(), "nothing is offered");
                    bytes[..bytes.len().min(most)].to_vec()
                }
                Output::File { file, root, from, length } => {
                    let wanted = usize::try_from(length).expect("a frame").min(most);
                    let mut bytes = vec![0; wanted];
                    match root.read_at(file, &mut bytes, from) {
                        Ok(count) if count > 0 => bytes[..count].to_vec(),
                        _ => {
                            let failure = Failure::new(ErrorKind::Truncated, "it ends here");
                            self.session.file_failed(failure);
                            continue;
                        }
                    }
                }
            };
            most -= sent.len();
            self.heard.heard(&sent);
            self.session.sent(sent.len() as u64);
        }
    }

    fn pass_time(&mut self) {
        match self.script.decide() {
            0 => {}
            255 => self.session.drain(),
            254 => self.session.refuse(Failure::new(ErrorKind::Refused, "not you")),
            seconds => {
                self.now += Duration::from_secs(seconds.into());
                if self.session.deadline().instant().is_some_and(|due| due <= self.now) {
                    self.session.timer(self.now);
                }
            }
        }
    }

    /// How much of what is counted is the onlooker's, who keeps a frame until it is whole.
    fn onlooker_holds(&self, received: &[u8]) -> usize {
        8 * received.len() + (2 << 20)
    }

    fn end(mut self) {
        self.session.ended();
        while self.event() {}
        assert!(self.session.is_finished() && !self.session.is_busy());
        for id in std::mem::take(&mut self.running) {
            self.answer(id, 1);
        }
        self.send(usize::MAX);
        let Self { session, promised, reported, .. } = self;
        drop(session);
        assert_eq!(reported.load(Ordering::Relaxed), promised, "each answer is accounted for");
    }
}

/// A body that comes in pieces, and not always.
#[derive(Debug)]
struct Pieces {
    left: usize,
    piece: usize,
}

impl Source for Pieces {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Vec<u8>, Failure>>> {
        match self.left.min(self.piece) {
            0 if self.left == 0 => Poll::Ready(None),
            0 => Poll::Pending,
            count => {
                self.left -= count;
                Poll::Ready(Some(Ok(vec![2; count])))
            }
        }
    }
}

/// As small as they may be, so that they are reached.
fn limits() -> SessionLimits {
    let mut limits = SessionLimits::default();
    limits.payload = 0x1_0000;
    limits.calls = 16;
    limits.request_bytes = 0x1_0000;
    limits.bodies = 2;
    limits.handles = 2;
    limits.body_bytes = 0x1_0000;
    limits
}

/// A handler's answer that is to be given later.
const LATER: u32 = 7;

/// A frame of the longest payload, or what one read may take while much comes.
const MOST_ROOM: usize = Header::LENGTH + 2 * 0x1_0000;

/// What the session may hold: a buffer for input twice while it grows, the requests that wait, replies
/// and bodies up to their limits, and one answer more that was made below them.
const MOST_MEMORY: usize = 1 << 20;

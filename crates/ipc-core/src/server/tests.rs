//! The rules of the loop, each with its test, over the in-process transport.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{self, Poll, Waker};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use parking_lot::Mutex;

use super::protocol::Protocol;
use super::*;
use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind, Failure, Result};
use crate::memory::MemoryTransport;
use crate::options::{BindOptions, ConnectOptions};
use crate::peer::{Assurance, Identity, Peer, UnixIdentity};
use crate::policy::Policy;
use crate::service::{Arguments, Body, Context, Reply, RunsOn, Service, Source};
use crate::transport::{Capabilities, Connection, Listener, Transport};

mod audit;
mod lines;
mod schedule;
mod shares;
mod shutdown;
mod trouble;
mod waiter;

use lines::Lines;

/// Methods of the service that the tests call.
const ECHO: u32 = 1;
/// Waits on its worker until [`Gates::open`] lets it go.
const WAIT_ON_WORKER: u32 = 2;
/// The same on the pool.
const WAIT_ON_POOL: u32 = 3;
const PANIC: u32 = 4;
/// A body of as many bytes as the argument says.
const BYTES: u32 = 5;
/// A body that comes from [`Gates::pieces`].
const STREAM: u32 = 6;
/// Waits as the others do, on a worker unless too many of them do.
const WAIT_ANYWHERE: u32 = 7;

/// What tests hold in their hands.
struct Gates {
    /// One message for each handler that has begun to wait.
    waiting: Receiver<()>,
    /// One message lets one handler go.
    open: Sender<()>,
    pieces: Arc<Pieces>,
    handled: Arc<AtomicUsize>,
}

struct TestService {
    waiting: Sender<()>,
    open: Receiver<()>,
    pieces: Arc<Pieces>,
    handled: Arc<AtomicUsize>,
}

fn service() -> (TestService, Gates) {
    let (waiting, began) = unbounded();
    let (open, opened) = unbounded();
    let pieces = Arc::new(Pieces::default());
    let handled = Arc::new(AtomicUsize::new(0));
    let service =
        TestService { waiting, open: opened, pieces: pieces.clone(), handled: handled.clone() };
    (service, Gates { waiting: began, open, pieces, handled })
}

impl Service for TestService {
    fn runs_on(&self, method: u32) -> Option<RunsOn> {
        match method {
            WAIT_ON_POOL => Some(RunsOn::Pool),
            WAIT_ANYWHERE => Some(RunsOn::WorkerOrPool),
            ECHO..=STREAM => Some(RunsOn::Worker),
            _ => None,
        }
    }

    fn call(
        &self,
        _context: &Context<'_>,
        method: u32,
        mut arguments: Arguments<'_>,
    ) -> Result<Reply<Vec<u8>>, Failure> {
        self.handled.fetch_add(1, Ordering::SeqCst);
        let argument = arguments.next().unwrap_or_default().to_vec();
        match method {
            WAIT_ON_WORKER | WAIT_ON_POOL | WAIT_ANYWHERE => {
                self.waiting.send(()).expect("the test listens");
                self.open.recv().expect("the test opens");
                Ok(Reply::new(argument))
            }
            PANIC => panic!("as asked"),
            BYTES => {
                let length: usize = String::from_utf8_lossy(&argument).parse().expect("a number");
                Ok(Reply::new(argument).with_body(Body::Bytes(vec![b'x'; length])))
            }
            STREAM => {
                let source = Box::new(FromPieces(self.pieces.clone()));
                Ok(Reply::new(argument).with_body(Body::Stream(source)))
            }
            _ => Ok(Reply::new(argument)),
        }
    }
}

/// A body whose pieces the test gives one by one; an empty one ends it.
#[derive(Debug, Default)]
struct Pieces(Mutex<(Vec<Vec<u8>>, Option<Waker>)>);

impl Pieces {
    fn give(&self, piece: &[u8]) {
        let waker = {
            let mut pieces = self.0.lock();
            pieces.0.push(piece.to_vec());
            pieces.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[derive(Debug)]
struct FromPieces(Arc<Pieces>);

impl Source for FromPieces {
    fn poll_next(&mut self, cx: &mut task::Context<'_>) -> Poll<Option<Result<Vec<u8>, Failure>>> {
        let mut pieces = self.0.0.lock();
        if pieces.0.is_empty() {
            pieces.1 = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let piece = pieces.0.remove(0);
        Poll::Ready((!piece.is_empty()).then_some(Ok(piece)))
    }
}

fn at() -> Endpoint {
    "mem:server".parse().expect("a good endpoint")
}

fn lines() -> Box<dyn Protocol> {
    Box::new(Lines::default())
}

fn start(transport: &MemoryTransport, service: TestService) -> Server {
    Server::builder(Arc::new(transport.clone()), at())
        .serve_protocol(service, lines)
        .expect("the server starts")
}

/// A client that writes lines and reads them, with a deadline that turns a hang into a failure.
struct LineClient(Box<dyn Connection>);

impl LineClient {
    fn connect(transport: &MemoryTransport) -> Self {
        let options = ConnectOptions::new().server(Policy::any()).deadline(soon());
        Self(transport.connect(&at(), &options).expect("connected"))
    }

    fn ask(&self, method: u32, argument: &str) {
        self.0.write_all(format!("{method} {argument}\n").as_bytes(), soon()).expect("written");
    }

    fn line(&self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        while self.0.read(&mut byte, soon()).expect("an answer in time") == 1 && byte != *b"\n" {
            line.push(byte[0]);
        }
        String::from_utf8(line).expect("text")
    }

    fn call(&self, method: u32, argument: &str) -> String {
        self.ask(method, argument);
        self.line()
    }

    fn read_body(&self, mut length: usize) {
        let mut buffer = [0; 8192];
        while length > 0 {
            let most = length.min(buffer.len());
            let count = self.0.read(&mut buffer[..most], soon()).expect("a body in time");
            assert_ne!(count, 0, "{length} bytes are missing");
            length -= count;
        }
    }
}

/// Longer than any of these tests takes on a loaded machine.
fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

fn wait(gate: &Receiver<()>) {
    gate.recv_timeout(Duration::from_secs(60)).expect("a handler begins");
}

#[test]
fn requests_that_came_together_are_answered_in_order() {
    let transport = MemoryTransport::new();
    let (service, _gates) = service();
    let _server = start(&transport, service);
    let client = LineClient::connect(&transport);
    let together: String = (0..500).map(|number| format!("{ECHO} {number}\n")).collect();
    client.0.write_all(together.as_bytes(), soon()).expect("written");
    for number in 0..500 {
        assert_eq!(client.line(), number.to_string());
    }
}

#[test]
fn silent_connections_hold_no_worker() {
    let transport = MemoryTransport::new();
    let (service, _gates) = service();
    let server = start(&transport, service);
    let silent: Vec<_> = (0..100).map(|_| LineClient::connect(&transport)).collect();
    for one in &silent {
        one.0.write_all(b"1 half a li", soon()).expect("written");
    }
    assert_eq!(LineClient::connect(&transport).call(ECHO, "quick"), "quick");
    for one in &silent {
        one.0.write_all(b"ne\n", soon()).expect("written");
        assert_eq!(one.line(), "half a line");
    }
    assert!(server.connections() >= 100);
}

#[test]
fn blocking_handlers_hold_no_worker() {
    let transport = MemoryTransport::new();
    let (service, gates) = service();
    let _server = start(&transport, service);
    let slow: Vec<_> = (0..8).map(|_| LineClient::connect(&transport)).collect();
    for one in &slow {
        one.ask(WAIT_ON_POOL, "done");
    }
    for _ in 0..ServerLimits::default().pool_threads {
        wait(&gates.waiting);
    }
    assert_eq!(LineClient::connect(&transport).call(ECHO, "quick"), "quick");
    for _ in &slow {
        gates.open.send(()).expect("a handler waits");
    }
    for one in &slow {
        assert_eq!(one.line(), "done");
    }
}

#[test]
fn a_full_pool_refuses_instead_of_queueing_without_end() {
    let transport = MemoryTransport::new();
    let (service, gates) = service();
    let limits = ServerLimits { pool_threads: 1, pool_queue: 1, ..ServerLimits::default() };
    let _server = Server::builder(Arc::new(transport.clone()), at())
        .limits(limits)
        .serve_protocol(service, lines)
        .expect("the server starts");
    let [first, second] = [(); 2].map(|()| LineClient::connect(&transport));
    first.ask(WAIT_ON_POOL, "first");
    wait(&gates.waiting);
    second.ask(WAIT_ON_POOL, "second"); // queued: nobody has let the first go
    let refused = second.call(WAIT_ON_POOL, "third");
    assert!(refused.contains("limit exceeded"), "{refused}");
    gates.open.send(()).expect("the first waits");
    gates.open.send(()).expect("the second waits");
    assert_eq!(first.line(), "first");
    assert_eq!(second.line(), "second");
}

#[test]
fn where_handlers_hold_up_all_workers_one_more_thread_goes_on() {
    let transport = MemoryTransport::new();
    let (service, gates) = service();
    let _server = Server::builder(Arc::new(transport.clone()), at())
        .workers(3)
        .limits(ServerLimits { pool_threads: 2, ..ServerLimits::default() })
        .serve_protocol(service, lines)
        .expect("the server starts");
    // Three have workers and one a thread of the pool, of which one user never has all; the rest queue.
    let slow: Vec<_> = (0..6).map(|_| LineClient::connect(&transport)).collect();
    for one in &slow {
        one.ask(WAIT_ANYWHERE, "done");
    }
    (0..4).for_each(|_| wait(&gates.waiting));
    assert_eq!(LineClient::connect(&transport).call(ECHO, "quick"), "quick");
    for _ in &slow {
        gates.open.send(()).expect("a handler waits");
    }
    for one in &slow {
        assert_eq!(one.line(), "done");
    }
}

#[test]
fn chatty_connections_beside_a_long_handler_do_not_starve_a_newcomer() {
    let transport = MemoryTransport::new();
    let (service, gates) = service();
    let _server = start(&transport, service);
    let long = LineClient::connect(&transport);
    long.ask(WAIT_ON_WORKER, "long");
    wait(&gates.waiting);
    let (stop, stopped) = bounded::<()>(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let (transport, stopped) = (transport.clone(), stopped.clone());
            scope.spawn(move || {
                let client = LineClient::connect(&transport);
                while stopped.try_recv() == Err(crossbeam_channel::TryRecvError::Empty) {
                    assert_eq!(client.call(ECHO, "again"), "again");
                }
            });
        }
        for _ in 0..50 {
            assert_eq!(LineClient::connect(&transport).call(ECHO, "new"), "new");
        }
        drop(stop);
    });
    gates.open.send(()).expect("the long one waits");
    assert_eq!(long.line(), "long");
}

#[test]
fn clients_that_do_not_read_hold_no_worker() {
    let transport = MemoryTransport::new();
    let (service, _gates) = service();
    let _server = start(&transport, service);
    let length = 1 << 20;
    let stuck: Vec<_> = (0..8).map(|_| LineClient::connect(&transport)).collect();
    for one in &stuck {
        one.ask(BYTES, &length.to_string());
    }
    assert_eq!(LineClient::connect(&transport).call(ECHO, "quick"), "quick");
    for one in &stuck {
        assert_eq!(one.line(), length.to_string());
        one.read_body(length);
    }
}

#[test]
fn a_body_goes_on_when_its_source_has_more() {
    let transport = MemoryTransport::new();
    let (service, gates) = service();
    let _server = start(&transport, service);
    let client = LineClient::connect(&transport);
    assert_eq!(client.call(STREAM, "begin"), "begin");
    for piece in ["one\n", "two\n", "three\n"] {
        gates.pieces.give(piece.as_bytes());
        assert_eq!(client.line(), piece.trim_end());
    }
    gates.pieces.give(b"");
    assert_eq!(client.call(ECHO, "after"), "after");
}

#[test]
fn a_panicking_handler_fails_its_call_and_nothing_else() {
    let transport = MemoryTransport::new();
    let (service, _gates) = service();
    let _server = start(&transport, service);
    let client = LineClient::connect(&transport);
    for _ in 0..8 {
        assert_eq!(client.call(PANIC, "x"), "! internal error: the handler of method 4 panicked");
    }
    assert_eq!(client.call(ECHO, "still here"), "still here");
}

#[test]
fn an_unknown_method_is_refused_by_its_number() {
    let transport = MemoryTransport::new();
    let (service, gates) = service();
    let _server = start(&transport, service);
    let answer = LineClient::connect(&transport).call(99, "x");
    assert_eq!(answer, "! unsupported: this service has no method 99");
    assert_eq!(gates.handled.load(Ordering::SeqCst), 0);
}

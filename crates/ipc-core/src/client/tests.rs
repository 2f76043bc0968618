//! The blocking client over the in-process transport, against a real server and against bad ones.

use std::io::Read;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use parking_lot::Mutex;

use super::*;
use crate::error::{ErrorKind, Failure};
use crate::frame::{self, Header, Kind, Preface};
use crate::memory::MemoryTransport;
use crate::options::BindOptions;
use crate::policy::Policy;
use crate::server::Server;
use crate::service::{Arguments, Body, Context, Reply, RunsOn, Service};
use crate::transport::Listener;

mod chatter;
mod handles;
mod servers;

/// Returns its first argument; 2 fails; 3 has a body of as many bytes as the argument says; 4 waits
/// on the pool until it is let go.
struct Tester {
    let_go: Mutex<Receiver<()>>,
}

impl Service for Tester {
    fn runs_on(&self, method: u32) -> Option<RunsOn> {
        Some(if method == 4 { RunsOn::Pool } else { RunsOn::Worker })
    }

    fn call(
        &self,
        _: &Context<'_>,
        method: u32,
        mut arguments: Arguments<'_>,
    ) -> Result<Reply<Vec<u8>>, Failure> {
        let argument = arguments.next().unwrap_or_default().to_vec();
        match method {
            2 => Err(Failure::new(ErrorKind::NotFound, "as ever").with_detail(argument)),
            3 => {
                let length = u64::from_le_bytes(argument[..].try_into().expect("eight bytes"));
                let body = (0..length).map(content).collect();
                Ok(Reply::new(argument).with_body(Body::Bytes(body)))
            }
            4 => {
                let _ = self.let_go.lock().recv();
                Ok(argument.into())
            }
            5 => Ok(vec![5; 50_000].into()),
            _ => Ok(argument.into()),
        }
    }
}

fn content(offset: u64) -> u8 {
    (offset % 251) as u8
}

fn argument(bytes: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    Arguments::push(&mut wire, bytes);
    wire
}

/// A server with a [`Tester`], what lets it go, and a client of it.
fn served() -> (Server, Sender<()>, Client) {
    served_over(MemoryTransport::new())
}

fn served_over(transport: MemoryTransport) -> (Server, Sender<()>, Client) {
    let at: Endpoint = "mem:tester".parse().expect("an endpoint");
    let (go, let_go) = channel();
    let server = Server::builder(Arc::new(transport.clone()), at.clone())
        .policy(Policy::any())
        .serve(Tester { let_go: Mutex::new(let_go) })
        .expect("nobody else is there");
    let client = Client::connect(&transport, &at, &ConnectOptions::new(), ClientOptions::new());
    (server, go, client.expect("is served"))
}

/// It must know the server's limits before it can be sent.
#[test]
fn a_first_call_may_be_larger_than_a_first_flight() {
    for length in [65_400, 65_536, 70_000, 250_000] {
        let (_server, _go, mut client) = served();
        client.set_timeout(None);
        let value = vec![7; length];
        assert_eq!(client.call(1, &argument(&value)).expect("echoed").value, value);
    }
    let (_server, _go, mut client) = served();
    client.set_timeout(None);
    let error = client.call(1, &argument(&[7; 300_000])).expect_err("too long");
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    client.call(1, &argument(b"short")).expect("the connection is as usable as before");
}

#[test]
fn a_call_returns_its_value_or_its_failure() {
    let (_server, _go, mut client) = served();
    for length in [0, 1, 1000, 70_000, 250_000] {
        let value = vec![7; length];
        assert_eq!(client.call(1, &argument(&value)).expect("echoed").value, value);
    }
    let error = client.call(2, &argument(b"why")).expect_err("fails");
    let Error::Remote(failure) = error else { panic!("{error}") };
    assert_eq!((failure.kind(), failure.detail()), (ErrorKind::NotFound, &b"why"[..]));
    let error = client.call(1, &argument(&[0; 300_000])).expect_err("too long");
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert_eq!(client.call(1, &argument(b"x")).expect("goes on").value, b"x");
    client.close(Deadline::after(Duration::from_secs(10))).expect("closes");
}

#[test]
fn a_body_is_read_whole_whatever_the_buffer() {
    let (_server, _go, mut client) = served();
    for length in [0_u64, 1, 20_000, 3_000_000] {
        let expected: Vec<u8> = (0..length).map(content).collect();
        for buffer in [1 << 12, 1 << 14, 1 << 20, 7_777] {
            let mut answer = client.call(3, &argument(&length.to_le_bytes())).expect("has a body");
            assert_eq!(answer.value, length.to_le_bytes());
            let mut buffer = vec![0; buffer];
            let mut read = Vec::new();
            while let count @ 1.. = answer.body.read_to(&mut buffer).expect("whole") {
                read.extend_from_slice(&buffer[..count]);
            }
            assert!(read == expected, "{length} bytes by {}", buffer.len());
            assert_eq!(answer.body.received(), length);
            assert_eq!(answer.body.valid(), Some(length));
        }
    }
}

#[test]
fn a_body_that_is_dropped_does_not_disturb_the_next_call() {
    let (_server, _go, mut client) = served();
    for taken in [0, 1, 100, 3_000_000] {
        let length = 4_000_000_u64.to_le_bytes();
        let mut answer = client.call(3, &argument(&length)).expect("has a body");
        answer.body.read_exact(&mut vec![0; taken]).expect("so much is there");
        drop(answer);
        assert_eq!(client.call(1, &argument(b"next")).expect("answered").value, b"next");
    }
}

#[test]
fn a_typed_answer_is_finished_after_its_body() {
    let (_server, _go, mut client) = served();
    let length = 100_000_u64.to_le_bytes();
    let answer = client.call(3, &argument(&length)).expect("has a body");
    assert_eq!(answer.decode::<u64>().expect("a u64").finish().expect("whole"), 100_000);
    let answer = client.call(1, &argument(&[1, 2])).expect("echoed");
    assert!(matches!(answer.decode::<u64>(), Err(Error::Codec { .. })));
}

#[test]
fn a_call_that_is_not_answered_in_time_leaves_the_client_usable() {
    let (_server, go, mut client) = served();
    client.set_timeout(Some(Duration::from_millis(30)));
    let error = client.call(4, &argument(b"late")).expect_err("nobody lets it go");
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    client.set_timeout(None);
    assert_eq!(client.call(1, &argument(b"a")).expect("answered").value, b"a");
    go.send(()).expect("waits");
    assert_eq!(client.call(1, &argument(b"b")).expect("answered").value, b"b");

    client.set_deadline(Deadline::NOW);
    let error = client.call(1, &argument(b"c")).expect_err("too late");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    client.set_deadline(Deadline::NEVER);
    assert_eq!(client.call(1, &argument(b"d")).expect("answered").value, b"d");
}

#[test]
fn a_token_cancels_the_call_under_way() {
    let (_server, _go, mut client) = served();
    client.call(1, &argument(b"")).expect("connected");
    let token = CancelToken::new();
    client.cancel_with(&token);
    let waiting = thread::spawn(move || {
        let error = client.call(4, &argument(b"")).expect_err("cancelled").kind();
        (error, client.call(1, &argument(b"")).expect_err("for good").kind())
    });
    token.cancel();
    let kinds = waiting.join().expect("no panic");
    assert_eq!(kinds, (ErrorKind::Cancelled, ErrorKind::Cancelled));
}

/// The server holds calls back while much of what it has answered was not taken; here the transport
/// takes all of that at once, so that nothing but the sending goes on.
#[test]
fn t46_calls_that_were_held_back_are_run_when_their_turn_comes() {
    let (_server, _go, mut client) = served_over(MemoryTransport::new().buffer(1 << 20));
    client.call(1, &[]).expect("connected");
    let (session, deadline) = (&mut client.session, Deadline::after(Duration::from_secs(20)));
    let mut patience = Patience { deadline, spent: false };
    for _ in 0..200 {
        session.call(5, &[], deadline).expect("admitted").expect("at once");
    }
    let mut answered = 0;
    while answered < 200 {
        match client.session.next_event().expect("valid") {
            Some(ClientEvent::Response { value, .. }) => {
                assert_eq!(value.len(), 50_000);
                answered += 1;
            }
            Some(other) => panic!("{other:?}"),
            None => client.receive(usize::MAX, &mut patience).expect("all are answered"),
        }
    }
}

#[test]
fn a_server_that_shuts_down_says_that_the_next_call_was_not_run() {
    let (server, _go, mut client) = served();
    client.call(1, &argument(b"")).expect("answered");
    server.shutdown(Deadline::after(Duration::from_secs(10))).expect("nothing is under way");
    for _ in 0..2 {
        let error = client.call(1, &argument(b"")).expect_err("not run");
        assert_eq!(error.kind(), ErrorKind::Draining, "{error}");
    }
}

#[test]
fn a_refused_client_is_told_why() {
    let transport = MemoryTransport::new();
    let at: Endpoint = "mem:closed".parse().expect("an endpoint");
    let _server = Server::builder(Arc::new(transport.clone()), at.clone())
        .policy(Policy::uid(12345))
        .serve(Tester { let_go: Mutex::new(channel().1) })
        .expect("nobody else is there");
    let client = Client::connect(&transport, &at, &ConnectOptions::new(), ClientOptions::new());
    let error = client.expect("connects").call(1, &[]).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    assert!(error.to_string().contains("uid:12345"), "{error}");
}

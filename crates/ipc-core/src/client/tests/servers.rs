//! Servers that say nothing, die, lie or do not listen.

use super::*;
use crate::session::SessionLimits;
use crate::transport::Connection;

/// A client, and the bare connection at the other end of it.
fn with_bare_server(transport: &MemoryTransport) -> (Client, Box<dyn Connection>) {
    let at: Endpoint = "mem:bare".parse().expect("an endpoint");
    let listener: Box<dyn Listener> =
        transport.bind(&at, &BindOptions::new()).expect("nobody else is there");
    let client = Client::connect(transport, &at, &ConnectOptions::new(), ClientOptions::new());
    (client.expect("is bound"), listener.accept(Deadline::NEVER).expect("has connected"))
}

fn preface() -> Vec<u8> {
    SessionLimits::default().of_server().encode().to_vec()
}

fn data(call: u64, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short");
    [&Header::new(Kind::Data, call, length).encode()[..], payload].concat()
}

fn end(call: u64, failed: Option<ErrorKind>, valid: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let failure = failed.map(|kind| Failure::new(kind, "so"));
    frame::push_status(&mut bytes, Kind::End, call, failure.as_ref(), valid, u32::MAX);
    bytes
}

fn response(call: u64, body: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::push_response(&mut bytes, call, b"value", body);
    bytes
}

/// Calls a server that sends `script` and is gone, and reads the body. Returns what was read.
fn outcome(script: &[u8]) -> (Vec<u8>, Result<()>) {
    let (mut client, server) = with_bare_server(&MemoryTransport::new());
    server.write_all(script, Deadline::NEVER).expect("has room");
    drop(server);
    let mut read = Vec::new();
    let result = client.call(1, &[]).and_then(|mut answer| {
        let mut buffer = [0; 64];
        loop {
            match answer.body.read_to(&mut buffer)? {
                0 => return Ok(()),
                count => read.extend_from_slice(&buffer[..count]),
            }
        }
    });
    (read, result)
}

#[test]
fn a_server_that_dies_at_any_byte_is_an_error_and_never_half_an_answer() {
    let script =
        [preface(), response(1, true), data(1, b"abc"), data(1, b"defg"), end(1, None, 7)].concat();
    for died_at in 0..script.len() {
        let (read, result) = outcome(&script[..died_at]);
        let error = result.expect_err("no end has come");
        assert_eq!(error.kind(), ErrorKind::Disconnected, "at {died_at}: {error}");
        assert!(b"abcdefg".starts_with(&read), "at {died_at}: {read:?}");
    }
    let (read, result) = outcome(&script);
    result.expect("whole");
    assert_eq!(read, b"abcdefg");
}

#[test]
fn t37_a_body_that_fails_says_how_much_of_it_is_valid() {
    let (mut client, server) = with_bare_server(&MemoryTransport::new());
    let script = [
        preface(),
        response(1, true),
        data(1, b"abc\0\0"),
        end(1, Some(ErrorKind::Truncated), 3),
        response(3, false),
    ];
    server.write_all(&script.concat(), Deadline::NEVER).expect("has room");
    let mut answer = client.call(1, &[]).expect("has a head");
    let mut read = Vec::new();
    let error = answer.body.read_to_end(&mut read).expect_err("not whole");
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    assert_eq!(inner.map(Error::kind), Some(ErrorKind::Truncated));
    assert_eq!((read.len(), answer.body.received(), answer.body.valid()), (5, 5, Some(3)));
    assert!(answer.body.read_to(&mut [0]).is_err(), "every time");
    drop(answer);
    assert_eq!(client.call(1, &[]).expect("goes on").value, b"value");
}

#[test]
fn a_server_that_says_nothing_is_an_error_at_the_deadline() {
    let (mut client, server) = with_bare_server(&MemoryTransport::new());
    client.set_timeout(Some(Duration::from_millis(20)));
    let error = client.call(1, &[]).expect_err("silent").to_string();
    assert_eq!(error, "timed out while exchanging prefaces");
    server.write_all(&preface(), Deadline::NEVER).expect("has room");
    let error = client.call(1, &[]).expect_err("silent").to_string();
    assert_eq!(error, "timed out while waiting for the answer");
}

#[test]
fn a_body_that_stops_coming_is_an_error_at_the_deadline_and_can_go_on() {
    let (mut client, server) = with_bare_server(&MemoryTransport::new());
    let script = [preface(), response(1, true), data(1, b"abc")].concat();
    server.write_all(&script, Deadline::NEVER).expect("has room");
    client.set_timeout(Some(Duration::from_millis(20)));
    let mut answer = client.call(1, &[]).expect("has a head");
    let mut buffer = [0; 9];
    assert_eq!(answer.body.read_to(&mut buffer).expect("three bytes"), 3);
    let error = answer.body.read_to(&mut buffer).expect_err("no more come");
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let rest = [data(1, b"d"), end(1, None, 4)].concat();
    server.write_all(&rest, Deadline::NEVER).expect("has room");
    assert_eq!(answer.body.read_to(&mut buffer).expect("one byte"), 1);
    assert_eq!(answer.body.read_to(&mut buffer).expect("the end"), 0);
}

#[test]
fn what_is_no_session_is_refused_and_the_server_told() {
    let mut http = b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec();
    let mut unknown = preface();
    unknown.extend([0xff; 16]);
    for script in [&mut http, &mut unknown] {
        let (mut client, server) = with_bare_server(&MemoryTransport::new());
        server.write_all(script, Deadline::NEVER).expect("has room");
        let error = client.call(1, &[]).expect_err("no session");
        assert!(matches!(error, Error::Protocol { .. }), "{error}");
        let error = client.call(1, &[]).expect_err("for good");
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
        let _ = client.close(Deadline::NOW);
        let mut heard = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = server.read(&mut buffer, Deadline::NOW) {
            heard.extend_from_slice(&buffer[..count]);
        }
        assert_eq!(heard[..8], Preface::MAGIC);
        assert!(String::from_utf8_lossy(&heard).contains("breaks the protocol"));
    }
}

/// With a transport that holds little, a server that reads nothing until its body was taken would
/// wait for ever for a client that reads nothing until its request was taken.
#[test]
fn t46_who_cannot_write_reads() {
    let (mut client, server) = with_bare_server(&MemoryTransport::new().buffer(1000));
    let answers = [
        &[&preface()[..], &response(1, true)].concat()[..],
        &data(1, &vec![7; 1 << 20]),
        &end(1, Some(ErrorKind::Cancelled), 0),
    ]
    .concat();
    let deaf = thread::spawn(move || {
        server.write_all(&answers, Deadline::NEVER).expect("the client reads");
        let mut request = vec![0; 200_000];
        server.read_exact(&mut request, Deadline::NEVER).expect("the client writes");
        server.write_all(&response(3, false), Deadline::NEVER).expect("the client reads");
        let _ = server.close(Deadline::NEVER);
    });
    drop(client.call(1, &[]).expect("has a head"));
    let answer = client.call(1, &argument(&vec![0; 200_000])).expect("both go on");
    assert_eq!(answer.value, b"value");
    drop(answer);
    drop(client);
    deaf.join().expect("no panic");
}

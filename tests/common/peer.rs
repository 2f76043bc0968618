//! Peers that do not use this library: bare sockets, and the frames they send.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;

use ipc::Failure;
use ipc::frame::{Header, Kind, Preface, RequestHead, Status};
use ipc::service::Arguments;
use parking_lot::Mutex;
use serde::Serialize;

use super::LONG;

pub(crate) fn connect(to: &Path) -> UnixStream {
    patient(UnixStream::connect(to).expect("somebody listens"))
}

/// With a limit of time, so that a hang is a failure.
pub(crate) fn patient(stream: UnixStream) -> UnixStream {
    stream.set_read_timeout(Some(LONG)).expect("a timeout");
    stream.set_write_timeout(Some(LONG)).expect("a timeout");
    stream
}

/// Sends `bytes` to a peer that may have had enough.
pub(crate) fn send(mut stream: &UnixStream, bytes: &[u8]) -> bool {
    match stream.write_all(bytes) {
        Ok(()) => true,
        Err(error) => {
            let gone = matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset);
            assert!(gone, "{error}");
            false
        }
    }
}

/// Everything that comes until the end.
pub(crate) fn hear(mut stream: &UnixStream) -> Vec<u8> {
    let mut heard = Vec::new();
    match stream.read_to_end(&mut heard) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("no end comes: {error}"),
    }
    heard
}

/// Why a server that said `bytes` and no more has given up.
pub(crate) fn reason(bytes: &[u8]) -> Failure {
    let (_, length) = Preface::decode(bytes).expect("a preface").expect("a whole preface");
    let (kind, _, payload) = frames(&bytes[length..]).pop().expect("a last word");
    assert_eq!(kind, Kind::Error, "the last word");
    Status::decode(&payload).expect("a status").result.expect_err("a reason")
}

/// Kind, call and payload of each frame in `bytes`, which are whole frames.
pub(crate) fn frames(mut bytes: &[u8]) -> Vec<(Kind, u64, Vec<u8>)> {
    let mut frames = Vec::new();
    while let Some(header) = Header::decode(bytes, u32::MAX).expect("a header") {
        let (frame, rest) = bytes.split_at(Header::LENGTH + header.length as usize);
        frames.push((header.kind, header.call, frame[Header::LENGTH..].to_vec()));
        bytes = rest;
    }
    assert_eq!(bytes, [0; 0], "part of a frame");
    frames
}

/// A client that accepts as much as the library's.
pub(crate) fn preface() -> Preface {
    Preface {
        version: 1,
        lowest: 1,
        codec: 1,
        level: 2,
        flags: 0,
        payload: 256 * 1024,
        calls: 0,
        connection_credit: 8 << 20,
        body_credit: 2 << 20,
        request_bytes: 0,
    }
}

/// What a server like the library's says of itself.
pub(crate) fn server_preface() -> Vec<u8> {
    let server = Preface {
        level: 0,
        calls: 256,
        connection_credit: 0,
        body_credit: 0,
        request_bytes: 4 << 20,
        ..preface()
    };
    server.encode().to_vec()
}

pub(crate) fn frame(kind: Kind, call: u64, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short");
    [&Header::new(kind, call, length).encode()[..], payload].concat()
}

pub(crate) fn window(call: u64, bytes: u64) -> Vec<u8> {
    frame(Kind::Window, call, &bytes.to_le_bytes())
}

pub(crate) fn request(call: u64, method: u32, argument: &(impl Serialize + ?Sized)) -> Vec<u8> {
    let mut payload = RequestHead { method, remaining: None }.encode().to_vec();
    Arguments::push_value(&mut payload, argument).expect("has an encoding");
    frame(Kind::Request, call, &payload)
}

/// The request of a file's first bytes.
pub(crate) fn file_request(call: u64, name: &str, length: u64) -> Vec<u8> {
    let mut payload = RequestHead { method: 5, remaining: None }.encode().to_vec();
    Arguments::push_value(&mut payload, name).expect("has an encoding");
    Arguments::push_value(&mut payload, &length).expect("has an encoding");
    frame(Kind::Request, call, &payload)
}

/// A request without arguments.
pub(crate) fn bare_request(call: u64, method: u32) -> Vec<u8> {
    frame(Kind::Request, call, &RequestHead { method, remaining: None }.encode())
}

pub(crate) fn response(call: u64, value: &(impl Serialize + ?Sized), body: bool) -> Vec<u8> {
    let mut payload = Vec::new();
    Arguments::push_value(&mut payload, value).expect("has an encoding");
    let mut bytes = frame(Kind::Response, call, &payload);
    bytes[5] = u8::from(body);
    bytes
}

/// A status payload; code 0 is success.
pub(crate) fn status(kind: Kind, call: u64, code: u16, number: u64) -> Vec<u8> {
    let mut payload = [0; 16];
    payload[..2].copy_from_slice(&code.to_le_bytes());
    payload[8..].copy_from_slice(&number.to_le_bytes());
    frame(kind, call, &payload)
}

/// Stands between one client and the server at `to`, and returns what each of them said: first the
/// client.
pub(crate) fn record(at: &Path, to: &Path, talk: impl FnOnce()) -> [Vec<u8>; 2] {
    let listener = UnixListener::bind(at).expect("a fresh name");
    let said = [const { Mutex::new(Vec::new()) }; 2];
    thread::scope(|scope| {
        let said = &said;
        scope.spawn(move || {
            let client = patient(listener.accept().expect("a client").0);
            let server = connect(to);
            thread::scope(|scope| {
                scope.spawn(|| relay(&client, &server, &said[0]));
                relay(&server, &client, &said[1]);
            });
        });
        talk();
    });
    said.map(Mutex::into_inner)
}

fn relay(mut from: &UnixStream, to: &UnixStream, said: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        said.lock().extend_from_slice(&buffer[..count]);
        if !send(to, &buffer[..count]) {
            break;
        }
    }
    // It may have ended already.
    let _ = to.shutdown(std::net::Shutdown::Write);
}

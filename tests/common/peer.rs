//! Peers that do not use the sessions of this library: the bytes that they send, over the native
//! transport, and whatever comes back.

use std::sync::Arc;
use std::thread;

use ipc::frame::{Header, Kind, Preface, RequestHead, Status};
use ipc::service::Arguments;
use ipc::transport::Interest;
use ipc::{
    BindOptions, ConnectOptions, Connection, Deadline, Endpoint, ErrorKind, Failure,
    ImpersonationLevel, Listener, Native, Transport,
};
use parking_lot::Mutex;
use serde::Serialize;

use super::soon;

/// One end of a bare connection. Whatever waits here has a limit of time, so that a hang is a
/// failure. Clones are the same end.
#[derive(Clone, Debug)]
pub(crate) struct Peer(Arc<dyn Connection>);

/// A client, who lets the server act for it.
pub(crate) fn connect(to: &Endpoint) -> Peer {
    let options = ConnectOptions::new().level(ImpersonationLevel::Impersonation).deadline(soon());
    Peer(Native::new().connect(to, &options).expect("somebody listens").into())
}

/// Where a server made by hand awaits its clients.
pub(crate) fn listen(at: &Endpoint) -> Box<dyn Listener> {
    Native::new().bind(at, &BindOptions::new()).expect("a fresh name")
}

/// The next client of a server made by hand.
pub(crate) fn accept(listener: &dyn Listener) -> Peer {
    Peer(listener.accept(soon()).expect("a client").into())
}

impl Peer {
    /// Sends `bytes` to somebody who may have had enough; `false` if so.
    pub(crate) fn send(&self, bytes: &[u8]) -> bool {
        match self.0.write_all(bytes, soon()) {
            Ok(()) => true,
            Err(error) => {
                let gone = [ErrorKind::Disconnected, ErrorKind::Cancelled].contains(&error.kind());
                assert!(gone, "{error}");
                false
            }
        }
    }

    /// Everything that comes until the end.
    pub(crate) fn hear(&self) -> Vec<u8> {
        let mut heard = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            match self.0.read(&mut buffer, soon()) {
                Ok(0) => return heard,
                Ok(count) => heard.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::Disconnected => return heard,
                Err(error) => panic!("no end comes: {error}"),
            }
        }
    }

    /// The next `count` bytes.
    pub(crate) fn hear_exactly(&self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes, soon()).expect("so much comes");
        bytes
    }

    /// `true` if nothing comes, not even the end, within that time.
    pub(crate) fn hears_nothing_for(&self, time: std::time::Duration) -> bool {
        let waited = self.0.wait(Interest::Read, Deadline::after(time));
        waited.is_err_and(|error| error.kind() == ErrorKind::TimedOut)
    }

    /// Says that no more follows, and goes on listening; `false` where that cannot be said.
    pub(crate) fn finish(&self) -> bool {
        match self.0.finish_writing() {
            Ok(()) => true,
            Err(error) => error.kind() != ErrorKind::Unsupported,
        }
    }

    /// Leaves once the other side has what was sent.
    pub(crate) fn leave(self) {
        // It may have gone first.
        let _ = self.0.close(soon());
    }

    /// Ends whatever is under way at this end, for good.
    pub(crate) fn cancel(&self) {
        self.0.cancel();
    }
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
        handles: 0,
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
pub(crate) fn record(at: &Endpoint, to: &Endpoint, talk: impl FnOnce()) -> [Vec<u8>; 2] {
    let listener = listen(at);
    let said = [const { Mutex::new(Vec::new()) }; 2];
    thread::scope(|scope| {
        let said = &said;
        scope.spawn(move || {
            let client = accept(&*listener);
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

/// Passes on what `from` says up to its end, and the end.
fn relay(from: &Peer, to: &Peer, said: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.0.read(&mut buffer, soon()) {
        said.lock().extend_from_slice(&buffer[..count]);
        if !to.send(&buffer[..count]) {
            break;
        }
    }
    // Without half-close the end of one direction is that of both.
    if !to.finish() {
        to.clone().leave();
    }
}

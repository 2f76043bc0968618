//! Sessions on bytes: no thread, no clock, no connection.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use super::{ServerSession, SessionLimits};
use crate::error::{Error, ErrorKind, Failure, Result};
use crate::files::{DirectoryEntry, Metadata, Open, RelativePath, ResolveRules, Root};
use crate::frame::{Header, Kind, Preface, RequestHead, Status};
use crate::level::ImpersonationLevel;
use crate::server::protocol::{CallId, Event, Output, Protocol};
use crate::service::{Arguments, Body, FileBody, Reply};
use crate::testing::Random;
use crate::transport::{AsPeer, ReceivedHandle, Ticket};

mod client;
mod handles;
mod hostile;
mod replies;
mod requests;
mod together;
mod vectors;

/// An event that can be kept.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Level(ImpersonationLevel),
    Handle { call: u64, ticket: u64 },
    Call { id: u64, method: u32, arguments: Vec<Vec<u8>> },
    Refused(u64, ErrorKind),
    Cancelled(u64),
    Failed(ErrorKind, String),
}

/// A server session and the time it believes to be.
#[derive(Debug)]
struct Server {
    session: ServerSession,
    now: Instant,
    /// The calls that a handle came with.
    handed: Vec<u64>,
    /// How many handles it has offered; their tickets count from 1.
    offered: u64,
}

impl Server {
    /// One that has heard nothing.
    fn silent(limits: &SessionLimits) -> Self {
        let now = Instant::now();
        Self { session: ServerSession::new(limits, now), now, handed: Vec::new(), offered: 0 }
    }

    /// The same, on a connection that passes handles.
    fn with_handles(limits: &SessionLimits) -> Self {
        let mut server = Self::silent(limits);
        server.session.pass_handles();
        server
    }

    /// One that has exchanged prefaces with a client that reads as much as it gets.
    fn open() -> Self {
        Self::open_with(&SessionLimits::default(), client_preface())
    }

    fn open_with(limits: &SessionLimits, preface: Preface) -> Self {
        let mut server = Self::silent(limits);
        server.put(&preface.encode());
        assert_eq!(server.events(), [Seen::Level(ImpersonationLevel::Impersonation)]);
        let greeting = server.take(usize::MAX);
        let (greeting, _) = Preface::decode(&greeting).expect("valid").expect("whole");
        assert_eq!((greeting.version, greeting.codec), (1, 1));
        server
    }

    /// The client sends `bytes`.
    fn put(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.session.room();
            let count = room.len().min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
            self.session.received(count);
            bytes = &bytes[count..];
        }
    }

    fn event(&mut self) -> Option<Seen> {
        Some(match self.session.next_event(self.now)? {
            Event::Level(level) => Seen::Level(level),
            Event::Handle { call: CallId(call), ticket: Ticket(ticket) } => {
                self.session.received_handle(CallId(call), ReceivedHandle::new(some_file()));
                Seen::Handle { call, ticket }
            }
            Event::Call { id: CallId(id), method, arguments, handle, .. } => {
                self.handed.extend(handle.map(|_| id));
                let arguments = arguments.map(<[u8]>::to_vec).collect();
                Seen::Call { id, method, arguments }
            }
            Event::Refused { id: CallId(id), failure, .. } => Seen::Refused(id, failure.kind()),
            Event::Cancelled(CallId(id)) => Seen::Cancelled(id),
            Event::Failed(error) => Seen::Failed(error.kind(), error.to_string()),
        })
    }

    fn events(&mut self) -> Vec<Seen> {
        std::iter::from_fn(|| self.event()).collect()
    }

    /// The client takes at most `most` bytes.
    fn take(&mut self, most: usize) -> Vec<u8> {
        let mut taken = Vec::new();
        while taken.len() < most {
            let before = taken.len();
            match self.session.output(Waker::noop()) {
                Output::Nothing => break,
                Output::Handle(_) => {
                    self.offered += 1;
                    self.session.offered(Ok(Ticket(self.offered)));
                    continue;
                }
                Output::Bytes(parts) => parts.iter().for_each(|part| taken.extend_from_slice(part)),
                Output::File { from, length, .. } => {
                    taken.extend((from..from + length).map(content));
                }
            }
            taken.truncate(most);
            self.session.sent((taken.len() - before) as u64);
        }
        taken
    }

    /// The frames that the client takes, all of them.
    fn frames(&mut self) -> Vec<Frame> {
        frames(&self.take(usize::MAX))
    }

    fn reply(&mut self, call: u64, reply: Result<Reply<Vec<u8>>, Failure>) {
        self.session.reply(CallId(call), reply);
    }

    /// The client makes `call`, and the server has its request.
    fn call(&mut self, call: u64) {
        self.put(&request(call, 1, None, &[]));
        assert_eq!(self.events(), [Seen::Call { id: call, method: 1, arguments: vec![] }]);
    }

    /// Time passes.
    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.session.timer(self.now);
    }
}

/// A frame as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    kind: Kind,
    call: u64,
    flags: u8,
    payload: Vec<u8>,
}

impl Frame {
    /// The code and the number of an end, a goodbye or an error.
    fn status(&self) -> (Option<ErrorKind>, u64) {
        let status = Status::decode(&self.payload).expect("a status");
        (status.result.err().map(|failure| failure.kind()), status.number)
    }
}

fn frames(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some(header) = Header::decode(bytes, u32::MAX).expect("valid") {
        let (frame, rest) = bytes.split_at(Header::LENGTH + header.length as usize);
        let payload = frame[Header::LENGTH..].to_vec();
        frames.push(Frame { kind: header.kind, call: header.call, flags: header.flags, payload });
        bytes = rest;
    }
    assert_eq!(bytes, [0; 0], "whole frames");
    frames
}

/// A client that accepts more than any test sends.
fn client_preface() -> Preface {
    Preface {
        connection_credit: 1 << 40,
        body_credit: 1 << 40,
        ..SessionLimits::default().of_client(ImpersonationLevel::Impersonation.to_wire())
    }
}

fn frame(kind: Kind, call: u64, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short");
    [&Header::new(kind, call, length).encode()[..], payload].concat()
}

fn request(call: u64, method: u32, remaining: Option<Duration>, arguments: &[&[u8]]) -> Vec<u8> {
    let mut payload = RequestHead { method, remaining }.encode().to_vec();
    for argument in arguments {
        Arguments::push(&mut payload, argument);
    }
    frame(Kind::Request, call, &payload)
}

fn window(call: u64, bytes: u64) -> Vec<u8> {
    frame(Kind::Window, call, &bytes.to_le_bytes())
}

/// The byte at `offset` of every file.
fn content(offset: u64) -> u8 {
    (offset % 251) as u8 + 1
}

fn some_file() -> File {
    File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).expect("is there")
}

/// A part of a file with that [`content`].
fn file(from: u64, length: u64) -> Body {
    let file = some_file();
    Body::File(FileBody { file, root: Arc::new(NoRoot), from, length, as_of: None })
}

/// The tests move no bytes of files, so nothing is asked of it.
#[derive(Debug)]
struct NoRoot;

impl Root for NoRoot {
    fn directory(&self) -> Option<&File> {
        unreachable!()
    }
    fn rules(&self) -> ResolveRules {
        ResolveRules::default()
    }
    fn admit(&self, _: File, _: Open) -> Result<File> {
        Err(Error::NotYetKnown)
    }
    fn open(&self, _: &AsPeer, _: &RelativePath, _: Open) -> Result<File> {
        Err(Error::NotYetKnown)
    }
    fn stat(&self, _: &AsPeer, _: &RelativePath) -> Result<Metadata> {
        Err(Error::NotYetKnown)
    }
    fn metadata(&self, _: &File) -> io::Result<Metadata> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn entries(&self, _: &File, _: &mut dyn FnMut(DirectoryEntry) -> bool) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn read_at(&self, _: &File, _: &mut [u8], _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

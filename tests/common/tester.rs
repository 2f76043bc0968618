//! A service with answers and bodies of every kind, some of which wait for the test.

use std::fs;
use std::sync::Arc;
use std::task::{self, Poll};

use crossbeam_channel::{Receiver, Sender, unbounded};
use ipc::Failure;
use ipc::client::BodyReader;
use ipc::files::{Open, RelativePath, Root};
use ipc::service::{Body, Context, FileBody, Reply, Service, Source};

use super::LONG;

ipc::service! {
    /// Does what tests need.
    pub(crate) trait Tester, client TesterClient {
        /// Returns `bytes`.
        1 => fn echo(bytes: Vec<u8>) -> Vec<u8>;
        /// Waits on its worker until the test lets it go.
        2 => fn hold() -> u8;
        /// The same on the pool, whatever else it is told.
        3 => fn hold_on_pool() -> u8, pool, lenient;
        /// A body of `length` bytes.
        4 => fn bytes(length: u64) -> u64, body;
        /// The first `length` bytes of a file, which may have fewer. Returns how many it has.
        5 => fn file(name: String, length: u64) -> u64, body;
        /// A body of `length` bytes in pieces that are not there at once.
        6 => fn stream(length: u64) -> u64, body;
    }
}

/// The bytes from `from` to `until` of every body.
pub(crate) fn content(from: u64, until: u64) -> Vec<u8> {
    let small = |count: u64| usize::try_from(count).expect("fits into memory");
    let cycle: Vec<u8> = (0..=250).collect();
    let skipped = small(from % 251);
    let length = small(until - from);
    let mut bytes = cycle.repeat((skipped + length).div_ceil(251));
    bytes.truncate(skipped + length);
    bytes.split_off(skipped)
}

/// What a test holds in its hands.
pub(crate) struct Gates {
    /// One message for each handler that has begun to wait.
    pub(crate) held: Receiver<()>,
    /// One message lets one handler go; dropping it lets all go.
    pub(crate) open: Sender<()>,
}

impl Gates {
    /// Waits until one more handler waits.
    pub(crate) fn wait(&self) {
        self.held.recv_timeout(LONG).expect("a handler begins");
    }
}

pub(crate) fn service(root: Arc<dyn Root>) -> (impl Service, Gates) {
    let (holds, held) = unbounded();
    let (open, opened) = unbounded();
    (Implementation { root, holds, opened }.into_service(), Gates { held, open })
}

struct Implementation {
    root: Arc<dyn Root>,
    holds: Sender<()>,
    opened: Receiver<()>,
}

impl Implementation {
    fn wait(&self) -> Result<Reply<u8>, Failure> {
        // Either fails only when the test is over.
        let _ = self.holds.send(());
        let _ = self.opened.recv();
        Ok(7.into())
    }
}

impl Tester for Implementation {
    fn echo(&self, _: &Context<'_>, bytes: Vec<u8>) -> Result<Reply<Vec<u8>>, Failure> {
        Ok(bytes.into())
    }

    fn hold(&self, _: &Context<'_>) -> Result<Reply<u8>, Failure> {
        self.wait()
    }

    fn hold_on_pool(&self, _: &Context<'_>) -> Result<Reply<u8>, Failure> {
        self.wait()
    }

    fn bytes(&self, _: &Context<'_>, length: u64) -> Result<Reply<u64>, Failure> {
        Ok(Reply::new(length).with_body(Body::Bytes(content(0, length))))
    }

    fn file(&self, call: &Context<'_>, name: String, length: u64) -> Result<Reply<u64>, Failure> {
        let path = RelativePath::new(name.as_bytes())?;
        let file = call.open_as_peer(&*self.root, &path, Open::Read)?;
        let size = file.metadata().map_or(0, |metadata: fs::Metadata| metadata.len());
        let body = FileBody { file, root: Arc::clone(&self.root), from: 0, length, as_of: None };
        Ok(Reply::new(size).with_body(Body::File(body)))
    }

    fn stream(&self, _: &Context<'_>, length: u64) -> Result<Reply<u64>, Failure> {
        let pieces = Pieces { given: 0, length, hesitates: true };
        Ok(Reply::new(length).with_body(Body::Stream(Box::new(pieces))))
    }
}

/// Gives a body in pieces of growing length, each only when it is asked a second time.
#[derive(Debug)]
struct Pieces {
    given: u64,
    length: u64,
    hesitates: bool,
}

impl Source for Pieces {
    fn poll_next(&mut self, cx: &mut task::Context<'_>) -> Poll<Option<Result<Vec<u8>, Failure>>> {
        self.hesitates = !self.hesitates;
        if !self.hesitates {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if self.given == self.length {
            return Poll::Ready(None);
        }
        let until = self.length.min(self.given * 2 + 1);
        let piece = content(self.given, until);
        self.given = until;
        Poll::Ready(Some(Ok(piece)))
    }
}

/// Reads `body` up to its end, and checks each byte that is valid. Returns how many are, and how it
/// ended.
pub(crate) fn read_all(body: &mut BodyReader<'_>) -> (u64, ipc::Result<()>) {
    let mut buffer = vec![0; 64 * 1024];
    let mut read = Vec::new();
    let result = loop {
        match body.read_to(&mut buffer) {
            Ok(0) => break Ok(()),
            Ok(count) => read.extend_from_slice(&buffer[..count]),
            Err(error) => break Err(error),
        }
    };
    let valid = body.valid().unwrap_or(read.len() as u64);
    assert!(valid <= read.len() as u64, "{valid} bytes are valid of {}", read.len());
    assert!(read.starts_with(&content(0, valid)), "not the {valid} bytes that it should be");
    (valid, result)
}

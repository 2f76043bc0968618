//! A body on its way to the client.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll, Waker};

use crate::error::{ErrorKind, Failure, Result};
use crate::service::{Body, Done, FileBody, Outcome, Reply, Source};

/// A body that is being sent, with the credit that the client gave for it.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) call: u64,
    content: Content,
    /// How many bytes more the client is ready to receive.
    pub(super) credit: u64,
    /// How many bytes of the body were queued or sent.
    pub(super) taken: u64,
    pub(super) done: Option<Done>,
}

#[derive(Debug)]
enum Content {
    Bytes {
        bytes: Vec<u8>,
        at: usize,
    },
    File(FileBody),
    Stream {
        source: Box<dyn Source>,
        chunk: Vec<u8>,
        at: usize,
    },
    /// Stopped: what a started frame still owes is sent as zeros.
    Failed(Failure),
}

/// What a body can give at this moment.
#[derive(Debug)]
pub(super) enum Ready {
    /// So many bytes, at least one.
    Bytes(u64),
    /// Nothing, until it is woken or has credit.
    Nothing,
    /// Its end.
    End(Result<(), Failure>),
}

/// Where the bytes that are to be sent next lie.
#[derive(Debug)]
pub(super) enum Place<'a> {
    /// Here.
    Memory(&'a [u8]),
    /// At the beginning of what remains of this part.
    File(&'a FileBody),
    /// They are zeros.
    Zeros,
}

impl Sender {
    /// What sends `body`, `None` if there is none.
    pub(super) fn new(call: u64, body: Body, credit: u64) -> Option<Self> {
        let content = match body {
            Body::Empty => return None,
            Body::Bytes(bytes) => Content::Bytes { bytes, at: 0 },
            Body::File(part) => Content::File(part),
            Body::Stream(source) => Content::Stream { source, chunk: Vec::new(), at: 0 },
        };
        Some(Self { call, content, credit, taken: 0, done: None })
    }

    /// What it can give. A stream is asked only where `credited`: what it gives must be kept.
    pub(super) fn look(&mut self, waker: &Waker, credited: bool) -> Ready {
        match &mut self.content {
            Content::Bytes { bytes, at } => ready((bytes.len() - *at) as u64),
            Content::File(part) if part.length == 0 => Ready::End(part.check()),
            Content::File(part) => Ready::Bytes(part.length),
            Content::Failed(failure) => Ready::End(Err(failure.clone())),
            Content::Stream { chunk, at, .. } if *at < chunk.len() => {
                Ready::Bytes((chunk.len() - *at) as u64)
            }
            Content::Stream { .. } if !credited => Ready::Nothing,
            Content::Stream { source, chunk, at } => match poll(&mut **source, waker) {
                Poll::Pending => Ready::Nothing,
                Poll::Ready(None) => Ready::End(Ok(())),
                Poll::Ready(Some(Err(failure))) => Ready::End(Err(failure)),
                Poll::Ready(Some(Ok(next))) if next.is_empty() => {
                    // The next turn asks again: who gives nothing for ever must not hold this one.
                    waker.wake_by_ref();
                    Ready::Nothing
                }
                Poll::Ready(Some(Ok(next))) => {
                    (*chunk, *at) = (next, 0);
                    Ready::Bytes(chunk.len() as u64)
                }
            },
        }
    }

    /// How many bytes of it are kept in memory.
    pub(super) fn kept(&self) -> u64 {
        match &self.content {
            Content::Bytes { bytes, .. } | Content::Stream { chunk: bytes, .. } => {
                bytes.len() as u64
            }
            Content::File(_) | Content::Failed(_) => 0,
        }
    }

    /// Where the next bytes lie.
    pub(super) fn place(&self) -> Place<'_> {
        match &self.content {
            Content::Bytes { bytes, at } => Place::Memory(&bytes[*at..]),
            Content::Stream { chunk, at, .. } => Place::Memory(&chunk[*at..]),
            Content::File(part) => Place::File(part),
            Content::Failed(_) => Place::Zeros,
        }
    }

    /// The next `count` bytes were queued or sent; it has that many.
    pub(super) fn advance(&mut self, count: usize) {
        match &mut self.content {
            Content::Bytes { at, .. } | Content::Stream { at, .. } => *at += count,
            Content::File(part) => {
                part.from += count as u64;
                part.length -= count as u64;
            }
            Content::Failed(_) => return,
        }
        self.taken += count as u64;
    }

    /// `true` if nothing can come after the next `count` bytes, nor go wrong with them.
    pub(super) fn surely_ends_with(&self, count: usize) -> bool {
        matches!(&self.content, Content::Bytes { bytes, at } if bytes.len() - at == count)
    }

    /// Has the body end with `failure` where it is; what it came from is let go.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.content = Content::Failed(failure);
    }

    /// Reports that the body has ended, `unsent` bytes short of what was taken from it.
    pub(super) fn report(&mut self, unsent: u64, result: Result<(), Failure>) {
        report(self.done.take(), &Outcome { sent: self.taken - unsent, result });
    }
}

/// Calls `done`, whose panic is its own.
pub(super) fn report(done: Option<Done>, outcome: &Outcome) {
    let Some(done) = done else { return };
    if catch_unwind(AssertUnwindSafe(|| done.report(outcome))).is_err() {
        tracing::error!("a function that was to be told how an answer ended panicked");
    }
}

/// Lets go of the answer to a call that nobody waits for.
pub(super) fn unwanted(reply: Result<Reply<Vec<u8>>, Failure>) {
    if let Ok(Reply { done, .. }) = reply {
        let failure = Failure::new(ErrorKind::Cancelled, "nobody waited for the answer any more");
        report(done, &Outcome { sent: 0, result: Err(failure) });
    }
}

fn ready(count: u64) -> Ready {
    if count == 0 { Ready::End(Ok(())) } else { Ready::Bytes(count) }
}

/// Asks a source, whose panic ends its own body and nothing else.
fn poll(source: &mut dyn Source, waker: &Waker) -> Poll<Option<Result<Vec<u8>, Failure>>> {
    let mut context = Context::from_waker(waker);
    catch_unwind(AssertUnwindSafe(|| source.poll_next(&mut context))).unwrap_or_else(|_| {
        tracing::error!("the source of a body panicked");
        Poll::Ready(Some(Err(Failure::new(ErrorKind::Internal, "the source of the body panicked"))))
    })
}

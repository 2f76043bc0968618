//! A small protocol for the tests: requests are lines `METHOD ARGUMENT`, answers are a line and
//! then the body's bytes. It says `hello` first if it is told to.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::deadline::Deadline;
use crate::error::{Error, Failure, Operation};
use crate::server::protocol::{CallId, Event, Output, Protocol};
use crate::service::{Arguments, Body, Reply};

#[derive(Debug, Default)]
pub(super) struct Lines {
    room: Vec<u8>,
    input: VecDeque<u8>,
    /// The arguments of the call that is being told, encoded.
    arguments: Vec<u8>,
    last_call: u64,
    open_calls: usize,
    output: Vec<u8>,
    body: Option<Reply<Vec<u8>>>,
    sent_of_body: u64,
    finished: bool,
    draining: bool,
    first_request_by: Option<Instant>,
    failure: Option<Error>,
}

impl Lines {
    pub(super) fn greeting(text: &str) -> Self {
        Self { output: text.as_bytes().to_vec(), ..Self::default() }
    }

    pub(super) fn expecting_a_request_by(at: Instant) -> Self {
        Self { first_request_by: Some(at), ..Self::default() }
    }

    fn take_line(&mut self) -> Option<String> {
        let end = self.input.iter().position(|byte| *byte == b'\n')?;
        let line: Vec<u8> = self.input.drain(..=end).take(end).collect();
        Some(String::from_utf8_lossy(&line).into_owned())
    }
}

impl Protocol for Lines {
    fn room(&mut self) -> &mut [u8] {
        self.room.resize(4096, 0);
        &mut self.room
    }

    fn received(&mut self, count: usize) {
        self.input.extend(&self.room[..count]);
    }

    fn ended(&mut self) {
        self.finished = true;
    }

    fn next_event(&mut self, _now: Instant) -> Option<Event<'_>> {
        if let Some(failure) = self.failure.take() {
            return Some(Event::Failed(failure));
        }
        if self.finished || self.draining {
            return None;
        }
        let line = self.take_line()?;
        self.first_request_by = None;
        let (method, argument) = line.split_once(' ')?;
        self.last_call += 1;
        self.open_calls += 1;
        self.arguments.clear();
        Arguments::push(&mut self.arguments, argument.as_bytes());
        Some(Event::Call {
            id: CallId(self.last_call),
            method: method.parse().ok()?,
            arguments: Arguments::new(&self.arguments).ok()?,
            deadline: Deadline::NEVER,
            handle: None,
        })
    }

    fn reply(&mut self, _call: CallId, reply: Result<Reply<Vec<u8>>, Failure>) {
        match reply {
            Ok(reply) => {
                self.output.extend_from_slice(&reply.value);
                self.output.push(b'\n');
                self.sent_of_body = 0;
                self.body = Some(reply);
            }
            Err(failure) => {
                self.output.extend_from_slice(format!("! {failure}\n").as_bytes());
                self.open_calls -= 1;
            }
        }
    }

    fn output(&mut self, waker: &Waker) -> Output<'_> {
        if let Some(reply) = self.body.as_mut().filter(|_| self.output.is_empty()) {
            if let Body::Stream(source) = &mut reply.body {
                match source.poll_next(&mut Context::from_waker(waker)) {
                    Poll::Pending => return Output::Nothing,
                    Poll::Ready(Some(Ok(piece))) => self.output = piece,
                    Poll::Ready(_) => {
                        self.body = None;
                        self.open_calls -= 1;
                    }
                }
            } else {
                let left = match &reply.body {
                    Body::Bytes(bytes) => bytes.len() as u64 - self.sent_of_body,
                    Body::File(part) => part.length - self.sent_of_body,
                    _ => 0,
                };
                if left == 0 {
                    self.body = None;
                    self.open_calls -= 1;
                }
            }
        }
        if !self.output.is_empty() {
            return Output::Bytes([
                IoSlice::new(&self.output),
                IoSlice::new(&[]),
                IoSlice::new(&[]),
            ]);
        }
        match self.body.as_ref().map(|reply| &reply.body) {
            Some(Body::Bytes(bytes)) => {
                let rest = &bytes[usize::try_from(self.sent_of_body).expect("small")..];
                Output::Bytes([IoSlice::new(rest), IoSlice::new(&[]), IoSlice::new(&[])])
            }
            Some(Body::File(part)) => Output::File {
                file: &part.file,
                root: &part.root,
                from: part.from + self.sent_of_body,
                length: part.length - self.sent_of_body,
            },
            _ => Output::Nothing,
        }
    }

    fn sent(&mut self, count: u64) {
        if self.output.is_empty() {
            self.sent_of_body += count;
        } else {
            self.output.drain(..usize::try_from(count).expect("small"));
            // An answer without a body has ended with its line.
            let ends = matches!(&self.body, Some(Reply { body: Body::Empty, .. }));
            if ends && self.output.is_empty() {
                self.body = None;
                self.open_calls -= 1;
            }
        }
    }

    fn file_failed(&mut self, failure: Failure) {
        self.body = None;
        self.open_calls -= 1;
        self.output = format!("! {failure}\n").into_bytes();
    }

    fn is_busy(&self) -> bool {
        self.open_calls > 0
    }

    fn deadline(&self) -> Deadline {
        self.first_request_by.map_or(Deadline::NEVER, Deadline::at)
    }

    fn timer(&mut self, _now: Instant) {
        self.first_request_by = None;
        self.output.extend_from_slice(b"! too slow\n");
        self.failure = Some(Error::TimedOut { operation: Operation::Preface });
        self.finished = true;
    }

    fn drain(&mut self) {
        self.draining = true;
        self.output.extend_from_slice(b"bye\n");
    }

    fn refuse(&mut self, failure: Failure) {
        self.output = format!("! {failure}\n").into_bytes();
        self.finished = true;
    }

    fn is_finished(&self) -> bool {
        self.finished
    }
}

//! Requests: taken, refused, or held until the client has taken earlier replies.

use std::time::{Duration, Instant};

use super::calls::{Admission, Weight};
use super::{Drain, Happened, Phase, Place, Progress, ServerSession};
use crate::error::{Error, ErrorKind, Failure, Result};
use crate::frame::{Header, RequestHead};
use crate::transport::ReceivedHandle;

/// A request that waits.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) call: u64,
    method: u32,
    arguments: Vec<u8>,
    handle: Option<ReceivedHandle>,
}

impl Held {
    /// It ends with `failure` before it was handed out.
    pub(super) fn refused(self, failure: &Failure) -> Happened {
        Happened::Refused { call: self.call, method: self.method, failure: failure.clone() }
    }
}

impl ServerSession {
    /// Takes the request with that header, whose frame is `length` bytes long and has come.
    pub(super) fn take_request(
        &mut self,
        header: Header,
        length: usize,
        now: Instant,
    ) -> Result<Progress> {
        let call = header.call;
        self.calls.note(call)?;
        let handle = self.arrivals.take(call)?;
        let frame = &self.input.bytes()[..length];
        let (head, _) = RequestHead::decode(&frame[Header::LENGTH..])?;
        match self.phase {
            Phase::Draining(Drain::ByClient) => {
                return Err(Error::Protocol { reason: "a request after a goodbye".to_owned() });
            }
            Phase::Draining(Drain::ByServer) => {
                // It crossed the goodbye, which tells the client that it was not run.
                self.input.consume(length);
                return Ok(Progress::Quiet);
            }
            _ => {}
        }
        let weight = Weight { bytes: header.length, handle: handle.is_some() };
        let admission = self.calls.add(call, weight, self.body_credit, &self.limits)?;
        if let Some(failure) = refusal(header, head, admission) {
            self.calls.answer(call);
            self.outbox.end(call, Err(failure.clone()), 0, None);
            self.input.consume(length);
            let method = head.method;
            return Ok(Progress::Happened(Happened::Refused { call, method, failure }));
        }
        self.calls.set_deadline(call, now, head.remaining);
        let arguments = Header::LENGTH + RequestHead::LENGTH..length;
        if self.must_hold() || !self.held.is_empty() {
            let arguments = frame[arguments].to_vec();
            self.held.push_back(Held { call, method: head.method, arguments, handle });
            self.input.consume(length);
            return Ok(Progress::Quiet);
        }
        self.taken = length;
        Ok(Progress::Happened(self.start(call, head.method, Place::Input(arguments), handle)))
    }

    /// The next held request, if the client has taken enough of what it was answered.
    pub(super) fn release_held(&mut self) -> Option<Happened> {
        if self.must_hold() {
            return None;
        }
        let Held { call, method, arguments, handle } = self.held.pop_front()?;
        self.released = arguments;
        Some(self.start(call, method, Place::Released, handle))
    }

    fn start(
        &mut self,
        id: u64,
        method: u32,
        arguments: Place,
        handle: Option<ReceivedHandle>,
    ) -> Happened {
        let deadline = self.calls.start(id);
        Happened::Call { id, method, deadline, arguments, handle }
    }

    /// `true` if there is an event that nothing but the sending of replies has brought about.
    pub(super) fn holds_what_it_could_release(&self) -> bool {
        !self.held.is_empty() && !self.must_hold()
    }

    /// Who asks without ever taking an answer fills neither memory nor the table of open files with
    /// answers.
    fn must_hold(&self) -> bool {
        self.outbox.waiting() >= HELD_FROM
            || self.outbox.bodies() >= self.limits.bodies as usize
            || self.outbox.body_bytes() >= self.limits.body_bytes
    }
}

fn refusal(header: Header, head: RequestHead, admission: Admission) -> Option<Failure> {
    let (kind, text) = if header.has_body() {
        (ErrorKind::Unsupported, "this server takes no body with a request")
    } else if head.remaining == Some(Duration::ZERO) {
        (ErrorKind::TimedOut, "the request came too late")
    } else if admission == Admission::Busy {
        (ErrorKind::Busy, "calls that were given up still run; try again later")
    } else {
        return None;
    };
    Some(Failure::new(kind, text))
}

/// Requests are held while so many bytes of replies, bodies aside, wait to be sent.
pub(super) const HELD_FROM: usize = 256 * 1024;

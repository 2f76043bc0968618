//! What a client makes of what it receives.

use std::mem;

use super::{Call, ClientSession, Happened, Receiving, Stage, Status};
use crate::error::{Error, ErrorKind, Failure, Result};
use crate::frame::{
    self, FIRST_FLIGHT_BYTES, FIRST_FLIGHT_CALLS, Header, Kind, Preface, RESPONSE_VALUE, VERSION,
};
use crate::session::given_up;
use crate::transport::Ticket;

impl ClientSession {
    /// Goes on until something happens; `None` if more must come first.
    pub(super) fn advance(&mut self) -> Result<Option<Happened>> {
        self.input.consume(mem::take(&mut self.taken));
        loop {
            if let Some(call) = self.not_taken.pop_front() {
                match self.fail_untaken(call) {
                    None => continue,
                    happened => return Ok(happened),
                }
            }
            if self.server.is_none() {
                if !self.take_preface()? {
                    return Ok(None);
                }
                continue;
            }
            let progress = match self.receiving {
                Some(receiving) => self.take_payload(receiving),
                None => self.take_frame()?,
            };
            match progress {
                Progress::Happened(happened) => return Ok(Some(happened)),
                Progress::Quiet => {}
                Progress::Short => return Ok(None),
            }
        }
    }

    fn take_preface(&mut self) -> Result<bool> {
        let Some((preface, length)) = Preface::decode(self.input.bytes())? else {
            return Ok(false);
        };
        if preface.version != VERSION {
            let text = format!(
                "the server speaks versions {} to {} and this client {VERSION} to {VERSION}",
                preface.lowest, preface.version
            );
            return Err(Error::Remote(Failure::new(ErrorKind::Version, text)));
        }
        if preface.codec().is_none() {
            let text = format!("this client knows no codec {}", preface.codec);
            return Err(Error::Remote(Failure::new(ErrorKind::Unsupported, text)));
        }
        if preface.calls < FIRST_FLIGHT_CALLS || preface.request_bytes < FIRST_FLIGHT_BYTES {
            let Preface { calls, request_bytes, .. } = preface;
            let reason = format!("a server that accepts {calls} calls of {request_bytes} bytes");
            return Err(Error::Protocol { reason });
        }
        self.input.consume(length);
        self.server = Some(preface);
        Ok(true)
    }

    fn take_payload(&mut self, receiving: Receiving) -> Progress {
        let Receiving { call, left } = receiving;
        let length = left.min(self.input.bytes().len());
        if length == 0 {
            return Progress::Short;
        }
        if self.calls.get(&call).is_some_and(|entry| !entry.abandoned) {
            return Progress::Happened(Happened::Data { call, length });
        }
        self.consume(length);
        Progress::Quiet
    }

    fn take_frame(&mut self) -> Result<Progress> {
        let Some(header) = Header::decode(self.input.bytes(), self.limits.payload)? else {
            return Ok(Progress::Short);
        };
        let length = Header::LENGTH + header.length as usize;
        let payload = self.input.bytes().get(Header::LENGTH..length);
        let call = header.call;
        match (header.kind, payload) {
            // Neither waits for its payload.
            (Kind::Request | Kind::Cancel, _) => return Err(misdirected(header)),
            (Kind::Handle, _) if !self.passes_handles() => {
                let what = "and not both sides pass handles";
                return Err(fault(format!("a handle frame for call {call}, {what}")));
            }
            (Kind::Data, _) => {
                self.begin_data(call, header.length)?;
                self.input.consume(Header::LENGTH);
                return Ok(Progress::Quiet);
            }
            (_, None) => {
                self.input.need(length);
                return Ok(Progress::Short);
            }
            (Kind::Response, Some(payload)) => {
                let value = frame::response_value(payload)?.len();
                self.taken = length;
                return self.begin_response(call, value, header.has_body());
            }
            (Kind::End, Some(payload)) => {
                let status = Status::decode(payload)?;
                self.taken = length;
                return self.end(call, status);
            }
            (Kind::Handle, Some(payload)) => {
                let ticket = Ticket(u64::from_le_bytes(frame::word(payload)?));
                self.taken = length;
                return self.take_handle(call, ticket);
            }
            (Kind::Window, Some(payload)) => self.check_window(call, frame::word(payload)?)?,
            (Kind::Ping, Some(payload)) => {
                let word = frame::word(payload)?;
                self.answer_ping(word);
            }
            // Nothing was asked, so it answers nothing.
            (Kind::Pong, Some(_)) => {}
            (Kind::Goodbye, Some(payload)) => {
                let status = Status::decode(payload)?;
                self.take_leave(status);
            }
            (Kind::Error, Some(payload)) => {
                return Err(Error::Remote(given_up(Status::decode(payload)?)));
            }
        }
        self.input.consume(length);
        Ok(Progress::Quiet)
    }

    fn begin_data(&mut self, call: u64, length: u32) -> Result<()> {
        if call > self.last {
            return Err(fault(format!("data for call {call}, which was never made")));
        }
        self.window.receive(length)?;
        if let Some(entry) = self.calls.get_mut(&call) {
            if entry.stage == Stage::Waiting {
                return Err(fault(format!("data for call {call} before its response")));
            }
            entry.window.receive(length)?;
            entry.received += u64::from(length);
        }
        self.receiving = Some(Receiving { call, left: length as usize });
        Ok(())
    }

    /// Told of a call that nobody waits for as well: whoever drives the session must take the handle.
    fn take_handle(&mut self, call: u64, ticket: Ticket) -> Result<Progress> {
        let entry = self.calls.get_mut(&call).filter(|entry| entry.stage == Stage::Waiting);
        let entry = entry.ok_or_else(|| fault(format!("a handle for call {call}, unasked")))?;
        if mem::replace(&mut entry.has_handle, true) {
            return Err(fault(format!("a second handle for call {call}")));
        }
        Ok(Progress::Happened(Happened::Handle { call, ticket }))
    }

    fn begin_response(&mut self, call: u64, value: usize, body: bool) -> Result<Progress> {
        let entry = self.calls.get_mut(&call).filter(|entry| entry.stage == Stage::Waiting);
        let entry = entry.ok_or_else(|| fault(format!("a response to call {call}, unasked")))?;
        entry.stage = Stage::Body;
        let abandoned = entry.abandoned;
        if !body {
            self.forget(call);
        }
        if abandoned {
            return Ok(self.quiet());
        }
        let begin = Header::LENGTH + RESPONSE_VALUE;
        let value = begin..begin + value;
        Ok(Progress::Happened(Happened::Response { call, value, body }))
    }

    fn end(&mut self, call: u64, status: Status) -> Result<Progress> {
        let Some(Call { stage, received, abandoned, .. }) = self.forget(call) else {
            return Err(fault(format!("an end of call {call}, which has ended or was never made")));
        };
        let Status { result, number: valid } = status;
        if result.is_ok() && (stage == Stage::Waiting || valid != received) || valid > received {
            return Err(fault(format!(
                "an end of call {call} with {valid} valid bytes of {received}"
            )));
        }
        if abandoned {
            return Ok(self.quiet());
        }
        Ok(Progress::Happened(Happened::End { call, result, valid }))
    }

    /// What was taken concerns nobody.
    fn quiet(&mut self) -> Progress {
        self.input.consume(mem::take(&mut self.taken));
        Progress::Quiet
    }

    /// This version sends no bodies, so it needs no credit.
    fn check_window(&self, call: u64, bytes: [u8; 8]) -> Result<()> {
        if bytes == [0; 8] || call > self.last {
            return Err(fault(format!("a window for call {call}")));
        }
        Ok(())
    }

    fn answer_ping(&mut self, word: [u8; 8]) {
        if self.output().is_empty() {
            frame::push_word(&mut self.output, Kind::Pong, 0, word);
        } else {
            self.ping = Some(word);
        }
    }

    fn take_leave(&mut self, status: Status) {
        let last_taken = status.number;
        let untaken = self.calls.keys().copied().filter(|call| *call > last_taken);
        self.not_taken.extend(untaken);
        let drains = || Failure::new(ErrorKind::Draining, "");
        self.goodbye.get_or_insert(status.result.err().unwrap_or_else(drains));
    }

    /// Ends `call`, which the server has not taken.
    fn fail_untaken(&mut self, call: u64) -> Option<Happened> {
        let Call { abandoned, .. } = self.forget(call)?;
        let failure = self.goodbye.clone()?;
        (!abandoned).then_some(Happened::End { call, result: Err(failure), valid: 0 })
    }

    fn forget(&mut self, call: u64) -> Option<Call> {
        let entry = self.calls.remove(&call)?;
        self.in_flight.remove(entry.weight);
        Some(entry)
    }
}

/// What taking something from the input has led to.
#[derive(Debug)]
enum Progress {
    Happened(Happened),
    /// Nothing that anybody must be told.
    Quiet,
    /// More must come first.
    Short,
}

fn misdirected(header: Header) -> Error {
    let Header { kind, call, .. } = header;
    fault(format!("a {kind} frame for call {call}, which no server sends"))
}

fn fault(reason: String) -> Error {
    Error::Protocol { reason }
}

//! Handles that come with calls.

use super::{Drain, Happened, Phase, Progress, ServerSession};
use crate::error::{Error, Result};
use crate::frame::{Header, word};
use crate::transport::{ReceivedHandle, Ticket};

/// What passes handles, and the one that came last.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    /// Whether this side's connection passes handles.
    own: bool,
    /// Whether both sides' do.
    agreed: bool,
    due: Option<Due>,
}

/// A call whose handle has come and whose request comes next.
#[derive(Debug)]
struct Due {
    call: u64,
    /// The handle, once the runtime has claimed it.
    handle: Option<ReceivedHandle>,
}

impl Arrivals {
    /// This side's connection passes handles.
    pub(super) fn offer(&mut self) {
        self.own = true;
    }

    pub(super) fn offered(&self) -> bool {
        self.own
    }

    /// The client has said whether its connection does.
    pub(super) fn agree(&mut self, client: bool) -> bool {
        self.agreed = self.own && client;
        self.agreed
    }

    /// Keeps the handle of `call` until its request has come.
    pub(super) fn keep(&mut self, call: u64, handle: ReceivedHandle) {
        if let Some(due) = self.due.as_mut().filter(|due| due.call == call) {
            due.handle = Some(handle);
        }
    }

    /// The handle that came before the request of `call`.
    ///
    /// # Errors
    /// [`Error::Protocol`] if one came before that belongs to another call.
    pub(super) fn take(&mut self, call: u64) -> Result<Option<ReceivedHandle>> {
        match self.due.take() {
            None => Ok(None),
            Some(due) if due.call == call => Ok(due.handle),
            Some(Due { call: due, .. }) => Err(fault(format!(
                "a request of call {call} where that of call {due} is due, whose handle has come"
            ))),
        }
    }

    /// Closes what has come and belongs to no call yet.
    pub(super) fn clear(&mut self) {
        self.due = None;
    }
}

impl ServerSession {
    /// Takes the handle frame with that header, once its payload has come.
    pub(super) fn take_handle(&mut self, header: Header) -> Result<Progress> {
        let Header { call, .. } = header;
        if !self.arrivals.agreed {
            let reason = format!("a handle frame for call {call}, and not both sides pass handles");
            return Err(fault(reason));
        }
        let length = Header::LENGTH + header.length as usize;
        let Some(payload) = self.input.bytes().get(Header::LENGTH..length) else {
            self.input.need(length);
            return Ok(Progress::Short);
        };
        let ticket = Ticket(u64::from_le_bytes(word(payload)?));
        if self.phase == Phase::Draining(Drain::ByClient) {
            return Err(fault("a handle after a goodbye".to_owned()));
        }
        if let Some(Due { call: due, .. }) = &self.arrivals.due {
            let reason = format!("a handle for call {call} before the request of call {due}");
            return Err(fault(reason));
        }
        self.calls.check_new(call, "a handle")?;
        self.calls.check_handles(&self.limits)?;
        self.arrivals.due = Some(Due { call, handle: None });
        self.input.consume(length);
        Ok(Progress::Happened(Happened::Handle { call, ticket }))
    }
}

fn fault(reason: String) -> Error {
    Error::Protocol { reason }
}

//! The account of one call.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{Audit, Decision, Event, Mechanism, Method};
use crate::error::{Error, Failure};
use crate::files::RelativePath;
use crate::peer::Peer;
use crate::service::{Body, Done, Outcome, Reply};

/// What a call asks for, and what has come of it so far.
#[derive(Debug)]
pub(crate) struct Call {
    audit: Audit,
    connection: u64,
    call: u64,
    peer: Option<Peer>,
    method: Method,
    told: Mutex<Told>,
}

/// What the handler has told of its call.
#[derive(Debug, Default)]
struct Told {
    /// What it asks for, or what was opened for it if the handler did not say.
    path: Option<Vec<u8>>,
    /// Whether the handler said so.
    is_named: bool,
    /// How that was opened last, or tried.
    mechanism: Option<Mechanism>,
    /// Whether that is told.
    opened: bool,
}

impl Call {
    /// A call of `method` by `peer`, under that number on that connection.
    pub(crate) fn new(
        audit: Audit,
        connection: u64,
        call: u64,
        peer: Option<Peer>,
        method: Method,
    ) -> Self {
        Self { audit, connection, call, peer, method, told: Mutex::default() }
    }

    /// The call asks for `path`.
    pub(crate) fn asks_for(&self, path: &[u8]) {
        let path = Some(path.to_owned());
        *self.told.lock() = Told { path, is_named: true, ..Told::default() };
    }

    /// What the call asks for was opened below a root as `path`, or was not; `None` if it was passed
    /// and has no path. That it was is told once; that it was not, with the refusal.
    ///
    /// # Errors
    /// The sink's.
    pub(crate) fn opened(
        &self,
        path: Option<&RelativePath>,
        mechanism: Option<Mechanism>,
        was_opened: bool,
    ) -> Result<(), Failure> {
        let mut told = self.told.lock();
        let path = path.map(RelativePath::as_bytes);
        if !told.is_named && told.path.as_deref() != path {
            *told = Told { path: path.map(<[u8]>::to_owned), ..Told::default() };
        }
        told.mechanism = mechanism;
        if !was_opened || told.opened {
            return Ok(());
        }
        drop(told);
        self.tell(Decision::Open, Ok(()), None)?;
        self.told.lock().opened = true;
        Ok(())
    }

    /// The handler has acted as the peer, or could not.
    ///
    /// # Errors
    /// The sink's.
    pub(crate) fn switched(
        &self,
        mechanism: Option<Mechanism>,
        error: Option<&Error>,
    ) -> Result<(), Failure> {
        let failure = error.map(|error| Failure::new(error.kind(), error.chain()));
        let outcome = failure.as_ref().map_or(Ok(()), Err);
        self.audit.tell(&Event { mechanism, outcome, ..self.event(Decision::Switch) })
    }

    /// Accounts for the answer: now if it is a refusal or has no body, else when the body was sent or
    /// never will be.
    pub(crate) fn settle(
        self: Arc<Self>,
        answer: Result<Reply<Vec<u8>>, Failure>,
    ) -> Result<Reply<Vec<u8>>, Failure> {
        let mut reply = answer.inspect_err(|failure| self.failed(failure))?;
        if matches!(reply.body, Body::Empty) {
            let told = self.tell(Decision::Result, Ok(()), Some(0));
            return told.inspect_err(|failure| self.failed(failure)).map(|()| reply);
        }
        let before = reply.done.take();
        Ok(reply.when_done(move |outcome: &Outcome| {
            // What has left has left; the sink counts what it could not keep.
            let _ =
                self.tell(Decision::Result, outcome.result.as_ref().copied(), Some(outcome.sent));
            before.into_iter().for_each(|done: Done| done.report(outcome));
        }))
    }

    /// The call is answered with `failure`, so nothing that a sink says can change that.
    pub(crate) fn failed(&self, failure: &Failure) {
        if !self.told.lock().opened {
            let _ = self.tell(Decision::Refusal, Err(failure), None);
        }
        let _ = self.tell(Decision::Result, Err(failure), Some(0));
    }

    fn tell(
        &self,
        decision: Decision,
        outcome: Result<(), &Failure>,
        bytes: Option<u64>,
    ) -> Result<(), Failure> {
        let (path, mechanism) = {
            let told = self.told.lock();
            (told.path.clone(), told.mechanism)
        };
        let path = path.as_deref();
        self.audit.tell(&Event { path, mechanism, outcome, bytes, ..self.event(decision) })
    }

    fn event(&self, decision: Decision) -> Event<'_> {
        let call = Some(self.call);
        let method = Some(self.method);
        Event { call, method, ..Event::new(decision, self.connection, self.peer.as_ref()) }
    }
}

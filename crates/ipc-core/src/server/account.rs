//! What the runtime tells the audit.

use std::sync::Arc;

use super::connection::Client;
use super::protocol::CallId;
use super::runtime::Runtime;
use crate::audit::{Call, Decision, Event, Method};
use crate::error::{Error, Failure};
use crate::level::ImpersonationLevel;
use crate::service::Reply;

/// Tells who has connected, and what was `decided` by policy and share. Returns that, or why it cannot be
/// accounted for.
pub(super) fn policy(
    runtime: &Runtime,
    client: &Client,
    decided: Result<(), Failure>,
) -> Result<(), Failure> {
    let unknown = client.connection.peer().err();
    let unknown = unknown.map(|error| Failure::new(error.kind(), error.chain()));
    let outcome = unknown.as_ref().map_or(Ok(()), Err);
    let connect = Event { outcome, ..client.event(Decision::Connect) };
    let policy = Some(&runtime.policy);
    let outcome = decided.as_ref().copied();
    let policy = Event { policy, outcome, ..client.event(Decision::Policy) };
    let told = [connect, policy].map(|event| runtime.audit.tell(&event));
    told.into_iter().fold(decided, Result::and)
}

/// Tells what has become of the level that the client stated. Returns that, or why it cannot be
/// accounted for.
pub(super) fn level(
    runtime: &Runtime,
    client: &Client,
    stated: ImpersonationLevel,
    outcome: Result<(), Failure>,
) -> Result<(), Failure> {
    let told = runtime.audit.tell(&Event {
        stated: Some(stated),
        level: client.connection.level(),
        outcome: outcome.as_ref().copied(),
        ..client.event(Decision::Level)
    });
    outcome.and(told)
}

/// Tells that the connection is given up.
pub(super) fn failed(runtime: &Runtime, client: &Client, error: &Error) {
    let failure = Failure::new(error.kind(), error.chain());
    let outcome = Err(&failure);
    // It is over in any case.
    let _ = runtime.audit.tell(&Event { outcome, ..client.event(Decision::Refusal) });
}

/// Tells of a call that no handler gets.
pub(super) fn refused(
    runtime: &Runtime,
    client: &Client,
    id: CallId,
    method: u32,
    failure: &Failure,
) {
    call(runtime, client, id, method).into_iter().for_each(|account| account.failed(failure));
}

/// The account of a call, if somebody listens.
pub(super) fn call(
    runtime: &Runtime,
    client: &Client,
    id: CallId,
    method: u32,
) -> Option<Arc<Call>> {
    let audit = &runtime.audit;
    audit.is_heard().then(|| {
        let name = runtime.service.name_of(method);
        let method = name.map_or(Method::Number(method), Method::Named);
        Arc::new(Call::new(audit.clone(), client.key.0, id.0, client.known_peer().cloned(), method))
    })
}

/// The answer that `handle` gives, accounted for.
pub(super) fn settled(
    account: Option<Arc<Call>>,
    handle: impl FnOnce(Option<&Call>) -> Result<Reply<Vec<u8>>, Failure>,
) -> Result<Reply<Vec<u8>>, Failure> {
    let answer = handle(account.as_deref());
    match account {
        Some(account) => account.settle(answer),
        None => answer,
    }
}

impl Client {
    fn event(&self, decision: Decision) -> Event<'_> {
        Event::new(decision, self.key.0, self.known_peer())
    }
}

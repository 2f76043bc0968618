//! One accepted connection as the runtime keeps it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};
use std::time::Instant;

use parking_lot::Mutex;

use super::ownership::Ownership;
use super::pool::Asker;
use super::protocol::{CallId, Protocol};
use super::runtime::Runtime;
use super::shares::Share;
use crate::cancel::CancelToken;
use crate::deadline::Deadline;
use crate::error::Failure;
use crate::level::ImpersonationLevel;
use crate::peer::Peer;
use crate::service::Reply;
use crate::transport::{Connection, Key};

/// A connection, its protocol, and who runs it.
pub(super) struct Client {
    pub(super) key: Key,
    pub(super) connection: Box<dyn Connection>,
    pub(super) ownership: Ownership,
    /// Locked by the owner only, and so never waited for.
    pub(super) state: Mutex<State>,
    /// The calls that are on the pool.
    on_pool: Mutex<HashMap<CallId, CancelToken>>,
    /// What the pool has finished and the owner has not taken yet.
    answers: Mutex<Vec<Answer>>,
    /// Cancelled when the connection is over.
    pub(super) gone: CancelToken,
    /// Wakes this connection's owner when a body has more to give.
    pub(super) waker: Waker,
}

/// What the owner of a connection works on.
pub(super) struct State {
    pub(super) protocol: Box<dyn Protocol>,
    /// Whether policy has admitted the peer.
    pub(super) admitted: bool,
    /// Its part of its user's connections, once it is known whose that is.
    pub(super) share: Option<Share>,
    /// Whether it is one more than its user may have.
    pub(super) is_surplus: bool,
    /// Whether anything was read.
    pub(super) heard: bool,
    /// Whether the protocol was told that the server drains.
    pub(super) draining: bool,
    /// Whether it had no calls then, so that all it is owed is the goodbye.
    pub(super) only_goodbye: bool,
    /// Set once nothing more is to be said: by when the connection must be closed.
    pub(super) closing: Option<Deadline>,
    /// Where the timers have this connection's entry, unless it was due since.
    pub(super) timer: Option<Instant>,
}

/// The answer of a handler that ran on the pool.
pub(super) type Answer = (CallId, Result<Reply<Vec<u8>>, Failure>);

impl Client {
    /// A connection that was just accepted; the caller owns it.
    pub(super) fn accepted(
        key: Key,
        connection: Box<dyn Connection>,
        protocol: Box<dyn Protocol>,
        runtime: Weak<Runtime>,
    ) -> Arc<Self> {
        Arc::new(Self {
            key,
            connection,
            ownership: Ownership::owned(),
            state: Mutex::new(State {
                protocol,
                admitted: false,
                share: None,
                is_surplus: false,
                heard: false,
                draining: false,
                only_goodbye: false,
                closing: None,
                timer: None,
            }),
            on_pool: Mutex::default(),
            answers: Mutex::default(),
            gone: CancelToken::new(),
            waker: Waker::from(Arc::new(BodyWaker { runtime, key })),
        })
    }

    /// Notes that `call` goes to the pool, and gives what cancels it there.
    pub(super) fn goes_to_pool(&self, call: CallId) -> CancelToken {
        let cancel = CancelToken::new();
        self.on_pool.lock().insert(call, cancel.clone());
        // Whoever cut the connection before that has not seen this call.
        if self.gone.is_cancelled() {
            cancel.cancel();
        }
        cancel
    }

    /// Whose share of the pool its calls take: its user's, else its own.
    pub(super) fn asker(&self) -> Asker {
        match self.connection.peer().ok().and_then(Peer::identity) {
            Some(identity) => identity.to_string().into(),
            None => format!("connection {}", self.key.0).into(),
        }
    }

    /// Who the client is, unless nobody knows or it has asked to be anonymous.
    pub(super) fn known_peer(&self) -> Option<&Peer> {
        match self.connection.level() {
            Some(ImpersonationLevel::Anonymous) => None,
            _ => self.connection.peer().ok(),
        }
    }

    /// Cancels `call` if it is on the pool.
    pub(super) fn cancel_call(&self, call: CallId) {
        if let Some(cancel) = self.on_pool.lock().remove(&call) {
            cancel.cancel();
        }
    }

    /// Leaves the answer of a pool thread for the owner.
    pub(super) fn answer(&self, call: CallId, answer: Result<Reply<Vec<u8>>, Failure>) {
        self.on_pool.lock().remove(&call);
        self.answers.lock().push((call, answer));
    }

    /// Takes what the pool has left.
    pub(super) fn take_answers(&self) -> Vec<Answer> {
        std::mem::take(&mut self.answers.lock())
    }

    /// Ends the connection at once: nobody waits for its calls any more.
    pub(super) fn cut(&self) {
        self.connection.cancel();
        self.gone.cancel();
        for cancel in self.on_pool.lock().values() {
            cancel.cancel();
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("key", &self.key)
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

struct BodyWaker {
    runtime: Weak<Runtime>,
    key: Key,
}

impl Wake for BodyWaker {
    fn wake(self: Arc<Self>) {
        if let Some(runtime) = self.runtime.upgrade() {
            runtime.notify(self.key);
        }
    }
}

//! The account of what a server decides: who came, whom policy admitted, what was opened for whom
//! and how, what was refused, and what came of it.
//!
//! Each decision is one [`Event`], whose names and fields are a promise; `docs/audit.md` has them
//! all. It goes two ways:
//!
//! * to `tracing`, under the target [`TARGET`], for whoever runs a subscriber. Without one it costs
//!   a look at an atomic;
//! * to the [`Sink`] that the server was given
//!   ([`ServerBuilder::audit`](crate::server::ServerBuilder::audit)), if it was. A subscriber cannot
//!   answer, and a sink does: where it fails, what the event is about is not done. So an account
//!   that must be kept is a sink, and never a subscriber.
//!
//! The runtime tells of connections and of each call; what a call asks for and what was opened for
//! it comes from its [`Context`](crate::service::Context). Nothing is told while a thread has become
//! a peer.

use std::fmt;
use std::sync::Arc;

use crate::error::Failure;
use crate::level::ImpersonationLevel;
use crate::peer::Peer;
use crate::policy::Policy;

mod call;
mod fields;
mod mechanism;

pub(crate) use call::Call;
pub use fields::Field;
pub use mechanism::{Mechanism, note_mechanism, noting_mechanism};

/// The target of every event, for subscribers.
pub const TARGET: &str = "ipc::audit";

/// Keeps the account of a server.
pub trait Sink: fmt::Debug + Send + Sync {
    /// Writes `event` down, on the thread that decided, before what was decided takes effect: before
    /// a byte of an opened file leaves, or a refused client is told. A result is written when it is
    /// known.
    ///
    /// # Errors
    /// What the client is told instead of being served. One that need not be complete returns none.
    ///
    /// # Blocking
    /// While it takes its time, so does the server's thread.
    fn write(&self, event: &Event<'_>) -> Result<(), Failure>;
}

/// Where a server's events go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Audit(Option<Arc<dyn Sink>>);

impl Audit {
    /// To `sink` as well as to `tracing`.
    pub(crate) fn to(sink: Arc<dyn Sink>) -> Self {
        Self(Some(sink))
    }

    /// `true` if somebody listens: what calls ask for need not be remembered for nobody.
    pub(crate) fn is_heard(&self) -> bool {
        self.0.is_some() || tracing::enabled!(target: TARGET, tracing::Level::INFO)
    }

    /// Tells of `event`.
    ///
    /// # Errors
    /// The sink's: what the event is about is not to be done.
    pub(crate) fn tell(&self, event: &Event<'_>) -> Result<(), Failure> {
        event.trace();
        self.0.as_ref().map_or(Ok(()), |sink| sink.write(event))
    }
}

/// One decision. What is not known, or not part of such an event, is `None`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Event<'a> {
    /// What was decided.
    pub decision: Decision,
    /// On which connection, counted from 1 since the server began.
    pub connection: u64,
    /// In which call of it.
    pub call: Option<u64>,
    /// About whom. `None` where nobody knows or, once the client has asked to be anonymous, where it
    /// is not to be told.
    pub peer: Option<&'a Peer>,
    /// The policy that was asked.
    pub policy: Option<&'a Policy>,
    /// The level that the client stated.
    pub stated: Option<ImpersonationLevel>,
    /// The level that is in force: on Windows perhaps a lower one than was stated.
    pub level: Option<ImpersonationLevel>,
    /// What was called.
    pub method: Option<Method>,
    /// What it asks for, as it was sent.
    pub path: Option<&'a [u8]>,
    /// How the peer's rights came to bear.
    pub mechanism: Option<Mechanism>,
    /// Whether it was granted, and if not, why.
    pub outcome: Result<(), &'a Failure>,
    /// How many bytes of a body were sent.
    pub bytes: Option<u64>,
}

/// What an [`Event`] decides, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Decision {
    /// Somebody has connected, and the server knows who.
    Connect,
    /// The policy has admitted the peer or refused it.
    Policy,
    /// The client's level was accepted or refused.
    Level,
    /// A handler has acted as the peer, or could not, other than to open a file.
    Switch,
    /// A file or directory was opened or looked at for the peer.
    Open,
    /// A call was refused; or, outside of calls, a connection was given up.
    Refusal,
    /// A call has ended.
    Result,
}

impl Decision {
    /// The event's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Policy => "policy",
            Self::Level => "level",
            Self::Switch => "switch",
            Self::Open => "open",
            Self::Refusal => "refusal",
            Self::Result => "result",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A called method: its name, or its number where the service gives it none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Its name.
    Named(&'static str),
    /// Its number.
    Number(u32),
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Number(number) => number.fmt(f),
        }
    }
}

impl<'a> Event<'a> {
    pub(crate) fn new(decision: Decision, connection: u64, peer: Option<&'a Peer>) -> Self {
        Self {
            decision,
            connection,
            call: None,
            peer,
            policy: None,
            stated: None,
            level: None,
            method: None,
            path: None,
            mechanism: None,
            outcome: Ok(()),
            bytes: None,
        }
    }
}

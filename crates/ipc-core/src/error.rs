//! What can go wrong, where, and why; and the part of it that survives the wire.

use std::error::Error as StdError;
use std::{fmt, io};

use crate::endpoint::Endpoint;
use crate::files::Escaped;
use crate::level::ImpersonationLevel;

mod failure;

pub use failure::{ErrorKind, Failure};

/// The result of every fallible call of this workspace.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, where and why.
///
/// [`Display`](fmt::Display) says it in one line without the [source](StdError::source);
/// [`chain`](Self::chain) joins both for a log or a terminal. [`kind`](Self::kind) is the part
/// that a program decides on, equal on every system and on both ends of a session.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The text is no endpoint, or not one that this transport can use.
    InvalidEndpoint {
        /// What was given.
        text: String,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// Nobody listens at `endpoint`.
    NotFound {
        /// Where a server was looked for.
        endpoint: Endpoint,
        /// The system's answer.
        source: io::Error,
    },
    /// Another listener holds `endpoint`; a live one is never taken over.
    EndpointInUse {
        /// The name that is taken.
        endpoint: Endpoint,
        /// Who holds it, as far as that may be known: `process 4711`, `another user`.
        holder: Option<String>,
    },
    /// The place of `endpoint` is not safe to use: a directory that others may write, a symbolic
    /// link, a foreign owner.
    EndpointUnsafe {
        /// The endpoint that was to be bound or connected.
        endpoint: Endpoint,
        /// What is unsafe, by name, and how to mend it.
        reason: String,
    },
    /// The server at `endpoint` is not who it must be; not a byte was sent to it.
    ServerNotTrusted {
        /// Where it listens.
        endpoint: Endpoint,
        /// Who serves it, and who was asked for.
        reason: String,
    },
    /// A policy refuses the peer.
    Refused {
        /// The peer, and the term that decided.
        reason: String,
    },
    /// The deadline passed first.
    TimedOut {
        /// What was under way.
        operation: Operation,
    },
    /// The operation was cancelled from this side.
    Cancelled {
        /// What was under way.
        operation: Operation,
    },
    /// The peer is gone.
    Disconnected {
        /// What was under way.
        operation: Operation,
    },
    /// The listener or connection was closed on this side.
    Closed {
        /// What was asked of it.
        operation: Operation,
    },
    /// This transport cannot do `operation` on this system; no retry helps.
    Unsupported {
        /// What was asked for.
        operation: Operation,
    },
    /// No handle can be passed on this session; nothing is passed in its place.
    HandlesNotPassed {
        /// Which side passes none, and what would change that: a clause.
        reason: &'static str,
    },
    /// The system tells who the peer is only after its first bytes have been read.
    NotYetKnown,
    /// Who the peer is cannot be established; it is never guessed.
    IdentityUnknown {
        /// Which fact is missing and why.
        reason: String,
    },
    /// The client lets the server act in its name only up to `granted`.
    LevelTooLow {
        /// What the operation needs.
        needed: ImpersonationLevel,
        /// What the client granted; `None` while it has stated nothing.
        granted: Option<ImpersonationLevel>,
    },
    /// This server has not the privilege to act as that peer.
    NotPrivileged {
        /// The peer, and what the server would need.
        reason: String,
    },
    /// No server may act as this identity: "nobody", an id that is no id, a root that is not ours.
    IdentityRefused {
        /// The identity, and the term that would allow it where one can.
        reason: String,
    },
    /// The peer lives in a sandbox which acting as it would not carry.
    Sandboxed {
        /// Which, and the term that would allow it.
        reason: String,
    },
    /// The thread acts as a peer already.
    Nested,
    /// Changing identity failed at `step`; the thread is itself again and nothing was run.
    SwitchFailed {
        /// The call or check that failed.
        step: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The peer announced or asked for more than `limit`.
    LimitExceeded {
        /// What is limited, with its unit: `frame payload bytes`.
        what: &'static str,
        /// What was announced.
        asked: u64,
        /// What is allowed.
        limit: u64,
    },
    /// The peer does not keep to the protocol.
    Protocol {
        /// What it did, and at which frame.
        reason: String,
    },
    /// The value is not what this side can encode, or the bytes are not what it can decode.
    Codec {
        /// What failed.
        reason: String,
    },
    /// The caller asked for something that can never be: a path with `..`, an empty message.
    InvalidInput {
        /// What, and what would be right.
        reason: String,
    },
    /// The other side failed the call.
    Remote(Failure),
    /// The system refused `operation`, for a reason that no other variant names.
    Io {
        /// What was under way.
        operation: Operation,
        /// At which endpoint or file, where there is one to name.
        at: Option<String>,
        /// The system's answer.
        source: io::Error,
    },
}

impl Error {
    /// The system's refusal of `operation` at `endpoint`.
    #[must_use]
    pub fn io(operation: Operation, endpoint: &Endpoint, source: io::Error) -> Self {
        Self::Io { operation, at: Some(endpoint.to_string()), source }
    }

    /// What a program decides on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidEndpoint { .. } | Self::InvalidInput { .. } => ErrorKind::InvalidInput,
            Self::NotFound { .. } => ErrorKind::NoServer,
            Self::EndpointInUse { .. } => ErrorKind::InUse,
            Self::EndpointUnsafe { .. } | Self::ServerNotTrusted { .. } => ErrorKind::NotTrusted,
            Self::Refused { .. } => ErrorKind::Refused,
            Self::TimedOut { .. } => ErrorKind::TimedOut,
            Self::Cancelled { .. } => ErrorKind::Cancelled,
            Self::Disconnected { .. } | Self::Closed { .. } => ErrorKind::Disconnected,
            Self::Unsupported { .. } | Self::HandlesNotPassed { .. } => ErrorKind::Unsupported,
            Self::NotYetKnown | Self::IdentityUnknown { .. } => ErrorKind::IdentityUnknown,
            Self::LevelTooLow { .. } => ErrorKind::LevelTooLow,
            Self::NotPrivileged { .. } => ErrorKind::NotPrivileged,
            Self::IdentityRefused { .. } => ErrorKind::IdentityRefused,
            Self::Sandboxed { .. } => ErrorKind::Sandboxed,
            Self::Nested | Self::SwitchFailed { .. } => ErrorKind::Internal,
            Self::LimitExceeded { .. } => ErrorKind::LimitExceeded,
            Self::Protocol { .. } | Self::Codec { .. } => ErrorKind::Protocol,
            Self::Remote(failure) => failure.kind(),
            Self::Io { source, .. } => ErrorKind::of_io(source),
        }
    }

    /// The error and all that caused it, joined by `: `.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = self.source();
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidEndpoint { text, reason } => {
                write!(f, "`{}` is no usable endpoint: {reason}", Escaped(text.as_bytes()))
            }
            Self::NotFound { endpoint, .. } => write!(f, "no server is listening at `{endpoint}`"),
            Self::EndpointInUse { endpoint, holder } => {
                write!(f, "`{endpoint}` is already served")?;
                holder.as_ref().map_or(Ok(()), |holder| write!(f, " by {holder}"))
            }
            Self::EndpointUnsafe { endpoint, reason } => {
                write!(f, "`{endpoint}` is not safe to use: {reason}")
            }
            Self::ServerNotTrusted { endpoint, reason } => {
                write!(f, "the server at `{endpoint}` is not trusted: {reason}")
            }
            Self::Refused { reason } => write!(f, "refused by policy: {reason}"),
            Self::TimedOut { operation } => write!(f, "timed out while {operation}"),
            Self::Cancelled { operation } => write!(f, "cancelled while {operation}"),
            Self::Disconnected { operation } => {
                write!(f, "the other side has disconnected while {operation}")
            }
            Self::Closed { operation } => {
                write!(f, "already closed on this side before {operation}")
            }
            Self::Unsupported { operation } => {
                write!(f, "this transport cannot do it on this system: {operation}")
            }
            Self::HandlesNotPassed { reason } => write!(f, "no handle can be passed: {reason}"),
            Self::NotYetKnown => {
                f.write_str("the peer is not known before its first bytes are read")
            }
            Self::IdentityUnknown { reason } => {
                write!(f, "the peer's identity is unknown: {reason}")
            }
            Self::LevelTooLow { needed, granted: Some(granted) } => {
                write!(f, "the client grants {granted} and this needs {needed}")
            }
            Self::LevelTooLow { needed, granted: None } => {
                write!(f, "the client has granted nothing yet and this needs {needed}")
            }
            Self::NotPrivileged { reason } => {
                write!(f, "the server is not privileged to act as its peer: {reason}")
            }
            Self::IdentityRefused { reason } => {
                write!(f, "no server may act as this peer: {reason}")
            }
            Self::Sandboxed { reason } => write!(f, "the peer is sandboxed: {reason}"),
            Self::Nested => f.write_str("this thread already acts as a peer"),
            Self::SwitchFailed { step, .. } => {
                write!(f, "could not become the peer ({step}); nothing was done")
            }
            Self::LimitExceeded { what, asked, limit } => {
                write!(f, "{asked} {what} exceed the limit of {limit}")
            }
            Self::Protocol { reason } => write!(f, "the other side breaks the protocol: {reason}"),
            Self::Codec { reason } => {
                write!(f, "a value could not be encoded or decoded: {reason}")
            }
            Self::InvalidInput { reason } => f.write_str(reason),
            Self::Remote(failure) => failure.fmt(f),
            Self::Io { operation, at: Some(at), .. } => {
                write!(f, "failed while {operation} at `{at}`")
            }
            Self::Io { operation, at: None, .. } => write!(f, "failed while {operation}"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::NotFound { source, .. }
            | Self::SwitchFailed { source, .. }
            | Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// What was being done when an [`Error`] came about; the text completes "failed while …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// [`Transport::bind`](crate::Transport::bind).
    Bind,
    /// [`Transport::connect`](crate::Transport::connect).
    Connect,
    /// [`Listener::accept`](crate::Listener::accept) and arming for it.
    Accept,
    /// Reading bytes.
    Read,
    /// Writing bytes.
    Write,
    /// Waiting for readiness.
    Wait,
    /// [`Connection::park`](crate::Connection::park).
    Park,
    /// [`Connection::close`](crate::Connection::close).
    Close,
    /// [`Connection::finish_writing`](crate::Connection::finish_writing).
    FinishWriting,
    /// [`Connection::send_file`](crate::Connection::send_file).
    SendFile,
    /// Sending or receiving whole messages.
    Message,
    /// Offering or claiming a handle.
    PassHandle,
    /// Learning who the peer is.
    Identify,
    /// [`Connection::state_level`](crate::Connection::state_level).
    StateLevel,
    /// [`Connection::run_as_peer`](crate::Connection::run_as_peer).
    RunAsPeer,
    /// Opening a file.
    Open,
    /// Looking at a file's metadata or a directory's entries.
    Inspect,
    /// Exchanging the session's prefaces.
    Preface,
    /// A call: sending the request or waiting for its answer.
    Call,
    /// Shutting a server down.
    Shutdown,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bind => "binding the endpoint",
            Self::Connect => "connecting",
            Self::Accept => "accepting a connection",
            Self::Read => "reading",
            Self::Write => "writing",
            Self::Wait => "waiting for the connection to be ready",
            Self::Park => "parking the connection",
            Self::Close => "closing the connection",
            Self::FinishWriting => "finishing the writing half",
            Self::SendFile => "sending a file",
            Self::Message => "passing a message",
            Self::PassHandle => "passing a handle",
            Self::Identify => "asking who the peer is",
            Self::StateLevel => "stating the impersonation level",
            Self::RunAsPeer => "acting as the peer",
            Self::Open => "opening a file",
            Self::Inspect => "looking at a file",
            Self::Preface => "exchanging prefaces",
            Self::Call => "waiting for the answer",
            Self::Shutdown => "shutting down",
        })
    }
}

//! What `bind` and `connect` can be asked for on every system.
//!
//! Options that only one system has are settings of that system's transport value.

use crate::cancel::CancelToken;
use crate::deadline::Deadline;
use crate::level::ImpersonationLevel;
use crate::policy::Policy;

/// How the bytes of a connection are delimited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// One ordered stream of bytes; what sessions run on.
    #[default]
    Bytes,
    /// Whole messages, by [`Connection::messages`](crate::Connection::messages).
    Messages,
}

/// How a listener is bound.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct BindOptions {
    /// Bytes or messages.
    pub mode: Mode,
    /// Whether accepted connections can pass handles.
    pub handles: bool,
}

impl BindOptions {
    /// A byte stream that passes no handles.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether connections carry bytes or messages. Default: [`Mode::Bytes`].
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets whether connections can pass open handles. Default: no. A connection that can is a
    /// little slower to read, for every read must be ready to receive one.
    #[must_use]
    pub fn handles(mut self, handles: bool) -> Self {
        self.handles = handles;
        self
    }
}

/// How a connection is made, and to whom.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// Bytes or messages; must be what the listener was bound with.
    pub mode: Mode,
    /// Whether the connection can pass handles.
    pub handles: bool,
    /// How far the server may act in this client's name.
    pub level: ImpersonationLevel,
    /// Who the server must be.
    pub server: Policy,
    /// By when the connection must stand.
    pub deadline: Deadline,
    /// Cancels the attempt.
    pub cancel: Option<CancelToken>,
}

impl ConnectOptions {
    /// A byte stream at level [`Identification`](ImpersonationLevel::Identification), to a server
    /// of the same user or the system, without a deadline.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether the connection carries bytes or messages. Default: [`Mode::Bytes`].
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets whether the connection can pass open handles. Default: no.
    #[must_use]
    pub fn handles(mut self, handles: bool) -> Self {
        self.handles = handles;
        self
    }

    /// Sets how far the server may act in this client's name. Default:
    /// [`Identification`](ImpersonationLevel::Identification).
    #[must_use]
    pub fn level(mut self, level: ImpersonationLevel) -> Self {
        self.level = level;
        self
    }

    /// Sets who the server must be; it is checked before the first byte is sent. Default: the same
    /// user or the system, who could act as this client anyway. With [`Policy::any`] whoever took
    /// the name first receives what this client sends.
    #[must_use]
    pub fn server(mut self, server: Policy) -> Self {
        self.server = server;
        self
    }

    /// Sets by when the connection must stand. Default: [`Deadline::NEVER`].
    #[must_use]
    pub fn deadline(mut self, deadline: Deadline) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets a token that cancels the attempt. Default: none.
    #[must_use]
    pub fn cancel(mut self, cancel: CancelToken) -> Self {
        self.cancel = Some(cancel);
        self
    }
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            mode: Mode::Bytes,
            handles: false,
            level: ImpersonationLevel::default(),
            server: Policy::same_user().or(Policy::system()),
            deadline: Deadline::NEVER,
            cancel: None,
        }
    }
}

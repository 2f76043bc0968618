//! The part of an error that crosses the wire.

use std::fmt::{self, Write as _};
use std::io;

use super::Error;

/// What a program decides on, with the same meaning on every system and on both ends.
///
/// Each kind has a number that never changes; docs/protocol.md lists them. A number that this
/// version does not know becomes [`Unknown`](Self::Unknown).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A kind that this version does not know.
    Unknown,
    /// Something failed that is the failing side's own fault.
    Internal,
    /// What was asked for can never be: a malformed argument or path.
    InvalidInput,
    /// There is no such file or object.
    NotFound,
    /// The client has not the right.
    PermissionDenied,
    /// A directory stands where a file was asked for.
    IsADirectory,
    /// Something else stands where a directory was asked for.
    NotADirectory,
    /// Neither a regular file nor a directory: a device, a FIFO, a socket, a `/proc` file.
    NotRegular,
    /// The path leaves the served root.
    OutsideRoot,
    /// The object has changed since the caller last looked.
    Changed,
    /// The data ended before its announced length.
    Truncated,
    /// The system could not read or write the data.
    DataFailed,
    /// The object is held by somebody else for now; a retry may help.
    Busy,
    /// The deadline passed.
    TimedOut,
    /// The call was cancelled.
    Cancelled,
    /// A declared limit was exceeded.
    LimitExceeded,
    /// The method, option or operation does not exist on that side.
    Unsupported,
    /// A policy refuses the peer.
    Refused,
    /// Who the peer is could not be established.
    IdentityUnknown,
    /// The client's impersonation level does not allow it.
    LevelTooLow,
    /// The server has not the privilege to act as the client.
    NotPrivileged,
    /// No server may act as this client.
    IdentityRefused,
    /// The client lives in a sandbox that acting as it would not carry.
    Sandboxed,
    /// The server is shutting down; the call was not run.
    Draining,
    /// The other side does not keep to the protocol.
    Protocol,
    /// The two sides share no version of the protocol.
    Version,
    /// Nobody listens at the endpoint.
    NoServer,
    /// The endpoint is served by somebody else.
    InUse,
    /// The endpoint or the server behind it is not trusted.
    NotTrusted,
    /// The connection is gone.
    Disconnected,
}

impl ErrorKind {
    /// The kind and number of each, in wire order. Numbers are never reused.
    const WIRE: [(Self, u16); 29] = [
        (Self::Internal, 1),
        (Self::InvalidInput, 2),
        (Self::NotFound, 3),
        (Self::PermissionDenied, 4),
        (Self::IsADirectory, 5),
        (Self::NotADirectory, 6),
        (Self::NotRegular, 7),
        (Self::OutsideRoot, 8),
        (Self::Changed, 9),
        (Self::Truncated, 10),
        (Self::DataFailed, 11),
        (Self::Busy, 12),
        (Self::TimedOut, 13),
        (Self::Cancelled, 14),
        (Self::LimitExceeded, 15),
        (Self::Unsupported, 16),
        (Self::Refused, 17),
        (Self::IdentityUnknown, 18),
        (Self::LevelTooLow, 19),
        (Self::NotPrivileged, 20),
        (Self::IdentityRefused, 21),
        (Self::Sandboxed, 22),
        (Self::Draining, 23),
        (Self::Protocol, 24),
        (Self::Version, 25),
        (Self::NoServer, 26),
        (Self::InUse, 27),
        (Self::NotTrusted, 28),
        (Self::Disconnected, 29),
    ];

    /// The number of this kind on the wire. 0 is success and belongs to no kind; `Unknown` is
    /// 65,535.
    #[must_use]
    pub fn to_wire(self) -> u16 {
        Self::WIRE.iter().find(|(kind, _)| *kind == self).map_or(u16::MAX, |(_, number)| *number)
    }

    /// The kind with that number on the wire.
    #[must_use]
    pub fn from_wire(number: u16) -> Self {
        Self::WIRE
            .iter()
            .find(|(_, known)| *known == number)
            .map_or(Self::Unknown, |(kind, _)| *kind)
    }

    /// The kind of a system error about a file or a connection.
    #[must_use]
    pub fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            io::ErrorKind::PermissionDenied => Self::PermissionDenied,
            io::ErrorKind::IsADirectory => Self::IsADirectory,
            io::ErrorKind::NotADirectory => Self::NotADirectory,
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => Self::InvalidInput,
            io::ErrorKind::TimedOut => Self::TimedOut,
            io::ErrorKind::WouldBlock | io::ErrorKind::ResourceBusy => Self::Busy,
            io::ErrorKind::UnexpectedEof => Self::Truncated,
            io::ErrorKind::Unsupported => Self::Unsupported,
            io::ErrorKind::AddrInUse => Self::InUse,
            io::ErrorKind::ConnectionRefused => Self::NoServer,
            io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::NotConnected => Self::Disconnected,
            _ => Self::DataFailed,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown error",
            Self::Internal => "internal error",
            Self::InvalidInput => "invalid input",
            Self::NotFound => "not found",
            Self::PermissionDenied => "permission denied",
            Self::IsADirectory => "is a directory",
            Self::NotADirectory => "not a directory",
            Self::NotRegular => "not a regular file",
            Self::OutsideRoot => "outside the served root",
            Self::Changed => "changed; start again",
            Self::Truncated => "ended early",
            Self::DataFailed => "data could not be transferred",
            Self::Busy => "busy",
            Self::TimedOut => "timed out",
            Self::Cancelled => "cancelled",
            Self::LimitExceeded => "limit exceeded",
            Self::Unsupported => "unsupported",
            Self::Refused => "refused by policy",
            Self::IdentityUnknown => "identity unknown",
            Self::LevelTooLow => "impersonation level too low",
            Self::NotPrivileged => "server not privileged",
            Self::IdentityRefused => "identity refused",
            Self::Sandboxed => "client is sandboxed",
            Self::Draining => "server is shutting down",
            Self::Protocol => "protocol error",
            Self::Version => "no common protocol version",
            Self::NoServer => "no server",
            Self::InUse => "already served",
            Self::NotTrusted => "not trusted",
            Self::Disconnected => "disconnected",
        })
    }
}

/// Why a call failed, as it travels from the side that failed it to the other.
///
/// An older peer that does not know the number still has the text; the detail is an encoded value
/// whose type belongs to the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    code: u16,
    text: String,
    detail: Vec<u8>,
}

impl Failure {
    /// The longest text that travels, in bytes; a longer one is cut at a character.
    pub const MAX_TEXT: usize = 1024;

    /// A failure of `kind`, with a sentence for people: lower case, no full stop.
    #[must_use]
    pub fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self::from_wire(kind.to_wire(), text.into(), Vec::new())
    }

    /// The failure that was received: `code` may be one that this version does not know.
    #[must_use]
    pub fn from_wire(code: u16, mut text: String, detail: Vec<u8>) -> Self {
        let mut end = text.len().min(Self::MAX_TEXT);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        Self { code, text, detail }
    }

    /// Adds an encoded value that says more; its type belongs to the service.
    #[must_use]
    pub fn with_detail(mut self, detail: Vec<u8>) -> Self {
        self.detail = detail;
        self
    }

    /// What a program decides on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::from_wire(self.code)
    }

    /// The number on the wire, known to this version or not.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The sentence for people; may be empty.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The encoded value that says more; empty if there is none.
    #[must_use]
    pub fn detail(&self) -> &[u8] {
        &self.detail
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            ErrorKind::Unknown => write!(f, "unknown error {}", self.code)?,
            kind => kind.fmt(f)?,
        }
        if !self.text.is_empty() {
            f.write_str(": ")?;
        }
        // The peer chose the text. Quotes and what is escaped already stay readable.
        self.text.chars().try_for_each(|character| match character {
            '\\' | '\'' | '"' => f.write_char(character),
            other => other.escape_debug().fmt(f),
        })
    }
}

impl std::error::Error for Failure {}

/// The kind stays; the text is the whole chain, or what it adds to the kind.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let kind = error.kind();
        match error {
            Error::Remote(failure) => failure,
            // Their kind says the rest already.
            Error::Refused { reason }
            | Error::NotPrivileged { reason }
            | Error::IdentityRefused { reason }
            | Error::Sandboxed { reason }
            | Error::IdentityUnknown { reason } => Self::new(kind, reason),
            other => Self::new(kind, other.chain()),
        }
    }
}

/// The kind is [`ErrorKind::of_io`].
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(ErrorKind::of_io(&error), error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_the_wire_and_an_unknown_number_degrades() {
        for (kind, number) in ErrorKind::WIRE {
            assert_eq!(kind.to_wire(), number);
            assert_eq!(ErrorKind::from_wire(number), kind);
        }
        let later = Failure::from_wire(4711, "colder than allowed".into(), vec![1]);
        assert_eq!(later.kind(), ErrorKind::Unknown);
        assert_eq!(later.to_string(), "unknown error 4711: colder than allowed");
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        let text = "é".repeat(Failure::MAX_TEXT);
        let failure = Failure::new(ErrorKind::Internal, text);
        assert_eq!(failure.text().len(), Failure::MAX_TEXT);
        assert!(failure.text().chars().all(|c| c == 'é'));
    }

    #[test]
    fn a_text_cannot_forge_a_second_line() {
        let failure = Failure::new(ErrorKind::NotFound, "a\nb");
        assert_eq!(failure.to_string(), r"not found: a\nb");
        let failure = Failure::new(ErrorKind::NotFound, "`it's \\n` \u{202e}");
        assert_eq!(failure.to_string(), r"not found: `it's \n` \u{202e}");
    }
}

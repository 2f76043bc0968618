//! The bytes of a session: prefaces and frames, encoded and decoded without I/O.
//!
//! `docs/protocol.md` describes every byte for people who write another implementation; this
//! module is that page in code. What frames mean together is the business of
//! [`session`](crate::session).
//!
//! Every frame begins with this header; numbers are little-endian:
//! ```text
//!  0        4      5       6        8                 16
//! +--------+------+-------+--------+-----------------+---------- - -
//! | length | kind | flags | 0      | call id         | payload
//! | u32    | u8   | u8    | u16    | u64             | `length` bytes
//! +--------+------+-------+--------+-----------------+---------- - -
//! ```

use std::fmt;

use crate::error::{Error, Result};

mod preface;
mod request;
mod status;

pub use preface::Preface;
pub use request::RequestHead;
pub use status::Status;

pub(crate) use request::{RESPONSE_VALUE, push_request, push_response, response_value};
pub(crate) use status::push_status;

/// The version of the protocol that this crate speaks; the only one so far.
pub const VERSION: u8 = 1;

/// The longest payload of a data frame, in bytes.
pub const MAX_DATA: u32 = 1024 * 1024;

/// The least that a side may announce as its longest payload of another frame, in bytes.
pub const MIN_PAYLOAD: u32 = 64 * 1024;

/// How many calls a client may send before it knows the server's limits; no server accepts fewer.
pub const FIRST_FLIGHT_CALLS: u32 = 16;

/// How many bytes, prefaces and headers included, a client may send before it knows the server's
/// limits; no server accepts fewer.
pub const FIRST_FLIGHT_BYTES: u32 = 64 * 1024;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A client calls a method.
    Request = 1,
    /// The answer begins; without [`Header::BODY`] it also ends.
    Response = 2,
    /// Bytes of a body.
    Data = 3,
    /// A handle that was passed beside the bytes.
    Handle = 4,
    /// A call or its body has ended, well or not.
    End = 5,
    /// Nobody waits for the call any more.
    Cancel = 6,
    /// More bytes of data may be sent.
    Window = 7,
    /// The peer is asked for a sign of life.
    Ping = 8,
    /// The sign of life.
    Pong = 9,
    /// The sender takes no more calls.
    Goodbye = 10,
    /// The sender gives the connection up.
    Error = 11,
}

impl Kind {
    const ALL: [Self; 11] = [
        Self::Request,
        Self::Response,
        Self::Data,
        Self::Handle,
        Self::End,
        Self::Cancel,
        Self::Window,
        Self::Ping,
        Self::Pong,
        Self::Goodbye,
        Self::Error,
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn to_wire(self) -> u8 {
        self as u8
    }

    /// The kind with that number.
    ///
    /// # Errors
    /// [`Error::Protocol`] naming a number that version 1 does not have.
    pub fn from_wire(number: u8) -> Result<Self> {
        Self::ALL.into_iter().find(|kind| kind.to_wire() == number).ok_or_else(|| Error::Protocol {
            reason: format!("frame kind {number} is unknown to version {VERSION}"),
        })
    }

    /// The shortest and the longest payload, where `limit` bounds those that vary.
    fn lengths(self, limit: u32) -> (u32, u32) {
        match self {
            Self::Request | Self::End | Self::Goodbye | Self::Error => (16, limit),
            Self::Response => (4, limit),
            Self::Data => (1, MAX_DATA),
            Self::Handle | Self::Window | Self::Ping | Self::Pong => (8, 8),
            Self::Cancel => (0, 0),
        }
    }

    /// The flags that may be set.
    fn flags(self) -> u8 {
        match self {
            Self::Request | Self::Response => Header::BODY,
            _ => 0,
        }
    }

    /// Whether the frame concerns a call: always, never, or (a window) either.
    fn concerns_a_call(self) -> Option<bool> {
        match self {
            Self::Window => None,
            Self::Ping | Self::Pong | Self::Goodbye | Self::Error => Some(false),
            _ => Some(true),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::Response => "response",
            Self::Data => "data",
            Self::Handle => "handle",
            Self::End => "end",
            Self::Cancel => "cancel",
            Self::Window => "window",
            Self::Ping => "ping",
            Self::Pong => "pong",
            Self::Goodbye => "goodbye",
            Self::Error => "error",
        })
    }
}

/// The first 16 bytes of every frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// How many bytes of payload follow.
    pub length: u32,
    /// What the frame is.
    pub kind: Kind,
    /// [`BODY`](Self::BODY), or none.
    pub flags: u8,
    /// Which call it concerns; 0 for the connection.
    pub call: u64,
}

impl Header {
    /// How long a header is, in bytes.
    pub const LENGTH: usize = 16;

    /// The flag of a request or response that data frames and an end follow.
    pub const BODY: u8 = 1;

    /// The header of a frame without flags.
    #[must_use]
    pub const fn new(kind: Kind, call: u64, length: u32) -> Self {
        Self { length, kind, flags: 0, call }
    }

    /// `true` if data frames and an end follow.
    #[must_use]
    pub const fn has_body(self) -> bool {
        self.flags & Self::BODY != 0
    }

    /// The bytes.
    #[must_use]
    pub fn encode(self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..4].copy_from_slice(&self.length.to_le_bytes());
        bytes[4] = self.kind.to_wire();
        bytes[5] = self.flags;
        bytes[8..].copy_from_slice(&self.call.to_le_bytes());
        bytes
    }

    /// The header that `bytes` begin with, `None` if they are too few. `limit` is the longest
    /// payload, in bytes, that this side accepts of frames other than data.
    ///
    /// # Errors
    /// [`Error::Protocol`] for an unknown kind or flag, a length or call id that the kind cannot
    /// have; [`Error::LimitExceeded`] for a payload that is too long.
    pub fn decode(bytes: &[u8], limit: u32) -> Result<Option<Self>> {
        let Some((header, _)) = bytes.split_first_chunk::<{ Self::LENGTH }>() else {
            return Ok(None);
        };
        let [l0, l1, l2, l3, kind, flags, r0, r1, call @ ..] = *header;
        let header = Self {
            length: u32::from_le_bytes([l0, l1, l2, l3]),
            kind: Kind::from_wire(kind)?,
            flags,
            call: u64::from_le_bytes(call),
        };
        header.check(u16::from_le_bytes([r0, r1]), limit)?;
        Ok(Some(header))
    }

    fn check(self, reserved: u16, limit: u32) -> Result<()> {
        let Self { length, kind, flags, call } = self;
        let (shortest, longest) = kind.lengths(limit);
        if length > longest {
            return Err(Error::LimitExceeded {
                what: "bytes of frame payload",
                asked: length.into(),
                limit: longest.into(),
            });
        }
        let fault = if length < shortest {
            format!("with {length} bytes of payload, and it has at least {shortest}")
        } else if flags & !kind.flags() != 0 || reserved != 0 {
            format!("with flags {flags:#04x} and reserved bits {reserved:#06x}")
        } else if kind.concerns_a_call().is_some_and(|concerns| concerns != (call != 0)) {
            format!("for call {call}")
        } else {
            return Ok(());
        };
        Err(Error::Protocol { reason: format!("a {kind} frame {fault}") })
    }
}

/// Appends a frame with a payload of eight bytes: handle, window, ping, pong.
pub(crate) fn push_word(out: &mut Vec<u8>, kind: Kind, call: u64, word: [u8; 8]) {
    out.extend_from_slice(&Header::new(kind, call, 8).encode());
    out.extend_from_slice(&word);
}

/// Appends the frame that cancels `call`.
pub(crate) fn push_cancel(out: &mut Vec<u8>, call: u64) {
    out.extend_from_slice(&Header::new(Kind::Cancel, call, 0).encode());
}

/// The payload of a handle, window, ping or pong.
pub(crate) fn word(payload: &[u8]) -> Result<[u8; 8]> {
    payload.try_into().map_err(|_| Error::Protocol {
        reason: format!("a payload of {} bytes where eight belong", payload.len()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u32 = MIN_PAYLOAD;

    #[test]
    fn a_header_survives_and_waits_for_its_last_byte() {
        let header = Header { length: 20, kind: Kind::Request, flags: Header::BODY, call: 7 };
        let bytes = header.encode();
        assert_eq!(Header::decode(&bytes, LIMIT).expect("valid"), Some(header));
        for count in 0..Header::LENGTH {
            assert_eq!(Header::decode(&bytes[..count], LIMIT).expect("not yet"), None);
        }
    }

    #[test]
    fn an_unknown_kind_is_refused_by_its_number() {
        for number in (0..=u8::MAX).filter(|number| !(1..=11).contains(number)) {
            let mut bytes = Header::new(Kind::Cancel, 1, 0).encode();
            bytes[4] = number;
            let error = Header::decode(&bytes, LIMIT).expect_err("unknown").to_string();
            assert!(error.contains(&format!("kind {number} ")), "{error}");
        }
    }

    #[test]
    fn t49_a_frame_that_announces_too_much_is_refused_by_its_header_alone() {
        for (kind, length) in [
            (Kind::Request, u32::MAX),
            (Kind::Request, LIMIT + 1),
            (Kind::Data, MAX_DATA + 1),
            (Kind::Cancel, 1),
            (Kind::Ping, 9),
        ] {
            let call = u64::from(kind.concerns_a_call() == Some(true));
            let error = Header::decode(&Header::new(kind, call, length).encode(), LIMIT);
            assert!(matches!(error, Err(Error::LimitExceeded { .. })), "{kind}: {error:?}");
        }
    }

    #[test]
    fn what_a_kind_cannot_have_is_refused() {
        for (header, reserved) in [
            (Header::new(Kind::Request, 1, 15), 0),
            (Header::new(Kind::Data, 1, 0), 0),
            (Header::new(Kind::Window, 1, 7), 0),
            (Header::new(Kind::Cancel, 0, 0), 0),
            (Header::new(Kind::Ping, 1, 8), 0),
            (Header { flags: 2, ..Header::new(Kind::Request, 1, 16) }, 0),
            (Header { flags: 1, ..Header::new(Kind::End, 1, 16) }, 0),
            (Header::new(Kind::Cancel, 1, 0), 1),
        ] {
            let mut bytes = header.encode();
            bytes[6] = reserved;
            let error = Header::decode(&bytes, LIMIT);
            assert!(matches!(error, Err(Error::Protocol { .. })), "{header:?}: {error:?}");
        }
    }
}

//! The payloads of requests and of the heads of their answers.

use std::time::Duration;

use super::{Header, Kind};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::service::Arguments;

/// The beginning of a request's payload; the encoded arguments follow.
///
/// ```text
///  0        4       8                16
/// +--------+-------+----------------+---------------------------
/// | method | 0     | remaining time | arguments, each
/// | u32    | u32   | u64, in us     | u32 length | bytes
/// +--------+-------+----------------+---------------------------
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// The method.
    pub method: u32,
    /// How long the client will wait for the answer's head; `None`: for ever.
    pub remaining: Option<Duration>,
}

impl RequestHead {
    /// How long this part of the payload is, in bytes.
    pub const LENGTH: usize = 16;

    /// The bytes. A time that is not a whole number of microseconds is rounded down.
    #[must_use]
    pub fn encode(self) -> [u8; Self::LENGTH] {
        let remaining = match self.remaining {
            None => FOREVER,
            Some(time) => u64::try_from(time.as_micros()).unwrap_or(FOREVER),
        };
        let mut bytes = [0; Self::LENGTH];
        bytes[..4].copy_from_slice(&self.method.to_le_bytes());
        bytes[8..].copy_from_slice(&remaining.to_le_bytes());
        bytes
    }

    /// The head and the arguments of a request's payload.
    ///
    /// # Errors
    /// [`Error::Protocol`] for too few bytes, reserved bits, or an argument that is not whole.
    pub fn decode(payload: &[u8]) -> Result<(Self, Arguments<'_>)> {
        let Some((head, arguments)) = payload.split_first_chunk::<{ Self::LENGTH }>() else {
            return Err(Error::Protocol { reason: "a request without a head".to_owned() });
        };
        let [m0, m1, m2, m3, r0, r1, r2, r3, time @ ..] = *head;
        let reserved = u32::from_le_bytes([r0, r1, r2, r3]);
        if reserved != 0 {
            return Err(Error::Protocol {
                reason: format!("a request with reserved bits {reserved:#010x}"),
            });
        }
        let remaining = match u64::from_le_bytes(time) {
            FOREVER => None,
            micros => Some(Duration::from_micros(micros)),
        };
        let method = u32::from_le_bytes([m0, m1, m2, m3]);
        Ok((Self { method, remaining }, Arguments::new(arguments)?))
    }
}

/// Appends a request whose length the caller has held against the peer's limit.
pub(crate) fn push_request(
    out: &mut Vec<u8>,
    call: u64,
    method: u32,
    deadline: Deadline,
    arguments: &[u8],
) {
    let length = payload_length(RequestHead::LENGTH + arguments.len());
    out.extend_from_slice(&Header::new(Kind::Request, call, length).encode());
    out.extend_from_slice(&RequestHead { method, remaining: deadline.remaining() }.encode());
    out.extend_from_slice(arguments);
}

/// Appends the head of an answer whose length the caller has held against the peer's limit.
pub(crate) fn push_response(out: &mut Vec<u8>, call: u64, value: &[u8], body: bool) {
    let length = payload_length(RESPONSE_VALUE + value.len());
    let flags = if body { Header::BODY } else { 0 };
    out.extend_from_slice(&Header { flags, ..Header::new(Kind::Response, call, length) }.encode());
    Arguments::push(out, value);
}

/// The value in the payload of an answer's head. What later versions add behind it is skipped.
pub(crate) fn response_value(payload: &[u8]) -> Result<&[u8]> {
    Arguments::new(payload)?
        .next()
        .ok_or_else(|| Error::Protocol { reason: "a response without a value".to_owned() })
}

fn payload_length(length: usize) -> u32 {
    u32::try_from(length).expect("held against a limit of the peer, which is a u32")
}

/// Where in an answer's head the value begins.
pub(crate) const RESPONSE_VALUE: usize = 4;

/// No deadline.
const FOREVER: u64 = u64::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_survives() {
        let mut arguments = Vec::new();
        Arguments::push(&mut arguments, b"ab");
        for remaining in [None, Some(Duration::ZERO), Some(Duration::from_micros(1_500_000))] {
            let head = RequestHead { method: 7, remaining };
            let payload = [&head.encode()[..], &arguments].concat();
            let (decoded, rest) = RequestHead::decode(&payload).expect("valid");
            assert_eq!(decoded, head);
            assert_eq!(rest.collect::<Vec<_>>(), [b"ab"]);
        }
    }

    #[test]
    fn a_malformed_request_is_refused() {
        let head = RequestHead { method: 7, remaining: None }.encode();
        assert!(RequestHead::decode(&head[..15]).is_err(), "too short");
        assert!(RequestHead::decode(&[&head[..], &[5, 0, 0, 0, 1]].concat()).is_err(), "cut off");
        let mut reserved = head;
        reserved[7] = 1;
        assert!(RequestHead::decode(&reserved).is_err(), "reserved bits");
    }

    #[test]
    fn a_value_may_be_followed_by_what_is_not_known() {
        let mut payload = Vec::new();
        Arguments::push(&mut payload, b"value");
        assert_eq!(response_value(&payload).expect("valid"), b"value");
        Arguments::push(&mut payload, b"later");
        assert_eq!(response_value(&payload).expect("valid"), b"value");
        assert!(response_value(&[]).is_err());
        assert!(response_value(&payload[..payload.len() - 1]).is_err());
    }
}

//! What one connection may take.

use std::time::Duration;

use crate::codec::Codec;
use crate::frame::{FIRST_FLIGHT_BYTES, FIRST_FLIGHT_CALLS, MIN_PAYLOAD, Preface, VERSION};

/// What a session accepts of its peer. Each side announces its own, and a peer that exceeds them is
/// refused before anything is allocated.
///
/// Values below what the protocol demands of everybody are raised to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionLimits {
    /// The longest payload of a frame other than data, in bytes: a request with its arguments, the
    /// value of an answer. At least 64 KiB. Default: 256 KiB.
    pub payload: u32,
    /// Server: calls of one connection at once. At least 16. Default: 256.
    pub calls: u32,
    /// Server: bytes of the requests of all those calls together. At least 64 KiB and one
    /// [`payload`](Self::payload). Default: 4 MiB.
    pub request_bytes: u32,
    /// Server: bodies of one connection that are under way or wait for credit at once. Each may hold
    /// a file open; further calls are held back, not refused. At least 1. Default: 32.
    pub bodies: u32,
    /// Server: bytes of those bodies that are kept in memory, beyond which further calls are held
    /// back. At least 1. Default: 8 MiB.
    pub body_bytes: u64,
    /// Server: handles that the calls of one connection in flight may have together, where the
    /// connection [passes handles](crate::Connection::handles). 0: calls bring none. Default: 16.
    pub handles: u32,
    /// Client: bytes of all bodies together that the server may send before they are taken.
    /// Default: 8 MiB.
    pub connection_credit: u64,
    /// Client: the same for each body. Default: 2 MiB, twice the longest data frame, so that one
    /// is under way while the other is taken.
    pub body_credit: u64,
    /// Server: how long a peer may take for its preface. Default: 10 seconds.
    pub preface: Duration,
    /// Server: how long a peer may take nothing of what is sent to it, or send nothing of a frame
    /// that it has begun, before it is given up (after at most twice that time). Neither waiting for
    /// credit nor silence between frames counts. Default: 30 seconds.
    pub stall: Duration,
}

impl SessionLimits {
    /// The limits with all that is too low raised.
    pub(crate) fn raised(mut self) -> Self {
        self.payload = self.payload.max(MIN_PAYLOAD);
        self.calls = self.calls.max(FIRST_FLIGHT_CALLS);
        self.request_bytes = self.request_bytes.max(FIRST_FLIGHT_BYTES).max(self.payload);
        self.bodies = self.bodies.max(1);
        self.body_bytes = self.body_bytes.max(1);
        self.connection_credit = self.connection_credit.clamp(1, MOST_CREDIT);
        self.body_credit = self.body_credit.clamp(1, MOST_CREDIT);
        self
    }

    /// The preface of a client with these limits, which takes calls from nobody.
    pub(crate) fn of_client(&self, level: u8) -> Preface {
        Preface {
            level,
            payload: self.payload,
            connection_credit: self.connection_credit,
            body_credit: self.body_credit,
            ..EMPTY
        }
    }

    /// The preface of a server with these limits, which takes no bodies.
    pub(crate) fn of_server(&self) -> Preface {
        Preface {
            payload: self.payload,
            calls: self.calls,
            request_bytes: self.request_bytes,
            ..EMPTY
        }
    }
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            payload: 256 * 1024,
            calls: 256,
            request_bytes: 4 * 1024 * 1024,
            bodies: 32,
            body_bytes: 8 * 1024 * 1024,
            handles: 16,
            connection_credit: 8 * 1024 * 1024,
            body_credit: 2 * 1024 * 1024,
            preface: Duration::from_secs(10),
            stall: Duration::from_secs(30),
        }
    }
}

/// More than any machine can hold, and far from overflowing when it is given back.
const MOST_CREDIT: u64 = 1 << 48;

const EMPTY: Preface = Preface {
    version: VERSION,
    lowest: VERSION,
    codec: Codec::Bincode.to_wire(),
    level: 0,
    flags: 0,
    payload: MIN_PAYLOAD,
    calls: 0,
    connection_credit: 0,
    body_credit: 0,
    request_bytes: 0,
    handles: 0,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_below_what_a_first_flight_may_hold() {
        let limits = SessionLimits {
            payload: 1,
            calls: 0,
            request_bytes: 0,
            connection_credit: 0,
            body_credit: u64::MAX,
            ..SessionLimits::default()
        }
        .raised();
        assert_eq!((limits.payload, limits.calls, limits.request_bytes), (65_536, 16, 65_536));
        assert_eq!((limits.connection_credit, limits.body_credit), (1, MOST_CREDIT));
        let large = SessionLimits { payload: 1 << 30, ..SessionLimits::default() }.raised();
        assert_eq!(large.request_bytes, 1 << 30, "one request of the longest fits");
        assert_eq!(SessionLimits::default().raised(), SessionLimits::default());
    }
}

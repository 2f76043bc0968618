//! The calls that a client has made, and how many it may make.

use super::Window;
use crate::error::{Error, Result};
use crate::frame::{FIRST_FLIGHT_BYTES, FIRST_FLIGHT_CALLS, Header, Preface, RequestHead};

/// A call that the server has not answered to its end.
#[derive(Debug)]
pub(super) struct Call {
    /// The length of the request's payload.
    pub(super) bytes: u32,
    pub(super) stage: Stage,
    /// What the server may still send of the body.
    pub(super) window: Window,
    /// How many bytes of data were announced, padding included.
    pub(super) received: u64,
    /// Nobody waits for it any more; what still comes is skipped.
    pub(super) abandoned: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// For its response.
    Waiting,
    /// Its body is coming.
    Body,
}

impl Call {
    pub(super) fn new(bytes: u32, body_credit: u64) -> Self {
        let window = Window::new(body_credit);
        Self { bytes, stage: Stage::Waiting, window, received: 0, abandoned: false }
    }
}

/// The calls in flight, held against what the server accepts.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    calls: u32,
    bytes: u64,
}

impl InFlight {
    /// The length of the payload of a request with `arguments` bytes of arguments, `None` if it
    /// must wait. Until the `server` has said what it accepts, only a first flight may be sent.
    ///
    /// # Errors
    /// [`Error::LimitExceeded`] if the server will never accept it.
    pub(super) fn admit(&self, arguments: usize, server: Option<&Preface>) -> Result<Option<u32>> {
        let payload = RequestHead::LENGTH as u64 + arguments as u64;
        let (calls, bytes) = (self.calls + 1, self.bytes + payload);
        let fits = match server {
            None => {
                let around = Preface::LENGTH as u64 + u64::from(calls) * Header::LENGTH as u64;
                calls <= FIRST_FLIGHT_CALLS && bytes + around <= FIRST_FLIGHT_BYTES.into()
            }
            Some(server) => {
                let limit = server.payload.min(server.request_bytes).into();
                if payload > limit {
                    let what = "bytes of a request";
                    return Err(Error::LimitExceeded { what, asked: payload, limit });
                }
                calls <= server.calls && bytes <= server.request_bytes.into()
            }
        };
        Ok(u32::try_from(payload).ok().filter(|_| fits))
    }

    /// Adds a call whose request was admitted with that length.
    pub(super) fn add(&mut self, bytes: u32) {
        self.calls += 1;
        self.bytes += u64::from(bytes);
    }

    /// Takes it out again.
    pub(super) fn remove(&mut self, bytes: u32) {
        self.calls -= 1;
        self.bytes -= u64::from(bytes);
    }
}

//! The calls that a client has made, and how many it may make.

use super::Window;
use crate::error::{Error, Result};
use crate::frame::{FIRST_FLIGHT_BYTES, FIRST_FLIGHT_CALLS, Header, Preface, RequestHead};

/// A call that the server has not answered to its end.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) weight: Weight,
    pub(super) stage: Stage,
    /// What the server may still send of the body.
    pub(super) window: Window,
    /// Whether the handle of its answer has come.
    pub(super) has_handle: bool,
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

/// What a call adds to those in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Weight {
    /// The length of the request's payload.
    pub(super) bytes: u32,
    /// Whether a handle goes with it.
    pub(super) handle: bool,
}

impl Call {
    pub(super) fn new(weight: Weight, body_credit: u64) -> Self {
        let window = Window::new(body_credit);
        let (stage, received) = (Stage::Waiting, 0);
        Self { weight, stage, window, has_handle: false, received, abandoned: false }
    }
}

/// The calls in flight, held against what the server accepts.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    calls: u32,
    bytes: u64,
    handles: u32,
}

impl InFlight {
    /// The weight of a call with `arguments` bytes of arguments, `None` if it must wait. Until the
    /// `server` has said what it accepts, only a first flight may be sent, and no handle.
    ///
    /// # Errors
    /// [`Error::LimitExceeded`] if the server will never accept it.
    pub(super) fn admit(
        &self,
        arguments: usize,
        handle: bool,
        server: Option<&Preface>,
    ) -> Result<Option<Weight>> {
        let payload = RequestHead::LENGTH as u64 + arguments as u64;
        let (calls, bytes) = (self.calls + 1, self.bytes + payload);
        let fits = match server {
            None => {
                let around = Preface::LENGTH as u64 + u64::from(calls) * Header::LENGTH as u64;
                let fits =
                    calls <= FIRST_FLIGHT_CALLS && bytes + around <= FIRST_FLIGHT_BYTES.into();
                fits && !handle
            }
            Some(server) => {
                let limit = server.payload.min(server.request_bytes).into();
                if payload > limit {
                    let what = "bytes of a request";
                    return Err(Error::LimitExceeded { what, asked: payload, limit });
                }
                calls <= server.calls
                    && bytes <= server.request_bytes.into()
                    && self.handles + u32::from(handle) <= server.handles
            }
        };
        let bytes = u32::try_from(payload).ok().filter(|_| fits);
        Ok(bytes.map(|bytes| Weight { bytes, handle }))
    }

    /// Adds a call that was admitted.
    pub(super) fn add(&mut self, weight: Weight) {
        self.calls += 1;
        self.bytes += u64::from(weight.bytes);
        self.handles += u32::from(weight.handle);
    }

    /// Takes it out again.
    pub(super) fn remove(&mut self, weight: Weight) {
        self.calls -= 1;
        self.bytes -= u64::from(weight.bytes);
        self.handles -= u32::from(weight.handle);
    }
}

//! What a client hears of a server's session, held against what it asked and allowed.

use std::collections::HashMap;

use ipc_core::frame::{Header, Kind, MIN_PAYLOAD, Status};

use crate::frames::Stream;

/// Both directions of one connection as an onlooker sees them.
#[derive(Debug, Default)]
pub struct Heard {
    said: Stream,
    heard: Stream,
    /// The calls that were asked for.
    calls: HashMap<u64, Call>,
    /// How many bytes of data the client has allowed in all, beyond its preface.
    windows: u64,
    data: u64,
    /// Whether the server has given the connection up.
    is_over: bool,
}

#[derive(Debug, Default)]
struct Call {
    has_handle: bool,
    windows: u64,
    data: u64,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Asked,
    Body,
    Ended,
}

impl Heard {
    /// The client has said that.
    pub fn said(&mut self, bytes: &[u8], limit: u32) {
        let Self { said, calls, windows, .. } = self;
        said.push(bytes, limit, |header, payload| match header.kind {
            Kind::Request => {
                calls.entry(header.call).or_default();
            }
            Kind::Window => {
                let more = u64::from_le_bytes(payload.try_into().expect("eight bytes"));
                let granted = match calls.get_mut(&header.call) {
                    Some(call) => &mut call.windows,
                    None if header.call == 0 => &mut *windows,
                    None => return,
                };
                *granted = granted.saturating_add(more);
            }
            _ => {}
        });
    }

    /// The server has said that.
    ///
    /// # Panics
    /// If it is no stream of frames, or one of them is not what a client expects that has asked and
    /// allowed no more than it has.
    pub fn heard(&mut self, bytes: &[u8]) {
        let limit = self.said.preface().map_or(MIN_PAYLOAD, |preface| preface.payload);
        let mut heard = std::mem::take(&mut self.heard);
        heard.push(bytes, limit, |header, payload| self.frame(header, payload));
        assert!(!heard.is_malformed(), "the server makes no sense");
        self.heard = heard;
    }

    fn frame(&mut self, header: Header, payload: &[u8]) {
        assert!(!self.is_over, "{header:?} after the last word");
        match header.kind {
            Kind::Handle => {
                let call = self.call(header);
                assert_eq!(call.stage, Stage::Asked, "{header:?}");
                assert!(!std::mem::replace(&mut call.has_handle, true), "a second {header:?}");
            }
            Kind::Response => {
                let next = if header.has_body() { Stage::Body } else { Stage::Ended };
                let call = self.call(header);
                assert_eq!(call.stage, Stage::Asked, "{header:?}");
                call.stage = next;
            }
            Kind::Data => self.data(header),
            Kind::End => {
                let status = Status::decode(payload).expect("a status");
                let call = self.call(header);
                assert!(status.number <= call.data, "{header:?} with more than was sent");
                let is_whole = call.stage == Stage::Body && status.number == call.data;
                assert!(is_whole || status.result.is_err(), "{header:?}");
                assert_ne!(call.stage, Stage::Ended, "{header:?}");
                call.stage = Stage::Ended;
            }
            Kind::Pong => {}
            Kind::Goodbye | Kind::Error => {
                Status::decode(payload).expect("a status");
                self.is_over = header.kind == Kind::Error;
            }
            other => panic!("a {other} frame from a server"),
        }
    }

    fn data(&mut self, header: Header) {
        let preface = self.said.preface().expect("no data before a call");
        self.data += u64::from(header.length);
        let allowed = preface.connection_credit.saturating_add(self.windows);
        assert!(self.data <= allowed, "{} bytes of data, {allowed} allowed", self.data);
        let call = self.call(header);
        assert_eq!(call.stage, Stage::Body, "{header:?}");
        call.data += u64::from(header.length);
        let allowed = preface.body_credit.saturating_add(call.windows);
        assert!(call.data <= allowed, "{} bytes of a body, {allowed} allowed", call.data);
    }

    fn call(&mut self, header: Header) -> &mut Call {
        let call = self.calls.get_mut(&header.call);
        call.unwrap_or_else(|| panic!("{header:?}, which was not asked for"))
    }
}

//! The client's preface.

use super::{Happened, Phase, Progress, ServerSession};
use crate::error::{Error, ErrorKind, Failure, Result};
use crate::frame::Preface;
use crate::level::ImpersonationLevel;

impl ServerSession {
    /// This side's preface.
    pub(super) fn greeting(&self) -> Preface {
        let preface = self.limits.of_server();
        if self.arrivals.offered() {
            Preface { flags: Preface::HANDLES, handles: self.limits.handles, ..preface }
        } else {
            preface
        }
    }

    /// Takes the client's preface and answers with this side's.
    pub(super) fn take_preface(&mut self) -> Result<Progress> {
        let Some((preface, length)) = Preface::decode(self.input.bytes())? else {
            return Ok(Progress::Short);
        };
        self.input.consume(length);
        let own = self.greeting();
        if preface.common_version().is_none() {
            let text = format!(
                "the client speaks versions {} to {} and this server {} to {}",
                preface.lowest, preface.version, own.lowest, own.version
            );
            return Err(Error::Remote(Failure::new(ErrorKind::Version, text)));
        }
        if preface.codec().is_none() {
            let text =
                format!("this server knows no codec {}; it has {}", preface.codec, own.codec);
            return Err(Error::Remote(Failure::new(ErrorKind::Unsupported, text)));
        }
        let level = ImpersonationLevel::from_wire(preface.level).ok_or_else(|| {
            Error::Protocol { reason: format!("a preface with level {}", preface.level) }
        })?;
        self.outbox.greet(&own);
        self.outbox.accept_limits(&preface);
        if self.arrivals.agree(preface.passes_handles()) {
            self.outbox.pass_handles();
        }
        self.body_credit = preface.body_credit;
        self.phase = Phase::Open;
        Ok(Progress::Happened(Happened::Level(level)))
    }
}

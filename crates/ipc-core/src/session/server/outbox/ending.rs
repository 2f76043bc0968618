//! What becomes of answers when the session ends before them.

use std::mem;

use super::{Outbox, Started};
use crate::error::{ErrorKind, Failure};
use crate::session::server::marks::Marked;

impl Outbox {
    /// Ends every body with `failure`, without saying so; a started frame is filled up with zeros.
    /// A ping is not answered any more: nothing follows what is said last.
    pub(in crate::session::server) fn abort(&mut self, failure: &Failure) {
        self.ping = None;
        self.discard_parcels(failure);
        for mut sender in mem::take(&mut self.senders) {
            sender.report(0, Err(failure.clone()));
        }
        if let Some(started) = self.started.as_mut().filter(|started| !started.ended) {
            started.ended = true;
            started.sender.fail(failure.clone());
            started.sender.report(0, Err(failure.clone()));
        }
    }

    /// Forgets everything: there is nobody to receive it.
    pub(in crate::session::server) fn clear(&mut self, failure: &Failure) {
        self.discard_parcels(failure);
        let started = self.started.take();
        if let Some(Started { sender, rest, .. }) = started.as_ref().filter(|frame| frame.ended) {
            self.marks.push(u64::MAX, sender.call, Marked::Body(*rest as u64));
        }
        let cut_off = started.filter(|frame| !frame.ended).map(|frame| frame.sender);
        for mut sender in mem::take(&mut self.senders).into_iter().chain(cut_off) {
            sender.report(self.marks.unsent(sender.call), Err(failure.clone()));
        }
        self.marks.fail(failure);
        (self.frames, self.behind, self.flushed, self.ping) = (Vec::new(), Vec::new(), 0, None);
    }

    /// Gives back the memory that holds nothing.
    pub(in crate::session::server) fn rest(&mut self) {
        self.frames.shrink_to_fit();
        self.behind.shrink_to_fit();
        self.senders.shrink_to_fit();
        self.parcels.rest();
        self.settled.shrink_to_fit();
        self.marks.rest();
    }
}

/// Whoever waits to be told how an answer ended is told.
impl Drop for Outbox {
    fn drop(&mut self) {
        self.clear(&Failure::new(ErrorKind::Disconnected, "the client is gone"));
    }
}

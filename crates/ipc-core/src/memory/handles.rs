//! The handles that go along one direction of a connection.

use std::collections::VecDeque;
use std::fs::File;

use crate::error::{Error, Result};
use crate::transport::{ReceivedHandle, Ticket};

/// Handles on their way: offered, under way beside the bytes, arrived and not claimed yet.
pub(super) struct Parcels {
    /// Whether the reader's end takes handles; one that does not has them closed.
    accepted: bool,
    last_ticket: u64,
    offered: Vec<Parcel>,
    /// Each with the position of the byte that it goes with, in order.
    under_way: VecDeque<(u64, Parcel)>,
    arrived: VecDeque<Parcel>,
    /// Whether some arrived and had to be closed because too many were unclaimed.
    overflowed: bool,
}

type Parcel = (Ticket, File);

impl Parcels {
    /// How many handles wait to be read, and how many to be claimed, at most.
    pub(super) const LIMIT: usize = 64;

    pub(super) fn new(accepted: bool) -> Self {
        Self {
            accepted,
            last_ticket: 0,
            offered: Vec::new(),
            under_way: VecDeque::new(),
            arrived: VecDeque::new(),
            overflowed: false,
        }
    }

    /// Keeps `file` for the next bytes.
    pub(super) fn offer(&mut self, file: File) -> Result<Ticket> {
        if self.offered.len() + self.under_way.len() >= Self::LIMIT {
            return Err(too_many("handles waiting to be sent"));
        }
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.offered.push((ticket, file));
        Ok(ticket)
    }

    /// Sends what was offered along with the byte at `position`.
    pub(super) fn depart(&mut self, position: u64) {
        let offered = self.offered.drain(..);
        if self.accepted {
            self.under_way.extend(offered.map(|parcel| (position, parcel)));
        }
    }

    /// Hands over what went with the bytes before `position`.
    pub(super) fn arrive(&mut self, position: u64) {
        while self.under_way.front().is_some_and(|(with, _)| *with < position) {
            let Some((_, parcel)) = self.under_way.pop_front() else { return };
            if self.arrived.len() < Self::LIMIT {
                self.arrived.push_back(parcel);
            } else {
                self.overflowed = true;
            }
        }
    }

    /// Takes what arrived under `ticket`.
    pub(super) fn claim(&mut self, ticket: Ticket) -> Result<ReceivedHandle> {
        if let Some(at) = self.arrived.iter().position(|(arrived, _)| *arrived == ticket) {
            if let Some((_, file)) = self.arrived.remove(at) {
                return Ok(ReceivedHandle::new(file));
            }
        }
        if self.overflowed {
            return Err(too_many("handles waiting to be claimed"));
        }
        Err(Error::Protocol { reason: format!("no handle came under ticket {}", ticket.0) })
    }

    /// Closes what was offered and goes with no byte any more.
    pub(super) fn withdraw(&mut self) {
        self.offered.clear();
    }

    /// Closes what is under way or unclaimed.
    pub(super) fn discard(&mut self) {
        self.under_way.clear();
        self.arrived.clear();
    }
}

fn too_many(what: &'static str) -> Error {
    let limit = Parcels::LIMIT as u64;
    Error::LimitExceeded { what, asked: limit + 1, limit }
}

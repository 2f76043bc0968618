//! Passing open files (`SCM_RIGHTS`).
//!
//! A handle travels with the bytes of one write and can arrive merged with bytes that were written
//! before it, so handles are matched by count and never by where a read ended: the ticket of a
//! handle is how many were passed before it in that direction.

use std::fs::File;
use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use ipc_core::transport::{Handles, ReceivedHandle, Ticket};
use ipc_core::{Error, Operation, Result};
use parking_lot::Mutex;

use super::UnixConnection;
use crate::closing;
use crate::sys::socket::{self, MAX_HANDLES, Patience};
use crate::sys::{self, Errno, uninvited};

impl Handles for UnixConnection {
    fn offer(&self, file: File) -> Result<Ticket> {
        self.state.check_writing(Operation::PassHandle)?;
        let passing = self.passing()?;
        self.file_buffer.settle(self, FEW_ON_THEIR_WAY);
        passing.offer(file)
    }

    fn claim(&self, ticket: Ticket) -> Result<ReceivedHandle> {
        self.state.check_cancelled(Operation::PassHandle)?;
        self.passing()?.claim(ticket)
    }
}

impl UnixConnection {
    fn passing(&self) -> Result<&Passing> {
        self.passing.as_ref().ok_or(Error::Unsupported { operation: Operation::PassHandle })
    }
}

/// The send buffer of a connection that passes handles, in bytes: room for some 16 messages. One that the
/// peer has not read stays on its way, and a user without privileges may have no more on their way in all
/// than descriptors: beyond that none of its processes passes any. Source: unix(7), `ETOOMANYREFS`.
const FEW_ON_THEIR_WAY: usize = 6 * 1024;

/// The handles of one connection, on their way in both directions.
#[derive(Debug, Default)]
pub(super) struct Passing {
    outgoing: Mutex<Outgoing>,
    incoming: Mutex<Incoming>,
}

#[derive(Debug, Default)]
struct Outgoing {
    offered: u64,
    waiting: Vec<OwnedFd>,
}

#[derive(Debug, Default)]
struct Incoming {
    arrived: u64,
    unclaimed: Vec<(Ticket, OwnedFd)>,
    /// Once a handle was lost, the count says nothing any more: no later one can be claimed.
    lost: Option<Loss>,
}

/// Why a handle was lost.
#[derive(Clone, Copy, Debug)]
enum Loss {
    TooMany,
    NoDescriptorFree,
}

impl Passing {
    fn offer(&self, file: File) -> Result<Ticket> {
        let mut outgoing = self.outgoing.lock();
        if outgoing.waiting.len() == MAX_HANDLES {
            return Err(too_many("handles waiting to be sent"));
        }
        let ticket = Ticket(outgoing.offered);
        outgoing.offered += 1;
        outgoing.waiting.push(file.into());
        Ok(ticket)
    }

    /// `true` if a handle was offered that has not been sent.
    pub(super) fn has_waiting(&self) -> bool {
        !self.outgoing.lock().waiting.is_empty()
    }

    /// Sends `parts` and whatever was offered, without waiting.
    ///
    /// The lock is held meanwhile, so that handles leave in the order of their tickets; that it is
    /// never held by a call that waits is why this one does not.
    pub(super) fn send(&self, socket: BorrowedFd<'_>, parts: &[IoSlice<'_>]) -> sys::Result<usize> {
        let mut outgoing = self.outgoing.lock();
        let handles: Vec<_> = outgoing.waiting.iter().map(AsFd::as_fd).collect();
        let count = match socket::send(socket, parts, &handles, Patience::TryOnce) {
            // The peer takes none: its system refuses them here, where others close them there.
            Err(Errno::PERM) if !handles.is_empty() => {
                socket::send(socket, parts, &[], Patience::TryOnce)?
            }
            sent => sent?,
        };
        // They left with the first byte; the peer has its own duplicates.
        outgoing.waiting.clear();
        Ok(count)
    }

    /// Receives bytes, or a message of which it returns the true length, and keeps the handles that
    /// came along.
    pub(super) fn receive(
        &self,
        socket: BorrowedFd<'_>,
        buffer: &mut [u8],
        patience: Patience,
    ) -> sys::Result<usize> {
        let mut handles = Vec::new();
        let mut keep = |handle| handles.push(handle);
        let received = socket::receive_with_handles(socket, buffer, patience, &mut keep)?;
        if received.handles_lost || !handles.is_empty() {
            let surplus = self.incoming.lock().take_in(handles, received.handles_lost);
            closing::close_apart(surplus);
            if closing::is_behind() {
                uninvited::refuse_descriptors(socket);
            }
        }
        Ok(received.count)
    }

    /// Takes out what has come and was not read, so that it is not closed with `socket`.
    pub(super) fn drain(&self, socket: BorrowedFd<'_>) {
        socket::finish_reading(socket);
        let mut scratch = [0; 4096];
        while matches!(self.receive(socket, &mut scratch, Patience::TryOnce), Ok(1..)) {}
    }

    fn claim(&self, ticket: Ticket) -> Result<ReceivedHandle> {
        let mut incoming = self.incoming.lock();
        let found = incoming.unclaimed.iter().position(|(arrived, _)| *arrived == ticket);
        if let Some(found) = found {
            let (_, handle) = incoming.unclaimed.remove(found);
            let handle = ReceivedHandle::new(File::from(handle));
            return Ok(handle.closed_by(closing::close_file_apart));
        }
        let never_came = ticket.0 >= incoming.arrived;
        match incoming.lost {
            Some(Loss::TooMany) if never_came => Err(too_many("received handles not yet claimed")),
            Some(Loss::NoDescriptorFree) if never_came => Err(Error::Io {
                operation: Operation::PassHandle,
                at: None,
                source: Errno::MFILE.into(),
            }),
            _ => Err(Error::Protocol { reason: no_such(ticket, never_came) }),
        }
    }
}

impl Incoming {
    fn room(&self) -> usize {
        match self.lost {
            None => MAX_HANDLES.saturating_sub(self.unclaimed.len()),
            Some(_) => 0,
        }
    }

    /// Keeps what there is room for, and returns the rest. `some_lost`: the system had to close some
    /// itself.
    fn take_in(&mut self, mut handles: Vec<OwnedFd>, some_lost: bool) -> Vec<OwnedFd> {
        let surplus = handles.split_off(self.room().min(handles.len()));
        for handle in handles {
            self.unclaimed.push((Ticket(self.arrived), handle));
            self.arrived += 1;
        }
        if !surplus.is_empty() {
            self.lost.get_or_insert(Loss::TooMany);
        } else if some_lost {
            self.lost.get_or_insert(Loss::NoDescriptorFree);
        }
        surplus
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let unclaimed = self.unclaimed.drain(..).map(|(_, handle)| handle);
        closing::close_apart(unclaimed.collect());
    }
}

fn too_many(what: &'static str) -> Error {
    let limit = MAX_HANDLES as u64;
    Error::LimitExceeded { what, asked: limit + 1, limit }
}

fn no_such(ticket: Ticket, never_came: bool) -> String {
    let Ticket(number) = ticket;
    let why = if never_came { "has not come" } else { "was claimed before" };
    format!("handle {number} {why}")
}

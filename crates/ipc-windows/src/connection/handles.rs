//! Passing open files.
//!
//! A client has no right over its server's process, and a server may have one over its client's. So
//! the server does it both ways: it puts a handle into the client's table, and it takes one out of
//! there. The ticket is the handle's number in the client's table, in either direction.
//!
//! Whoever has that right over a process could take everything from it anyway; what is guarded
//! against here is mistakes and lies about numbers, see [`pass`].

use std::fs::File;
use std::io;
use std::os::windows::io::{AsHandle as _, OwnedHandle};
use std::sync::OnceLock;

use ipc_core::transport::{Handles, ReceivedHandle, Ticket};
use ipc_core::{Connection as _, Error, Operation, Result};
use parking_lot::Mutex;

use super::{PipeConnection, Role};
use crate::identity;
use crate::sys::pass::{self, Left, Process, Slot};
use crate::sys::{files, process};

const OPERATION: Operation = Operation::PassHandle;

/// The handles of one connection that are on their way.
#[derive(Debug, Default)]
pub(super) struct Passing {
    /// How many were offered since something was written.
    waiting: Mutex<usize>,
    /// A client's that the server has not taken yet, as far as was looked.
    left: Mutex<Vec<Left>>,
    /// A server's client.
    process: OnceLock<Process>,
}

impl Handles for PipeConnection {
    fn offer(&self, file: File) -> Result<Ticket> {
        self.link.facts.check(OPERATION)?;
        let passing = self.passing()?;
        if !files::is_on_disk(file.as_handle()) {
            let reason = "only files can be passed, and this is a device or a pipe".to_owned();
            return Err(Error::InvalidInput { reason });
        }
        let mut waiting = passing.waiting.lock();
        if *waiting == MAX_HANDLES {
            return Err(too_many("handles waiting to be sent"));
        }
        let ticket = match &self.role {
            Role::Client { .. } => passing.leave(file)?,
            Role::Server { .. } => {
                let pushed = self.client_process(passing)?.push(file.as_handle());
                ticket(pushed.map_err(failed)?)
            }
        };
        *waiting += 1;
        Ok(ticket)
    }

    fn claim(&self, ticket: Ticket) -> Result<ReceivedHandle> {
        self.link.facts.check_cancelled(OPERATION)?;
        let passing = self.passing()?;
        if ticket == CLOSED {
            return Err(too_many("received handles not yet claimed"));
        }
        let slot = Slot::new(ticket.0).ok_or_else(|| no_such(ticket))?;
        let received = match &self.role {
            Role::Client { .. } => {
                // From somebody at least who is known: the policy has decided about that.
                self.peer()?;
                pass::receive(slot).map_err(failed)?
            }
            Role::Server { .. } => self.client_process(passing)?.pull(slot).map_err(failed)?,
        };
        received
            .map(|handle| ReceivedHandle::new(File::from(handle)))
            .ok_or_else(|| no_such(ticket))
    }
}

impl PipeConnection {
    fn passing(&self) -> Result<&Passing> {
        self.passing.as_ref().ok_or(Error::Unsupported { operation: OPERATION })
    }

    /// What was offered has left with what was written.
    pub(super) fn has_written(&self) {
        if let Some(passing) = &self.passing {
            *passing.waiting.lock() = 0;
        }
    }

    /// The process at the other end of a server's connection, which must be the client's own: the
    /// number that the system has for it may be that of another by now.
    fn client_process<'a>(&self, passing: &'a Passing) -> Result<&'a Process> {
        if let Some(process) = passing.process.get() {
            return Ok(process);
        }
        let peer = self.peer()?;
        let pipe = self.link.pipe(OPERATION)?;
        let process =
            process::client_of(pipe.as_handle()).and_then(Process::open).map_err(failed)?;
        let token = process.token().map_err(failed)?;
        // While its end is open the process lives, unless it has given that end to another one.
        pipe.peek().map_err(|error| self.link.failure(OPERATION, error))?;
        if !identity::is_run_as(peer, &token).map_err(failed)? {
            let reason = "its process runs as another than it connected as".to_owned();
            return Err(Error::IdentityUnknown { reason });
        }
        Ok(passing.process.get_or_init(|| process))
    }
}

impl Passing {
    /// Leaves `file` for the server to take; if too many have not been taken it is closed, and the
    /// ticket says so.
    fn leave(&self, file: File) -> Result<Ticket> {
        let mut left = self.left.lock();
        if left.len() >= MAX_HANDLES {
            left.retain(Left::is_there);
        }
        if left.len() >= MAX_HANDLES {
            return Ok(CLOSED);
        }
        let new = Left::new(OwnedHandle::from(file)).map_err(failed)?;
        let ticket = ticket(new.slot());
        left.push(new);
        Ok(ticket)
    }
}

fn ticket(slot: Slot) -> Ticket {
    Ticket(slot.number())
}

fn failed(source: io::Error) -> Error {
    Error::Io { operation: OPERATION, at: None, source }
}

fn too_many(what: &'static str) -> Error {
    let limit = MAX_HANDLES as u64;
    Error::LimitExceeded { what, asked: limit + 1, limit }
}

fn no_such(Ticket(number): Ticket) -> Error {
    Error::Protocol { reason: format!("handle {number} has not come, or was claimed before") }
}

/// How many handles of a connection may wait to be sent, and how many to be claimed.
const MAX_HANDLES: usize = 64;

/// The ticket of a handle that was closed, for too many waited to be claimed.
const CLOSED: Ticket = Ticket(u64::MAX);

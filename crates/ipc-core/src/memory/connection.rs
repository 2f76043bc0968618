//! One end of a connection.

use std::cell::Cell;
use std::fmt;
use std::fs::File;
use std::io::IoSlice;
use std::sync::{Arc, OnceLock};

use super::link::{Link, Side};
use super::pipe::Pipe;
use crate::audit::{Mechanism, note_mechanism};
use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::error::{Error, Operation, Result};
use crate::level::ImpersonationLevel;
use crate::options::Mode;
use crate::peer::{Assurance, Peer};
use crate::transport::{
    AsPeer, Connection, Handles, Interest, Key, Messages, Ready, ReceivedHandle, Ticket,
};

/// An end in the hands of a client or a server.
pub(super) struct MemoryConnection {
    pub(super) link: Arc<Link>,
    pub(super) side: Side,
    pub(super) endpoint: Endpoint,
    /// Who is at the other end.
    pub(super) peer: Peer,
    /// What the client asked for; at the server what was stated.
    pub(super) level: OnceLock<ImpersonationLevel>,
    pub(super) mode: Mode,
    pub(super) max_message: usize,
    pub(super) handles: bool,
}

impl MemoryConnection {
    fn check_mode(&self, mode: Mode, operation: Operation) -> Result<()> {
        if self.mode == mode { Ok(()) } else { Err(Error::Unsupported { operation }) }
    }

    /// Waits for room, then has `put` write into it.
    fn write<T>(
        &self,
        operation: Operation,
        deadline: Deadline,
        mut put: impl FnMut(&mut Pipe) -> T,
    ) -> Result<T> {
        self.link.attempt_open(self.side, operation, deadline, |state| {
            if state.has_finished(self.side) {
                return Some(Err(Error::Closed { operation }));
            }
            if state.peer_is_gone(self.side) {
                return Some(Err(Error::Disconnected { operation }));
            }
            state.has_room(self.side).then(|| Ok(put(state.outgoing(self.side))))
        })
    }

    fn check_level(&self) -> Result<()> {
        let needed = ImpersonationLevel::Impersonation;
        let granted = self.level();
        if granted.is_some_and(|granted| granted >= needed) {
            return Ok(());
        }
        Err(Error::LevelTooLow { needed, granted })
    }
}

impl Connection for MemoryConnection {
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn peer(&self) -> Result<&Peer> {
        Ok(&self.peer)
    }

    fn level(&self) -> Option<ImpersonationLevel> {
        self.level.get().copied()
    }

    fn state_level(&self, level: ImpersonationLevel) -> Result<()> {
        // The client's end has had its level from the start.
        self.level.set(level).map_err(|_| Error::InvalidInput {
            reason: "the level is stated once, on the server's end".to_owned(),
        })
    }

    fn read(&self, buffer: &mut [u8], deadline: Deadline) -> Result<usize> {
        let operation = Operation::Read;
        self.check_mode(Mode::Bytes, operation)?;
        self.link.attempt_open(self.side, operation, deadline, |state| {
            if buffer.is_empty() {
                return Some(Ok(0));
            }
            if state.has_input(self.side) {
                return Some(Ok(state.incoming(self.side).take_bytes(buffer)));
            }
            state.peer_has_finished(self.side).then_some(Ok(0))
        })
    }

    fn write_vectored(&self, parts: &[IoSlice<'_>], deadline: Deadline) -> Result<usize> {
        let operation = Operation::Write;
        self.check_mode(Mode::Bytes, operation)?;
        if parts.iter().all(|part| part.is_empty()) {
            return self.link.attempt_open(self.side, operation, deadline, |_| Some(Ok(0)));
        }
        self.write(operation, deadline, |pipe| pipe.put_bytes(parts))
    }

    fn wait(&self, interest: Interest, deadline: Deadline) -> Result<Ready> {
        self.link.attempt(self.side, Operation::Wait, deadline, |state| {
            let ready = state.ready(self.side);
            ready.satisfies(interest).then_some(Ok(ready))
        })
    }

    fn park(&self, key: Key, interest: Interest) -> Result<()> {
        if self.link.park(self.side, key, interest) {
            return Ok(());
        }
        Err(Error::Unsupported { operation: Operation::Park })
    }

    fn cancel(&self) {
        self.link.cancel(self.side);
    }

    fn close(&self, deadline: Deadline) -> Result<()> {
        self.link.attempt(self.side, Operation::Close, deadline, |state| {
            state.step_of_closing(self.side).then_some(Ok(()))
        })
    }

    fn finish_writing(&self) -> Result<()> {
        let operation = Operation::FinishWriting;
        self.link.attempt_open(self.side, operation, Deadline::NOW, |state| {
            state.outgoing(self.side).finish();
            Some(Ok(()))
        })
    }

    fn run_as_peer(&self, work: &mut dyn FnMut(&AsPeer)) -> Result<()> {
        if self.side == Side::Client {
            return Err(Error::Unsupported { operation: Operation::RunAsPeer });
        }
        self.check_level()?;
        if *self.peer.assurance() != Assurance::SameProcess {
            let reason = format!("inside one process nobody can become {}", self.peer);
            return Err(Error::NotPrivileged { reason });
        }
        let _acting = Acting::begin()?;
        note_mechanism(Mechanism::Itself);
        #[allow(clippy::disallowed_methods, reason = "the peer is this very process")]
        AsPeer::attest(work);
        Ok(())
    }

    fn messages(&self) -> Option<&dyn Messages> {
        (self.mode == Mode::Messages).then_some(self)
    }

    fn handles(&self) -> Option<&dyn Handles> {
        self.handles.then_some(self)
    }
}

impl Messages for MemoryConnection {
    fn send(&self, parts: &[IoSlice<'_>], deadline: Deadline) -> Result<()> {
        match parts.iter().map(|part| part.len()).sum::<usize>() {
            0 => {
                return Err(Error::InvalidInput {
                    reason: "a message has at least one byte".into(),
                });
            }
            length if length > self.max_message => {
                return Err(too_long(length, self.max_message));
            }
            _ => {}
        }
        self.write(Operation::Message, deadline, |pipe| pipe.put_message(parts))
    }

    fn receive(&self, buffer: &mut Vec<u8>, max: usize, deadline: Deadline) -> Result<bool> {
        buffer.clear();
        self.link.attempt_open(self.side, Operation::Message, deadline, |state| {
            if state.has_input(self.side) {
                let taken = state.incoming(self.side).take_message(buffer, max);
                return Some(taken.map(|()| true).map_err(|length| too_long(length, max)));
            }
            state.peer_has_finished(self.side).then_some(Ok(false))
        })
    }
}

impl Handles for MemoryConnection {
    fn offer(&self, file: File) -> Result<Ticket> {
        let mut file = Some(file);
        self.link.attempt_open(self.side, Operation::PassHandle, Deadline::NOW, |state| {
            file.take().map(|file| state.outgoing(self.side).parcels.offer(file))
        })
    }

    fn claim(&self, ticket: Ticket) -> Result<ReceivedHandle> {
        self.link.attempt_open(self.side, Operation::PassHandle, Deadline::NOW, |state| {
            Some(state.incoming(self.side).parcels.claim(ticket))
        })
    }
}

/// Where it leads; neither what is under way nor who is waiting.
impl fmt::Debug for MemoryConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryConnection")
            .field("endpoint", &self.endpoint)
            .field("side", &self.side)
            .finish_non_exhaustive()
    }
}

impl Drop for MemoryConnection {
    fn drop(&mut self) {
        self.link.leave(self.side);
    }
}

/// Marks this thread as acting for a peer until it is dropped.
struct Acting(());

impl Acting {
    fn begin() -> Result<Self> {
        if IS_ACTING.replace(true) { Err(Error::Nested) } else { Ok(Self(())) }
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        IS_ACTING.set(false);
    }
}

thread_local! {
    static IS_ACTING: Cell<bool> = const { Cell::new(false) };
}

fn too_long(length: usize, limit: usize) -> Error {
    Error::LimitExceeded { what: "message bytes", asked: length as u64, limit: limit as u64 }
}

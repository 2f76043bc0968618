//! One end of a pipe.
//!
//! # Who does what
//! A read waits in its own call, with an event, and writes into the caller's memory: it never
//! outlives that call. What may outlive its call (a write, a read of nothing that tells when there
//! is input) owns its memory, has no event, and is told to a port; see [`overlapped`].
//!
//! # Cancelling
//! `cancel` notes the fact, cancels whatever is under way, and wakes whoever waits. A call that is
//! about to begin either sees the note or is cancelled with the others.
//!
//! [`overlapped`]: crate::sys::overlapped

use std::io::IoSlice;
use std::os::windows::io::AsHandle;
use std::sync::{Arc, OnceLock};

use ipc_core::transport::{AsPeer, Handles, Interest, Key, Messages, Ready};
use ipc_core::{
    Connection, Deadline, Endpoint, Error, ImpersonationLevel, Mode, Operation, Peer, Result,
};
use parking_lot::Mutex;

use crate::identity::Client;
use crate::switch;
use crate::sys::pipe::Pipe;
use crate::waiter::PipeWaiter;

mod close;
mod handles;
mod input;
mod link;
mod messages;
mod output;
mod park;
mod regular;
mod state;

use handles::Passing;
use link::Link;
pub use regular::regular_file;

/// One end of a connection over a named pipe.
#[derive(Debug)]
pub(crate) struct PipeConnection {
    link: Arc<Link>,
    role: Role,
    /// Held by who receives a message.
    receiving: Mutex<()>,
    /// `None`: handles are not passed.
    passing: Option<Passing>,
}

/// Which end of a connection this is.
#[derive(Debug)]
pub(crate) enum Role {
    Client {
        /// What the server was granted.
        level: ImpersonationLevel,
        /// Who serves, or why that is not known.
        peer: Result<Peer, String>,
    },
    Server {
        /// What the client has stated.
        stated: OnceLock<ImpersonationLevel>,
        /// The client, once the system has told.
        client: OnceLock<Client>,
    },
}

impl Role {
    pub(crate) fn server() -> Self {
        Self::Server { stated: OnceLock::new(), client: OnceLock::new() }
    }
}

impl PipeConnection {
    pub(crate) fn new(
        pipe: Pipe,
        endpoint: Endpoint,
        mode: Mode,
        waiter: Arc<PipeWaiter>,
        role: Role,
    ) -> Self {
        let link = Link::new(pipe, endpoint, mode, waiter);
        Self { link, role, receiving: Mutex::new(()), passing: None }
    }

    /// Sets whether handles are passed.
    pub(crate) fn pass_handles(mut self, pass: bool) -> Self {
        self.passing = pass.then(Passing::default);
        self
    }

    /// The client at the other end: asked of the system until it tells, and kept from then on.
    fn client<'a>(&self, known: &'a OnceLock<Client>) -> Result<&'a Client> {
        if let Some(client) = known.get() {
            return Ok(client);
        }
        let client = Client::capture(self.link.pipe(Operation::Identify)?.as_handle())?;
        Ok(known.get_or_init(|| client))
    }

    fn only_bytes(&self, operation: Operation) -> Result<()> {
        match self.link.mode {
            Mode::Bytes => Ok(()),
            Mode::Messages => Err(Error::Unsupported { operation }),
        }
    }
}

impl Connection for PipeConnection {
    fn endpoint(&self) -> &Endpoint {
        &self.link.endpoint
    }

    fn peer(&self) -> Result<&Peer> {
        match &self.role {
            Role::Client { peer, .. } => {
                peer.as_ref().map_err(|reason| Error::IdentityUnknown { reason: reason.clone() })
            }
            Role::Server { stated, client } => {
                if stated.get() == Some(&ImpersonationLevel::Anonymous) {
                    let reason = "the client wishes to stay anonymous".to_owned();
                    return Err(Error::IdentityUnknown { reason });
                }
                self.client(client).map(Client::peer)
            }
        }
    }

    fn level(&self) -> Option<ImpersonationLevel> {
        match &self.role {
            Role::Client { level, .. } => Some(*level),
            Role::Server { stated, client } => {
                let stated = *stated.get()?;
                match self.client(client) {
                    Ok(client) => client.in_force(Some(stated)),
                    // Nobody can act as whoever is not known, whatever was stated.
                    Err(_) => Some(stated),
                }
            }
        }
    }

    fn state_level(&self, level: ImpersonationLevel) -> Result<()> {
        let refuse = |reason: &str| Err(Error::InvalidInput { reason: reason.to_owned() });
        let Role::Server { stated, .. } = &self.role else {
            return refuse("the client's own end has its level from the connect options");
        };
        match stated.set(level) {
            Ok(()) => Ok(()),
            Err(_) => refuse("the impersonation level was stated before"),
        }
    }

    fn read(&self, buffer: &mut [u8], deadline: Deadline) -> Result<usize> {
        self.only_bytes(Operation::Read)?;
        self.link.facts.check(Operation::Read)?;
        if buffer.is_empty() {
            return Ok(0);
        }
        self.link.read(buffer, deadline)
    }

    fn write_vectored(&self, parts: &[IoSlice<'_>], deadline: Deadline) -> Result<usize> {
        self.only_bytes(Operation::Write)?;
        self.link.facts.check(Operation::Write)?;
        if parts.iter().all(|part| part.is_empty()) {
            return Ok(0);
        }
        let count = self.link.write(Operation::Write, parts, OUTPUT_BUFFER, deadline)?;
        self.has_written();
        Ok(count)
    }

    fn wait(&self, interest: Interest, deadline: Deadline) -> Result<Ready> {
        self.link.wait(interest, deadline)
    }

    fn park(&self, key: Key, interest: Interest) -> Result<()> {
        let Role::Server { .. } = &self.role else {
            return Err(Error::Unsupported { operation: Operation::Park });
        };
        if key == RESERVED {
            let reason = format!("the key {} is reserved", key.0);
            return Err(Error::InvalidInput { reason });
        }
        self.link.park(key, interest);
        Ok(())
    }

    fn cancel(&self) {
        self.link.cancel();
    }

    fn close(&self, deadline: Deadline) -> Result<()> {
        self.link.close_until(deadline)
    }

    fn run_as_peer(&self, work: &mut dyn FnMut(&AsPeer)) -> Result<()> {
        let Role::Server { stated, client } = &self.role else {
            // A server grants its clients nothing.
            return Err(Error::Unsupported { operation: Operation::RunAsPeer });
        };
        let granted = stated.get().copied();
        let client = self.client(client).map_err(|unknown| match granted {
            // It is not known because it wishes so.
            Some(ImpersonationLevel::Anonymous) => {
                Error::LevelTooLow { needed: ImpersonationLevel::Impersonation, granted }
            }
            _ => unknown,
        })?;
        switch::run_as_peer(client, granted, work)
    }

    fn messages(&self) -> Option<&dyn Messages> {
        (self.link.mode == Mode::Messages).then_some(self as &dyn Messages)
    }

    fn handles(&self) -> Option<&dyn Handles> {
        self.passing.as_ref().map(|_| self as &dyn Handles)
    }
}

/// Does not wait: a write in flight is lost.
impl Drop for PipeConnection {
    fn drop(&mut self) {
        self.link.unpark();
        self.link.shut();
    }
}

/// The key that no connection has, as `ipc_core::transport::Key` says.
const RESERVED: Key = Key(u64::MAX);

/// How much of a write is accepted at once, in bytes.
const OUTPUT_BUFFER: usize = 64 * 1024;

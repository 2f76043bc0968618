//! One connected socket.
//!
//! # Blocking
//! The socket blocks, so that a read or a write without a deadline is one bare system call; what
//! must not wait says so in the call (`MSG_DONTWAIT`).
//!
//! # Cancelling
//! `cancel` notes the fact and shuts the socket down in both directions. That wakes every call that
//! waits on it (`recv`, `sendmsg`, `sendfile`, `poll`), makes `epoll` report it if it is parked, and
//! turns whatever the call would have answered into `Cancelled`. A call that is about to begin
//! either sees the note or finds the socket shut down. To the peer a cancelled connection looks like
//! one that has ended in good order, behind what was written: a protocol that must tell the two
//! apart says goodbye.

use std::fs::File;
use std::io::IoSlice;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, OnceLock};

use ipc_core::files::{Metadata, Open, RelativePath, Root};
use ipc_core::transport::{AsPeer, Handles, Interest, Key, Messages, Ready};
use ipc_core::{
    Connection, Deadline, Endpoint, Error, ImpersonationLevel, Operation, Peer, Result,
};

use crate::identity::{ActAs, UnixPeer};
use crate::mechanism::Chosen;
use crate::request::{Opener, Registrations};
use crate::switch;
use crate::sys::poller::Poller;
use crate::sys::socket::{self, Kind, MAX_PARTS};
use crate::sys::{Errno, poll, uninvited};
use crate::waiter::SocketWaiter;

mod close;
mod handles;
mod messages;
mod patience;
mod regular;
mod send_file;
mod state;

pub use regular::regular_file;

use handles::Passing;
use patience::ReceiveTimeout;
use send_file::FileBuffer;
use state::State;

/// One end of a connection over a Unix domain socket.
#[derive(Debug)]
pub(crate) struct UnixConnection {
    endpoint: Endpoint,
    /// Shared with the facts about the peer, which are asked of the socket when they are needed.
    socket: Arc<OwnedFd>,
    kind: Kind,
    role: Role,
    /// Or why it is not known.
    peer: Result<UnixPeer, String>,
    state: State,
    receive_timeout: ReceiveTimeout,
    file_buffer: FileBuffer,
    passing: Option<Passing>,
}

/// Which end of a connection this is.
#[derive(Debug)]
pub(crate) enum Role {
    Client {
        /// What the server was granted.
        level: ImpersonationLevel,
    },
    Server {
        /// What the client has stated.
        level: OnceLock<ImpersonationLevel>,
        act_as: ActAs,
        opening: Chosen,
        registrations: Registrations,
        waiter: Option<Arc<SocketWaiter>>,
    },
}

impl Role {
    pub(crate) fn client(level: ImpersonationLevel) -> Self {
        Self::Client { level }
    }

    pub(crate) fn server(
        act_as: ActAs,
        opening: Chosen,
        waiter: Option<Arc<SocketWaiter>>,
    ) -> Self {
        let (level, registrations) = (OnceLock::new(), Registrations::default());
        Self::Server { level, act_as, opening, registrations, waiter }
    }
}

impl UnixConnection {
    pub(crate) fn new(
        socket: Arc<OwnedFd>,
        endpoint: Endpoint,
        kind: Kind,
        handles: bool,
        peer: Result<UnixPeer, String>,
        role: Role,
    ) -> Self {
        socket::set_send_buffer(socket.as_fd(), SEND_BUFFER);
        if !handles {
            uninvited::refuse_descriptors(socket.as_fd());
        }
        Self {
            endpoint,
            socket,
            kind,
            role,
            peer,
            state: State::default(),
            receive_timeout: ReceiveTimeout::default(),
            file_buffer: FileBuffer::default(),
            passing: handles.then(Passing::default),
        }
    }

    /// The peer, whether or not it wishes to be known.
    fn known_peer(&self) -> Result<&UnixPeer> {
        self.peer.as_ref().map_err(|reason| Error::IdentityUnknown { reason: reason.clone() })
    }

    /// What opens files as the peer, on a server's end: a server grants its clients nothing.
    fn opener(&self) -> Result<Opener<'_>> {
        let Role::Server { act_as, opening, registrations, .. } = &self.role else {
            return Err(Error::Unsupported { operation: Operation::RunAsPeer });
        };
        let (peer, level) = (self.known_peer()?, self.level());
        Ok(Opener { peer, level, act_as, chosen: *opening, known: registrations })
    }

    /// Sends `parts`, as one, and the handles that were offered.
    fn send_parts(
        &self,
        operation: Operation,
        parts: &[IoSlice<'_>],
        deadline: Deadline,
    ) -> Result<usize> {
        let socket = self.socket.as_fd();
        self.sending(operation, deadline, |patience| match &self.passing {
            None => socket::send(socket, parts, &[], patience),
            Some(passing) => passing.send(socket, parts),
        })
    }

    fn only_bytes(&self, operation: Operation) -> Result<()> {
        match self.kind {
            Kind::Stream => Ok(()),
            Kind::Messages => Err(Error::Unsupported { operation }),
        }
    }

    /// What there is to wait for: where nothing will be written any more, the room to write, which
    /// is always there, must not end a wait for something to read.
    fn worth_waiting_for(&self, interest: Interest) -> Interest {
        if interest == Interest::Both && self.state.is_finished() {
            Interest::Read
        } else {
            interest
        }
    }

    fn failure(&self, operation: Operation, error: Errno) -> Error {
        if self.state.is_cancelled() {
            return Error::Cancelled { operation };
        }
        match error {
            // Finishing or closing in another thread ends a write that is under way.
            Errno::PIPE if self.state.is_finished() => Error::Closed { operation },
            Errno::PIPE | Errno::CONNRESET | Errno::NOTCONN => Error::Disconnected { operation },
            error => Error::io(operation, &self.endpoint, error.into()),
        }
    }
}

impl Drop for UnixConnection {
    fn drop(&mut self) {
        if let Some(passing) = &self.passing {
            passing.drain(self.socket.as_fd());
        }
    }
}

impl Connection for UnixConnection {
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn peer(&self) -> Result<&Peer> {
        if matches!(self.role, Role::Server { .. })
            && self.level() == Some(ImpersonationLevel::Anonymous)
        {
            let reason = "the client wishes to stay anonymous".to_owned();
            return Err(Error::IdentityUnknown { reason });
        }
        self.known_peer().map(UnixPeer::peer)
    }

    fn level(&self) -> Option<ImpersonationLevel> {
        match &self.role {
            Role::Client { level } => Some(*level),
            Role::Server { level, .. } => level.get().copied(),
        }
    }

    fn state_level(&self, level: ImpersonationLevel) -> Result<()> {
        let refuse = |reason: &str| Err(Error::InvalidInput { reason: reason.to_owned() });
        let Role::Server { level: stated, .. } = &self.role else {
            return refuse("the client's own end has its level from the connect options");
        };
        if level == ImpersonationLevel::Delegation {
            // There is no way on to other machines here, and less must not pass for it.
            return Err(Error::Unsupported { operation: Operation::StateLevel });
        }
        match stated.set(level) {
            Ok(()) => Ok(()),
            Err(_) => refuse("the impersonation level was stated before"),
        }
    }

    fn read(&self, buffer: &mut [u8], deadline: Deadline) -> Result<usize> {
        self.only_bytes(Operation::Read)?;
        self.state.check(Operation::Read)?;
        if buffer.is_empty() {
            return Ok(0);
        }
        let socket = self.socket.as_fd();
        let count = self.receiving(Operation::Read, deadline, |patience| match &self.passing {
            None => socket::receive(socket, buffer, patience),
            Some(passing) => passing.receive(socket, buffer, patience),
        })?;
        if count == 0 {
            self.state.check_cancelled(Operation::Read)?;
        }
        Ok(count)
    }

    fn write_vectored(&self, parts: &[IoSlice<'_>], deadline: Deadline) -> Result<usize> {
        self.only_bytes(Operation::Write)?;
        self.state.check_writing(Operation::Write)?;
        let Some(first) = parts.iter().position(|part| !part.is_empty()) else { return Ok(0) };
        let parts = &parts[first..];
        self.send_parts(Operation::Write, &parts[..parts.len().min(MAX_PARTS)], deadline)
    }

    fn wait(&self, interest: Interest, deadline: Deadline) -> Result<Ready> {
        self.state.check_cancelled(Operation::Wait)?;
        let interest = self.worth_waiting_for(interest);
        let ready = poll::wait(self.socket.as_fd(), interest, deadline)
            .map_err(|error| self.failure(Operation::Wait, error))?;
        self.state.check_cancelled(Operation::Wait)?;
        if ready.satisfies(interest) {
            Ok(ready)
        } else {
            Err(Error::TimedOut { operation: Operation::Wait })
        }
    }

    /// After [`cancel`](Connection::cancel) this reports at once.
    fn park(&self, key: Key, interest: Interest) -> Result<()> {
        let Role::Server { waiter: Some(waiter), .. } = &self.role else {
            return Err(Error::Unsupported { operation: Operation::Park });
        };
        if key == Poller::RESERVED {
            let reason = format!("the key {} is reserved", key.0);
            return Err(Error::InvalidInput { reason });
        }
        waiter
            .arm(self.socket.as_fd(), key, self.worth_waiting_for(interest))
            .map_err(|error| Error::io(Operation::Park, &self.endpoint, error.into()))
    }

    fn cancel(&self) {
        self.state.cancel();
        socket::shut_down(self.socket.as_fd());
    }

    fn close(&self, deadline: Deadline) -> Result<()> {
        self.close_until(deadline)
    }

    fn finish_writing(&self) -> Result<()> {
        self.state.check(Operation::FinishWriting)?;
        if self.state.finish() {
            self.end_output(Operation::FinishWriting)?;
        }
        Ok(())
    }

    fn send_file(&self, file: &File, from: u64, length: u64, deadline: Deadline) -> Result<u64> {
        self.send_range(file, from, length, deadline)
    }

    fn run_as_peer(&self, work: &mut dyn FnMut(&AsPeer)) -> Result<()> {
        let Opener { peer, level, act_as, .. } = self.opener()?;
        switch::run_as_peer(peer, level, act_as, work)
    }

    fn open_as_peer(&self, root: &dyn Root, path: &RelativePath, how: Open) -> Result<File> {
        self.opener()?.open(root, path, how)
    }

    fn stat_as_peer(&self, root: &dyn Root, path: &RelativePath) -> Result<Metadata> {
        self.opener()?.stat(root, path)
    }

    fn messages(&self) -> Option<&dyn Messages> {
        (self.kind == Kind::Messages).then_some(self as &dyn Messages)
    }

    fn handles(&self) -> Option<&dyn Handles> {
        self.passing.is_some().then_some(self as &dyn Handles)
    }
}

/// How many bytes may be on their way to the peer. More than the system's own default: fewer turns
/// of waiting for each other.
const SEND_BUFFER: usize = 256 * 1024;

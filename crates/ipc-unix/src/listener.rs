//! A bound socket, at which peers are accepted.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ipc_core::transport::{Interest, Key};
use ipc_core::{
    BindOptions, Connection, Deadline, Endpoint, Error, Listener, Operation, Result, Waiter,
};

use crate::address::Address;
use crate::connection::{Role, UnixConnection};
use crate::identity::{self, ActAs};
use crate::mechanism::Chosen;
use crate::sys::latch::Latch;
use crate::sys::socket::Kind;
use crate::sys::{Errno, poll, socket, uninvited};
use crate::waiter::SocketWaiter;

mod lock;
mod name;
mod open;

use name::HeldName;
pub(crate) use name::lock_beside;
use open::Opening;

/// What [`UnixTransport`](crate::UnixTransport) is set to for binding.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) kind: Kind,
    pub(crate) mode: u32,
    pub(crate) group: Option<u32>,
    pub(crate) backlog: u32,
    pub(crate) act_as: ActAs,
    pub(crate) opening: Chosen,
}

/// A bound Unix domain socket.
///
/// The socket never blocks: an acceptor tries, and waits only if nobody is there.
#[derive(Debug)]
pub(crate) struct UnixListener {
    endpoint: Endpoint,
    socket: OwnedFd,
    /// Absent for an abstract name, which the system holds itself.
    name: Option<HeldName>,
    closed: AtomicBool,
    closing: Latch,
    waiter: Option<Arc<SocketWaiter>>,
    kind: Kind,
    handles: bool,
    act_as: ActAs,
    opening: Chosen,
}

impl UnixListener {
    pub(crate) fn bind(
        endpoint: &Endpoint,
        options: &BindOptions,
        settings: Settings,
    ) -> Result<Self> {
        let failed = |error: Errno| Error::io(Operation::Bind, endpoint, error.into());
        let closing = Latch::new().map_err(failed)?;
        let waiter = SocketWaiter::new().map_err(failed)?.map(Arc::new);
        let address = Address::to_bind(endpoint)?;
        let Settings { kind, mode, group, backlog, act_as, opening } = settings;
        let (socket, name) =
            open::open(&address, endpoint, Opening { kind, mode, group, backlog })?;
        if !options.handles {
            uninvited::refuse_descriptors(socket.as_fd());
        }
        Ok(Self {
            endpoint: endpoint.clone(),
            socket,
            name,
            closed: AtomicBool::new(false),
            closing,
            waiter,
            kind,
            handles: options.handles,
            act_as,
            opening,
        })
    }

    /// One peer, or `None` if nobody waits.
    fn accept_at_once(&self) -> Result<Option<OwnedFd>> {
        loop {
            if self.closed.load(Ordering::SeqCst) {
                return Err(Error::Closed { operation: Operation::Accept });
            }
            match socket::accept(self.socket.as_fd()) {
                Ok(_) if self.closed.load(Ordering::SeqCst) => {}
                Ok(peer) => return Ok(Some(peer)),
                Err(Errno::AGAIN) => return Ok(None),
                // A peer that gave up while it waited is not worth a report.
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                // `close` has shut the socket down under this call.
                Err(Errno::INVAL) if self.closed.load(Ordering::SeqCst) => {}
                Err(error) => {
                    return Err(Error::io(Operation::Accept, &self.endpoint, error.into()));
                }
            }
        }
    }

    fn connection(&self, socket: OwnedFd) -> UnixConnection {
        let socket = Arc::new(socket);
        let peer = identity::peer_of(&socket).map_err(|error| error.chain());
        let role = Role::server(self.act_as.clone(), self.opening, self.waiter.clone());
        UnixConnection::new(socket, self.endpoint.clone(), self.kind, self.handles, peer, role)
    }
}

impl Listener for UnixListener {
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn accept(&self, deadline: Deadline) -> Result<Box<dyn Connection>> {
        loop {
            if let Some(peer) = self.accept_at_once()? {
                return Ok(Box::new(self.connection(peer)));
            }
            if deadline.has_passed() {
                return Err(Error::TimedOut { operation: Operation::Accept });
            }
            poll::wait_for_peer(self.socket.as_fd(), &self.closing, deadline)
                .map_err(|error| Error::io(Operation::Accept, &self.endpoint, error.into()))?;
        }
    }

    fn arm(&self) -> Result<()> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(Error::Closed { operation: Operation::Accept });
        }
        let Some(waiter) = &self.waiter else {
            return Err(Error::Unsupported { operation: Operation::Accept });
        };
        waiter
            .arm(self.socket.as_fd(), Key::LISTENER, Interest::Read)
            .map_err(|error| Error::io(Operation::Accept, &self.endpoint, error.into()))
    }

    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.closing.set();
        if let Some(name) = &self.name {
            name.remove_socket();
        }
        // On Linux this also refuses peers that found the file a moment ago, and reports an armed
        // listener.
        socket::shut_down(self.socket.as_fd());
        // Those who connected before and were not accepted shall see that nobody comes.
        while socket::accept(self.socket.as_fd()).is_ok() {}
    }

    fn waiter(&self) -> Option<Arc<dyn Waiter>> {
        self.waiter.clone().map(|waiter| waiter as Arc<dyn Waiter>)
    }
}

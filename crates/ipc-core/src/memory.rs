//! The transport within one process: the reference for every other, and what tests run on.
//!
//! It does what the contracts of [`transport`](crate::transport) say in plain code, without a
//! system call, so that a reader who wonders what a contract means can look here.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::options::{BindOptions, ConnectOptions};
use crate::peer::{Assurance, Peer};
use crate::transport::{Capabilities, Connection, Listener, Transport};

mod connection;
mod handles;
mod link;
mod listener;
mod pipe;

use listener::{MemoryListener, Reception};

/// Endpoints `mem:name` within one process.
///
/// Each [`new`](Self::new) value is a namespace of its own; clones share it, so that a listener
/// bound through one is reached through another.
///
/// # Examples
/// ```
/// use ipc_core::memory::MemoryTransport;
/// use ipc_core::{BindOptions, ConnectOptions, Deadline, Transport};
///
/// let transport = MemoryTransport::new();
/// let at = "mem:greeting".parse()?;
/// let listener = transport.bind(&at, &BindOptions::new())?;
/// let client = transport.connect(&at, &ConnectOptions::new())?;
/// let server = listener.accept(Deadline::NEVER)?;
///
/// client.write_all(b"hello", Deadline::NEVER)?;
/// let mut word = [0; 5];
/// server.read_exact(&mut word, Deadline::NEVER)?;
/// assert_eq!(&word, b"hello");
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct MemoryTransport {
    names: Arc<Names>,
    peer: Peer,
    limits: Limits,
}

impl MemoryTransport {
    /// The word before the colon in this transport's endpoints.
    pub const SCHEME: &'static str = "mem";

    /// A namespace of its own, whose peers are this process without any stated identity.
    #[must_use]
    pub fn new() -> Self {
        Self::with_peer(Peer::this_process(None))
    }

    /// A namespace of its own, in which whoever binds or connects through this value is `peer`.
    ///
    /// Work is run as a peer only if that peer was made by [`Peer::this_process`].
    #[must_use]
    pub fn with_peer(peer: Peer) -> Self {
        Self { names: Arc::default(), peer, limits: Limits::default() }
    }

    /// Sets who binds and connects through this value and its later clones, in the same namespace:
    /// so that one server can meet several peers.
    #[must_use]
    pub fn known_as(mut self, peer: Peer) -> Self {
        self.peer = peer;
        self
    }

    /// Sets how many bytes each direction of a connection holds before its writer has to wait.
    /// Default: 64 KiB. Counts for what is bound through this value; at least one byte.
    #[must_use]
    pub fn buffer(mut self, bytes: usize) -> Self {
        self.limits.buffer = bytes.max(1);
        self
    }

    /// Sets the longest message. Default: 256 KiB. The buffer takes a message as long as it is not
    /// full, so it may hold this much more than its size.
    #[must_use]
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.limits.max_message = bytes.max(1);
        self
    }

    /// Sets how many peers wait to be accepted before the next one has to wait for its place.
    /// Default: 128. Counts for what is bound through this value; at least one peer.
    #[must_use]
    pub fn backlog(mut self, peers: usize) -> Self {
        self.limits.backlog = peers.max(1);
        self
    }
}

impl Default for MemoryTransport {
    fn default() -> Self {
        Self::new()
    }
}

impl Transport for MemoryTransport {
    fn scheme(&self) -> &'static str {
        Self::SCHEME
    }

    fn capabilities(&self) -> Capabilities {
        let vouched = *self.peer.assurance() != Assurance::None;
        Capabilities {
            run_as_peer: true,
            identity: vouched && self.peer.identity().is_some(),
            half_close: true,
            send_file: false,
            handles: true,
            max_message: Some(self.limits.max_message),
            parking: true,
        }
    }

    fn this_process(&self) -> Result<Peer> {
        Ok(self.peer.clone())
    }

    fn bind(&self, at: &Endpoint, options: &BindOptions) -> Result<Box<dyn Listener>> {
        check_scheme(at)?;
        let reception =
            Arc::new(Reception::new(at.clone(), options.clone(), self.peer.clone(), self.limits));
        self.names.bind(at, &reception)?;
        Ok(Box::new(MemoryListener::new(reception, Arc::clone(&self.names))))
    }

    fn connect(&self, to: &Endpoint, options: &ConnectOptions) -> Result<Box<dyn Connection>> {
        check_scheme(to)?;
        let client = self.names.reception(to)?.receive(&self.peer, options)?;
        Ok(Box::new(client))
    }
}

/// What a listener and its connections may hold.
#[derive(Clone, Copy, Debug)]
struct Limits {
    buffer: usize,
    max_message: usize,
    backlog: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { buffer: 64 * 1024, max_message: 256 * 1024, backlog: 128 }
    }
}

/// The names that are bound in one namespace.
#[derive(Debug, Default)]
struct Names(Mutex<HashMap<Endpoint, Arc<Reception>>>);

impl Names {
    fn bind(&self, at: &Endpoint, reception: &Arc<Reception>) -> Result<()> {
        match self.0.lock().entry(at.clone()) {
            Entry::Occupied(_) => Err(Error::EndpointInUse {
                endpoint: at.clone(),
                holder: Some("this process".to_owned()),
            }),
            Entry::Vacant(free) => {
                free.insert(Arc::clone(reception));
                Ok(())
            }
        }
    }

    fn reception(&self, at: &Endpoint) -> Result<Arc<Reception>> {
        self.0.lock().get(at).cloned().ok_or_else(|| nobody_listens(at))
    }

    fn free(&self, at: &Endpoint) {
        self.0.lock().remove(at);
    }
}

fn check_scheme(endpoint: &Endpoint) -> Result<()> {
    if endpoint.scheme() == Some(MemoryTransport::SCHEME) {
        return Ok(());
    }
    Err(Error::InvalidEndpoint {
        text: endpoint.to_string(),
        reason: "inside this process endpoints are written `mem:name`".to_owned(),
    })
}

fn nobody_listens(endpoint: &Endpoint) -> Error {
    Error::NotFound {
        endpoint: endpoint.clone(),
        source: io::Error::new(io::ErrorKind::NotFound, "the name is not bound in this process"),
    }
}

/// Waits for a notification; `false`, without waiting, once `deadline` has passed.
fn pause<T>(changed: &Condvar, guard: &mut MutexGuard<'_, T>, deadline: Deadline) -> bool {
    if deadline.has_passed() {
        return false;
    }
    match deadline.instant() {
        Some(instant) => drop(changed.wait_until(guard, instant)),
        None => changed.wait(guard),
    }
    true
}

#[cfg(test)]
mod tests;

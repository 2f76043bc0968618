//! Making the socket of a listener.
//!
//! `interprocess` makes, binds and opens byte-stream sockets at paths: it sets the file's mode by
//! `fchmod` before `bind`, so that the file never has another. Its own ways of taking over a name
//! and of removing it are off, for neither asks who else uses it. Ours are the lock and the name
//! ([`HeldName`]), sockets that keep messages apart, abstract names, systems on which the mode
//! cannot be set before, and the length of the backlog.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use interprocess::local_socket::traits::Listener as _;
use interprocess::local_socket::{GenericFilePath, ListenerOptions, ToFsName};
use interprocess::os::unix::local_socket::ListenerOptionsExt;
use interprocess::os::unix::uds_local_socket;
use ipc_core::{Endpoint, Error, Operation, Result};

use super::name::HeldName;
use crate::address::Address;
use crate::sys::Errno;
use crate::sys::directory::raw_mode;
use crate::sys::socket::{self, Kind, SocketAddress};

/// How a socket is to be opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    pub(super) kind: Kind,
    /// The mode of its file.
    pub(super) mode: u32,
    /// The group of its file, if it is to be another than the system gives it.
    pub(super) group: Option<u32>,
    /// How many peers may wait to be accepted.
    pub(super) backlog: u32,
}

/// Opens a socket at `address`; peers can connect from now on. With the name of a file comes what
/// holds it.
pub(super) fn open(
    address: &Address,
    endpoint: &Endpoint,
    opening: Opening,
) -> Result<(OwnedFd, Option<HeldName>)> {
    let place = address.to_system(endpoint, Operation::Bind)?;
    let (socket, name) = match address {
        Address::Path(path) => {
            let name = HeldName::take(path, endpoint)?;
            let socket = bind_file(path, &place, opening).map_err(|e| failed(endpoint, e))?;
            name.adopt()?;
            if let Some(group) = opening.group {
                name.set_group(group)?;
            }
            name.set_mode(opening.mode)?;
            (socket, Some(name))
        }
        Address::Abstract(_) => {
            (bind(&place, opening.kind, None).map_err(|e| failed(endpoint, e))?, None)
        }
    };
    // Also where interprocess has called it: what counts is the last backlog.
    socket::listen(socket.as_fd(), opening.backlog)
        .and_then(|()| socket::set_nonblocking(socket.as_fd(), true))
        .map_err(|error| failed(endpoint, error.into()))?;
    Ok((socket, name))
}

fn bind_file(path: &Path, place: &SocketAddress, opening: Opening) -> io::Result<OwnedFd> {
    if opening.group.is_some() {
        // `interprocess` would listen at once, before the group is the right one.
        return bind(place, opening.kind, Some(opening.mode & 0o700));
    }
    if opening.kind == Kind::Stream {
        match bind_by_interprocess(path, opening.mode) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
            outcome => return outcome,
        }
    }
    bind(place, opening.kind, Some(opening.mode))
}

fn bind_by_interprocess(path: &Path, mode: u32) -> io::Result<OwnedFd> {
    let options = ListenerOptions::new()
        .name(path.to_fs_name::<GenericFilePath>()?)
        .reclaim_name(false)
        .try_overwrite(false)
        .mode(raw_mode(mode));
    uds_local_socket::Listener::from_options(options).map(OwnedFd::from)
}

/// A bound socket at which nobody can connect yet, so that a mode that could not be set before can
/// still be set in time.
fn bind(place: &SocketAddress, kind: Kind, mode: Option<u32>) -> io::Result<OwnedFd> {
    let socket = socket::socket(kind)?;
    if let Some(mode) = mode {
        match socket::set_mode_before_bind(socket.as_fd(), mode) {
            Err(Errno::INVAL) => {}
            outcome => outcome?,
        }
    }
    socket::bind(socket.as_fd(), place)?;
    Ok(socket)
}

fn failed(endpoint: &Endpoint, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            Error::EndpointInUse { endpoint: endpoint.clone(), holder: None }
        }
        _ => Error::io(Operation::Bind, endpoint, error),
    }
}

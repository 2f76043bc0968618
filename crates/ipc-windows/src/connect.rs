//! Reaching a server: until it has room, and whether it is whom the client asked for.

use std::io;
use std::os::windows::io::{AsHandle, BorrowedHandle, OwnedHandle};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ipc_core::peer::Assurance;
use ipc_core::{
    CancelToken, ConnectOptions, Deadline, Endpoint, Error, Mode, Operation, Peer, Result,
};
use windows_sys::Win32::Foundation::{
    ERROR_BAD_NET_NAME, ERROR_BAD_NETPATH, ERROR_FILE_NOT_FOUND, ERROR_HANDLES_CLOSED,
    ERROR_PIPE_BUSY, ERROR_SEM_TIMEOUT,
};

use crate::address;
use crate::connection::{PipeConnection, Role};
use crate::identity;
use crate::sys::name::{self, Name};
use crate::sys::pipe::{self, Pipe};
use crate::sys::{self};
use crate::waiter::PipeWaiter;

/// Connects to `endpoint` and checks the server before anything is sent.
///
/// # Blocking
/// Opening a pipe of another machine takes as long as the network does, whatever the deadline.
pub(crate) fn connect(endpoint: &Endpoint, options: &ConnectOptions) -> Result<PipeConnection> {
    let name = address::to_connect(endpoint)?;
    let pipe = reach(endpoint, &name, options)?;
    adopt_mode(endpoint, pipe.as_handle(), options.mode)?;
    let peer = server(endpoint, pipe.as_handle());
    check_server(endpoint, options, &peer)?;
    let failed = |error| Error::io(Operation::Connect, endpoint, error);
    let waiter = clients().map_err(failed)?;
    // Frees what connections have left behind that were dropped with a write in flight.
    waiter.catch_up().map_err(failed)?;
    let pipe = Pipe::new(pipe, waiter.port(), options.mode).map_err(failed)?;
    let peer = peer.map_err(|error| error.to_string());
    let role = Role::Client { level: options.level, peer };
    Ok(PipeConnection::new(pipe, endpoint.clone(), options.mode, waiter, role)
        .pass_handles(options.handles))
}

/// Opens the pipe, waiting while all its instances are taken.
///
/// Nothing ends the system's own wait, so it is made in slices, between which the token is looked
/// at.
fn reach(endpoint: &Endpoint, name: &Name, options: &ConnectOptions) -> Result<OwnedHandle> {
    loop {
        if options.cancel.as_ref().is_some_and(CancelToken::is_cancelled) {
            return Err(Error::Cancelled { operation: Operation::Connect });
        }
        match name::open(name, options.level) {
            Ok(pipe) => return Ok(pipe),
            Err(error) if sys::is(&error, ERROR_PIPE_BUSY) => {}
            Err(error) => return Err(failed(endpoint, error)),
        }
        if options.deadline.has_passed() {
            return Err(Error::TimedOut { operation: Operation::Connect });
        }
        match name::wait(name, slice(options.deadline)) {
            // Its last instance went while it was waited for, as Wine puts it: the next look tells.
            Err(error) if sys::is(&error, ERROR_HANDLES_CLOSED) => {}
            Err(error) if !sys::is(&error, ERROR_SEM_TIMEOUT) => {
                return Err(failed(endpoint, error));
            }
            _ => {}
        }
    }
}

/// In milliseconds, at least one: none would mean the server's own default.
fn slice(deadline: Deadline) -> u32 {
    let left = deadline.remaining().unwrap_or(LONGEST_SLICE).min(LONGEST_SLICE);
    u32::try_from(left.as_millis()).map_or(1, |left| left.max(1))
}

/// Has this end read as the server writes.
fn adopt_mode(endpoint: &Endpoint, pipe: BorrowedHandle<'_>, mode: Mode) -> Result<()> {
    let failed = |error| Error::io(Operation::Connect, endpoint, error);
    if pipe::mode_of(pipe).map_err(failed)? != mode {
        let what = "the server there passes messages where bytes were asked for, or the reverse";
        return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, what)));
    }
    match mode {
        // As every end begins.
        Mode::Bytes => Ok(()),
        Mode::Messages => pipe::set_mode(pipe, mode).map_err(failed),
    }
}

/// Who serves `pipe`. Of another machine's pipe only that machine says who owns it, and nobody here
/// vouches for that.
pub(crate) fn server(endpoint: &Endpoint, pipe: BorrowedHandle<'_>) -> io::Result<Peer> {
    if address::is_remote(endpoint) {
        return Ok(Peer::new(None, Assurance::None));
    }
    identity::server(pipe)
}

fn check_server(
    endpoint: &Endpoint,
    options: &ConnectOptions,
    peer: &io::Result<Peer>,
) -> Result<()> {
    match distrust(options, peer)? {
        None => Ok(()),
        Some(reason) => Err(Error::ServerNotTrusted { endpoint: endpoint.clone(), reason }),
    }
}

/// Why the server is not whom the options ask for; `None` if it is.
pub(crate) fn distrust(
    options: &ConnectOptions,
    peer: &io::Result<Peer>,
) -> Result<Option<String>> {
    match peer {
        Ok(peer) => match options.server.decide(peer, &identity::this_process()?) {
            Err(Error::Refused { reason }) => Ok(Some(reason)),
            decided => decided.map(|()| None),
        },
        Err(_) if options.server.admits_unknown() => Ok(None),
        Err(error) => Ok(Some(format!("who serves it is not told: {error}"))),
    }
}

fn failed(endpoint: &Endpoint, error: io::Error) -> Error {
    match sys::code(&error) {
        code if is_nobody(code) => Error::NotFound { endpoint: endpoint.clone(), source: error },
        _ => Error::io(Operation::Connect, endpoint, error),
    }
}

/// Whether the system's error of that number says that there is no such pipe.
pub(crate) fn is_nobody(code: u32) -> bool {
    matches!(code, ERROR_FILE_NOT_FOUND | ERROR_BAD_NETPATH | ERROR_BAD_NET_NAME)
}

/// Where the operations of all clients of this process are told.
fn clients() -> io::Result<Arc<PipeWaiter>> {
    static CLIENTS: OnceLock<Arc<PipeWaiter>> = OnceLock::new();
    if let Some(waiter) = CLIENTS.get() {
        return Ok(Arc::clone(waiter));
    }
    let waiter = Arc::new(PipeWaiter::new()?);
    Ok(Arc::clone(CLIENTS.get_or_init(|| waiter)))
}

/// How long a cancelled token may go unseen.
const LONGEST_SLICE: Duration = Duration::from_millis(20);

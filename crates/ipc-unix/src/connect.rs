//! Reaching a server: where it is, until it has room, and whether it is whom the client asked for.
//!
//! Without a deadline or a token to watch, `interprocess` connects a byte stream, and the system
//! itself waits for room in the server's backlog. That wait cannot be ended, and `interprocess`
//! takes a connection that was put off for one that is under way; so with either, and for
//! messages, this module asks again and again.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use interprocess::ConnectWaitMode;
use interprocess::local_socket::traits::Stream as _;
use interprocess::local_socket::{ConnectOptions as Connecting, GenericFilePath, ToFsName};
use interprocess::os::unix::uds_local_socket;
use ipc_core::{CancelToken, ConnectOptions, Deadline, Endpoint, Error, Operation, Result};

use crate::address::{Address, Candidate};
use crate::connection::{Role, UnixConnection};
use crate::identity::{self, UnixPeer};
use crate::sys::Errno;
use crate::sys::socket::{self, Kind, SocketAddress};

/// Connects to `endpoint` and checks the server before anything is sent.
pub(crate) fn connect(
    endpoint: &Endpoint,
    kind: Kind,
    options: &ConnectOptions,
) -> Result<UnixConnection> {
    let socket = Arc::new(reach(endpoint, kind, options)?);
    let peer = identity::peer_of(&socket);
    check_server(endpoint, options, &peer)?;
    let peer = peer.map_err(|error| error.chain());
    let role = Role::client(options.level);
    Ok(UnixConnection::new(socket, endpoint.clone(), kind, options.handles, peer, role))
}

/// The first place where somebody listens. A place that is not safe or not allowed is passed over,
/// and named if no other answers.
fn reach(endpoint: &Endpoint, kind: Kind, options: &ConnectOptions) -> Result<OwnedFd> {
    let mut failure = None;
    for candidate in Address::to_connect(endpoint)? {
        match reach_one(endpoint, &candidate, kind, options) {
            Ok(socket) => return Ok(socket),
            Err(error @ (Error::TimedOut { .. } | Error::Cancelled { .. })) => return Err(error),
            Err(error @ Error::NotFound { .. }) => failure = failure.or(Some(error)),
            Err(error) => match failure {
                None | Some(Error::NotFound { .. }) => failure = Some(error),
                Some(_) => {}
            },
        }
    }
    Err(failure.unwrap_or_else(|| not_found(endpoint, Errno::NOENT.into())))
}

fn reach_one(
    endpoint: &Endpoint,
    candidate: &Candidate,
    kind: Kind,
    options: &ConnectOptions,
) -> Result<OwnedFd> {
    if let Some(directory) = &candidate.directory {
        if !directory.check(endpoint, Operation::Connect)? {
            return Err(not_found(endpoint, Errno::NOENT.into()));
        }
    }
    match (&candidate.address, &options.cancel) {
        (Address::Path(path), None) if options.deadline.is_never() && kind == Kind::Stream => {
            wait_by_interprocess(path).map_err(|error| failed(endpoint, error))
        }
        (address, cancel) => {
            let place = address.to_system(endpoint, Operation::Connect)?;
            ask_until(endpoint, &place, kind, options.deadline, cancel.as_ref())
        }
    }
}

fn wait_by_interprocess(path: &Path) -> io::Result<OwnedFd> {
    loop {
        let options = Connecting::new()
            .name(path.to_fs_name::<GenericFilePath>()?)
            .wait_mode(ConnectWaitMode::Unbounded);
        match uds_local_socket::Stream::from_options(&options) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => {
                let socket = OwnedFd::from(outcome?);
                socket::never_signal(socket.as_fd())?;
                return Ok(socket);
            }
        }
    }
}

/// A full backlog gives nothing to wait for, so this asks again after growing pauses.
fn ask_until(
    endpoint: &Endpoint,
    place: &SocketAddress,
    kind: Kind,
    deadline: Deadline,
    cancel: Option<&CancelToken>,
) -> Result<OwnedFd> {
    let asking = thread::current();
    let _woken = cancel.map(|token| token.on_cancel(move || asking.unpark()));
    let mut pause = FIRST_PAUSE;
    loop {
        if cancel.is_some_and(CancelToken::is_cancelled) {
            return Err(Error::Cancelled { operation: Operation::Connect });
        }
        let socket = socket::socket(kind).map_err(|error| failed(endpoint, error.into()))?;
        match socket::connect_at_once(socket.as_fd(), place) {
            Ok(()) => return Ok(socket),
            Err(Errno::AGAIN) => {}
            Err(error) => return Err(failed(endpoint, error.into())),
        }
        let left = deadline.remaining().unwrap_or(pause);
        if left.is_zero() {
            return Err(Error::TimedOut { operation: Operation::Connect });
        }
        thread::park_timeout(pause.min(left));
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

const FIRST_PAUSE: Duration = Duration::from_micros(500);
const LAST_PAUSE: Duration = Duration::from_millis(20);

fn check_server(
    endpoint: &Endpoint,
    options: &ConnectOptions,
    peer: &Result<UnixPeer>,
) -> Result<()> {
    match distrust(options, peer)? {
        None => Ok(()),
        Some(reason) => Err(Error::ServerNotTrusted { endpoint: endpoint.clone(), reason }),
    }
}

/// Why the server is not whom the options ask for; `None` if it is.
pub(crate) fn distrust(
    options: &ConnectOptions,
    peer: &Result<UnixPeer>,
) -> Result<Option<String>> {
    match peer {
        Ok(peer) => match options.server.decide(peer.peer(), &identity::this_process()?) {
            Err(Error::Refused { reason }) => Ok(Some(reason)),
            decided => decided.map(|()| None),
        },
        Err(_) if options.server.admits_unknown() => Ok(None),
        Err(error) => Ok(Some(error.chain())),
    }
}

fn failed(endpoint: &Endpoint, error: io::Error) -> Error {
    match Errno::from_io_error(&error) {
        Some(Errno::NOENT | Errno::CONNREFUSED) => not_found(endpoint, error),
        Some(Errno::PROTOTYPE) => {
            let what =
                "the server there passes messages where bytes were asked for, or the reverse";
            let source = io::Error::new(io::ErrorKind::InvalidInput, what);
            Error::io(Operation::Connect, endpoint, source)
        }
        _ => Error::io(Operation::Connect, endpoint, error),
    }
}

fn not_found(endpoint: &Endpoint, source: io::Error) -> Error {
    Error::NotFound { endpoint: endpoint.clone(), source }
}

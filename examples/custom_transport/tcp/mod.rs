//! Endpoints `tcp:PORT` on the loopback interface, in portable safe code.
//!
//! Nobody vouches for who is at the other end of a TCP connection, not even on one machine. So the
//! transport declares no identity, knows no peer, and acts as none.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ipc::error::Operation;
use ipc::peer::Assurance;
use ipc::{
    BindOptions, Capabilities, ConnectOptions, Connection, Deadline, Endpoint, Error, Listener,
    Mode, Peer, Result, Transport,
};
use parking_lot::{Condvar, Mutex};

mod connection;

use connection::TcpConnection;

/// TCP between processes of one machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TcpTransport;

impl Transport for TcpTransport {
    fn scheme(&self) -> &'static str {
        "tcp"
    }

    /// What is not named here is off, and the suite asserts that it says so when it is asked for.
    fn capabilities(&self) -> Capabilities {
        let mut can = Capabilities::default();
        can.half_close = true;
        can
    }

    fn this_process(&self) -> Result<Peer> {
        Ok(nobody_knows())
    }

    fn bind(&self, at: &Endpoint, options: &BindOptions) -> Result<Box<dyn Listener>> {
        let address = address_of(at)?;
        check_options(options.mode, options.handles, Operation::Bind)?;
        let listener = TcpListener::bind(address).map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => Error::EndpointInUse { endpoint: at.clone(), holder: None },
            _ => Error::io(Operation::Bind, at, error),
        })?;
        Ok(Box::new(Listening::start(at.clone(), address, listener)))
    }

    fn connect(&self, to: &Endpoint, options: &ConnectOptions) -> Result<Box<dyn Connection>> {
        let address = address_of(to)?;
        check_options(options.mode, options.handles, Operation::Connect)?;
        // An absent identity is refused by every policy but `any`.
        options.server.decide(&nobody_knows(), &nobody_knows()).map_err(|refusal| {
            Error::ServerNotTrusted { endpoint: to.clone(), reason: refusal.to_string() }
        })?;
        let stream = dial(to, address, options)?;
        let connection = TcpConnection::new(to.clone(), stream, Some(options.level))
            .map_err(|error| Error::io(Operation::Connect, to, error))?;
        Ok(Box::new(connection))
    }
}

/// A peer for whom nobody vouches.
fn nobody_knows() -> Peer {
    Peer::new(None, Assurance::None)
}

fn address_of(endpoint: &Endpoint) -> Result<SocketAddr> {
    let port = endpoint.name().parse().ok().filter(|port| *port != 0);
    match (endpoint.scheme(), port) {
        (Some("tcp"), Some(port)) => Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        _ => Err(Error::InvalidEndpoint {
            text: endpoint.to_string(),
            reason: "it is written `tcp:PORT`, with a port from 1 to 65535".to_owned(),
        }),
    }
}

/// An option that cannot be honoured is an error.
fn check_options(mode: Mode, handles: bool, operation: Operation) -> Result<()> {
    if mode == Mode::Bytes && !handles { Ok(()) } else { Err(Error::Unsupported { operation }) }
}

/// Connects in short attempts: a full backlog is silent, and nothing else would notice the token.
fn dial(to: &Endpoint, address: SocketAddr, options: &ConnectOptions) -> Result<TcpStream> {
    const ATTEMPT: Duration = Duration::from_millis(50);
    let operation = Operation::Connect;
    loop {
        if options.cancel.as_ref().is_some_and(|token| token.is_cancelled()) {
            return Err(Error::Cancelled { operation });
        }
        let left = options.deadline.remaining().unwrap_or(ATTEMPT);
        let attempt = left.clamp(Duration::from_millis(1), ATTEMPT);
        match TcpStream::connect_timeout(&address, attempt) {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                return Err(Error::NotFound { endpoint: to.clone(), source: error });
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                if options.deadline.has_passed() {
                    return Err(Error::TimedOut { operation });
                }
            }
            Err(error) => return Err(Error::io(operation, to, error)),
        }
    }
}

/// A bound port. `TcpListener` can neither wait until a deadline nor be woken, so one thread
/// accepts into a queue, and whoever calls `accept` waits there.
#[derive(Debug)]
struct Listening {
    endpoint: Endpoint,
    address: SocketAddr,
    lobby: Arc<Lobby>,
    usher: Mutex<Option<JoinHandle<()>>>,
}

impl Listening {
    fn start(endpoint: Endpoint, address: SocketAddr, listener: TcpListener) -> Self {
        let lobby = Arc::new(Lobby::default());
        let usher = thread::spawn({
            let lobby = Arc::clone(&lobby);
            move || while lobby.admit(listener.accept().map(|(stream, _)| stream)) {}
        });
        Self { endpoint, address, lobby, usher: Mutex::new(Some(usher)) }
    }
}

impl Listener for Listening {
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn accept(&self, deadline: Deadline) -> Result<Box<dyn Connection>> {
        let connection = self
            .lobby
            .next(deadline)?
            .and_then(|stream| TcpConnection::new(self.endpoint.clone(), stream, None));
        match connection {
            Ok(connection) => Ok(Box::new(connection)),
            Err(error) => Err(Error::io(Operation::Accept, &self.endpoint, error)),
        }
    }

    fn close(&self) {
        self.lobby.close();
        let Some(usher) = self.usher.lock().take() else { return };
        // Wakes the thread if it waits in `accept`; the port is free when it has ended.
        let _ = TcpStream::connect(self.address);
        let _ = usher.join();
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.close();
    }
}

/// Where peers wait to be accepted.
#[derive(Debug, Default)]
struct Lobby {
    state: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    arrivals: VecDeque<io::Result<TcpStream>>,
    closed: bool,
}

impl Lobby {
    /// How many wait here; the system's own backlog comes on top.
    const PLACES: usize = 16;

    /// Adds an arrival, or the reason why nobody arrived, and waits until there is a place for the
    /// next; `false` once the lobby is closed.
    fn admit(&self, arrival: io::Result<TcpStream>) -> bool {
        let mut state = self.state.lock();
        state.arrivals.push_back(arrival);
        self.changed.notify_all();
        self.changed.wait_while(&mut state, |s| !s.closed && s.arrivals.len() >= Self::PLACES);
        !state.closed
    }

    fn next(&self, deadline: Deadline) -> Result<io::Result<TcpStream>> {
        let operation = Operation::Accept;
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return Err(Error::Closed { operation });
            }
            if let Some(arrival) = state.arrivals.pop_front() {
                self.changed.notify_all();
                return Ok(arrival);
            }
            if !connection::pause(&self.changed, &mut state, deadline) {
                return Err(Error::TimedOut { operation });
            }
        }
    }

    fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.arrivals.clear();
        self.changed.notify_all();
    }
}

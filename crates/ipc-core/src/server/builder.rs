//! Starting and stopping a server.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread::{self, JoinHandle};
use std::time::Instant;
use std::{fmt, io};

use parking_lot::{Condvar, Mutex};

use super::limits::ServerLimits;
use super::observer::{Nobody, Observer};
use super::pool::Pool;
use super::protocol::Protocol;
use super::queue::RunQueue;
use super::runtime::{Runtime, Speak};
use super::seats::Seats;
use super::shares::Shares;
use super::threaded::Threaded;
use super::timers::Timers;
use super::worker;
use crate::audit::{Audit, Sink};
use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::error::{Error, Operation, Result};
use crate::options::BindOptions;
use crate::policy::Policy;
use crate::service::Service;
use crate::session::{ServerSession, SessionLimits};
use crate::transport::{Key, Listener, Transport, Waiter};

/// A running server. Dropping it cuts every connection; [`shutdown`](Self::shutdown) first lets
/// them finish.
pub struct Server {
    runtime: Arc<Runtime>,
    endpoint: Endpoint,
    workers: Vec<JoinHandle<()>>,
}

impl Server {
    /// Prepares a server at `endpoint`.
    #[must_use]
    pub fn builder(transport: Arc<dyn Transport>, endpoint: Endpoint) -> ServerBuilder {
        ServerBuilder {
            transport,
            endpoint,
            workers: DEFAULT_WORKERS,
            policy: Policy::same_user(),
            limits: ServerLimits::default(),
            session: SessionLimits::default(),
            options: BindOptions::new(),
            listener: None,
            observer: Box::new(Nobody),
            audit: Audit::default(),
        }
    }

    /// Where clients connect.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.runtime.clients.lock().len()
    }

    /// Stops accepting, lets every call that was taken finish, and tells each client that later
    /// ones were not run. The name is free when this returns.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if calls were cut because the deadline passed; the server has stopped
    /// all the same.
    pub fn shutdown(mut self, deadline: Deadline) -> Result<()> {
        self.runtime.drain();
        let outcome = self.runtime.wait_until_all_gone(deadline);
        self.runtime.stop();
        if outcome.is_ok() {
            for worker in self.workers.drain(..) {
                // A worker that panicked has said so; there is nothing to add here.
                let _ = worker.join();
            }
        }
        outcome
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.runtime.stop();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("endpoint", &self.endpoint)
            .field("workers", &self.workers.len())
            .finish_non_exhaustive()
    }
}

/// Sets up a [`Server`].
#[derive(Debug)]
pub struct ServerBuilder {
    transport: Arc<dyn Transport>,
    endpoint: Endpoint,
    workers: usize,
    policy: Policy,
    limits: ServerLimits,
    session: SessionLimits,
    options: BindOptions,
    listener: Option<Box<dyn Listener>>,
    observer: Box<dyn Observer>,
    audit: Audit,
}

impl ServerBuilder {
    /// Sets how many threads read and answer requests; at least one. Default: 4.
    #[must_use]
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.max(1);
        self
    }

    /// Sets who may connect. Default: [`Policy::same_user`].
    ///
    /// The endpoint itself must let them: a Unix socket is closed to other users unless the
    /// transport's `mode` opens it (`UnixTransport::new().mode(0o666)`).
    ///
    /// The names of a policy from text (`group:staff`) are looked up by [`Policy::resolve`] before it
    /// is set; one that was not admits nobody.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the limits of the server as a whole.
    #[must_use]
    pub fn limits(mut self, limits: ServerLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets what each connection allows its client.
    #[must_use]
    pub fn session_limits(mut self, limits: SessionLimits) -> Self {
        self.session = limits;
        self
    }

    /// Sets how the endpoint is bound. Sessions need byte streams; calls and answers with open handles
    /// need [`handles`](BindOptions::handles).
    #[must_use]
    pub fn bind_options(mut self, options: BindOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets a listener that the transport has bound already; else it is bound when serving begins.
    /// For whoever does something in between: gives up rights, for one, before threads have them.
    #[must_use]
    pub fn listener(mut self, listener: Box<dyn Listener>) -> Self {
        self.listener = Some(listener);
        self
    }

    /// Sets who is told about connections. Default: nobody.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Box::new(observer);
        self
    }

    /// Sets who keeps the account of what the server decides; see [`audit`](crate::audit). Default:
    /// nobody but subscribers of `tracing`.
    #[must_use]
    pub fn audit(mut self, sink: Arc<dyn Sink>) -> Self {
        self.audit = Audit::to(sink);
        self
    }

    /// Binds the endpoint, unless it is bound already, and serves on it, in the session protocol,
    /// until the server is shut down or dropped.
    ///
    /// # Errors
    /// As [`Transport::bind`]; [`Error::Io`] if threads cannot be started.
    pub fn serve(self, service: impl Service) -> Result<Server> {
        let limits = self.session;
        self.serve_protocol(service, move || Box::new(ServerSession::new(&limits, Instant::now())))
    }

    /// Binds the endpoint and serves on it in a protocol of the caller's.
    ///
    /// # Errors
    /// As [`Transport::bind`]; [`Error::Io`] if threads cannot be started.
    pub fn serve_protocol(
        self,
        service: impl Service,
        speak: impl Fn() -> Box<dyn Protocol> + Send + Sync + 'static,
    ) -> Result<Server> {
        let own = self.transport.this_process()?;
        let listener = match self.listener {
            Some(bound) => bound,
            None => self.transport.bind(&self.endpoint, &self.options)?,
        };
        let listener: Arc<dyn Listener> = Arc::from(listener);
        let (listener, waiter) = with_waiter(listener)?;
        let cannot_start = |source: io::Error| Error::io(Operation::Bind, &self.endpoint, source);
        let pool =
            Pool::start(self.limits.pool_threads, self.limits.pool_queue).map_err(cannot_start)?;
        let speak: Speak = Box::new(speak);
        let runtime = Arc::new_cyclic(|myself| Runtime {
            service: Box::new(service),
            speak,
            policy: self.policy,
            own,
            observer: self.observer,
            audit: self.audit,
            limits: self.limits,
            shares: Shares::new(&self.limits),
            workers: self.workers,
            pool,
            seats: Seats::for_workers(self.workers),
            queue: RunQueue::new(Arc::clone(&waiter)),
            timers: Timers::default(),
            waiter,
            myself: myself.clone(),
            listener: Mutex::new(Some(listener)),
            clients: Mutex::new(HashMap::new()),
            all_gone: Condvar::new(),
            full: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            last_key: AtomicU64::new(Key::LISTENER.0),
        });
        let mut server = Server { runtime, endpoint: self.endpoint.clone(), workers: Vec::new() };
        for number in 1..=self.workers {
            let runtime = Arc::clone(&server.runtime);
            let worker = thread::Builder::new()
                .name(format!("ipc-worker-{number}"))
                .spawn(move || worker::work(&runtime, number))
                .map_err(cannot_start)?;
            server.workers.push(worker);
        }
        let (runtime, number) = (Arc::clone(&server.runtime), server.runtime.workers + 1);
        let stands_by = thread::Builder::new()
            .name("ipc-stand-by".to_owned())
            .spawn(move || worker::stand_by(&runtime, number))
            .map_err(cannot_start)?;
        server.workers.push(stands_by);
        server.runtime.arm();
        Ok(server)
    }
}

/// The listener with its waiter, or with threads in place of one.
fn with_waiter(listener: Arc<dyn Listener>) -> Result<(Arc<dyn Listener>, Arc<dyn Waiter>)> {
    if let Some(waiter) = listener.waiter() {
        return Ok((listener, waiter));
    }
    let threaded = Arc::new(Threaded::new(listener)?);
    let waiter = threaded.waiter().ok_or(Error::Unsupported { operation: Operation::Park })?;
    Ok((threaded, waiter))
}

/// The four threads of the classic pipe server.
const DEFAULT_WORKERS: usize = 4;

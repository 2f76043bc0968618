//! What a case is given: the transport under test, and both ends of connections over it.

use std::sync::Arc;

use ipc_core::{
    BindOptions, Capabilities, ConnectOptions, Connection, Deadline, Endpoint, Listener, Mode,
    Policy, Transport,
};

mod crew;
mod end;

pub use crew::{Crew, HEAD_STARTS, Worker, with_threads};
pub use end::End;

/// The transport under test, with fresh names for it and one of its two modes.
#[derive(Clone, Debug)]
pub struct Harness {
    transport: Arc<dyn Transport>,
    fresh: fn() -> Endpoint,
    open_handles: fn() -> Option<usize>,
    mode: Mode,
}

impl Harness {
    /// A harness in byte mode. `fresh` gives an endpoint that nobody has used, `open_handles` how
    /// many descriptors or handles this process holds (`None` where the system does not tell).
    #[must_use]
    pub fn new(
        transport: Arc<dyn Transport>,
        fresh: fn() -> Endpoint,
        open_handles: fn() -> Option<usize>,
    ) -> Self {
        Self { transport, fresh, open_handles, mode: Mode::Bytes }
    }

    /// Sets the mode in which connections are made. Default: [`Mode::Bytes`].
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// `true` if connections are made in that mode.
    #[must_use]
    pub fn is_for(&self, mode: Mode) -> bool {
        self.mode == mode
    }

    /// The transport.
    #[must_use]
    pub fn transport(&self) -> &dyn Transport {
        &*self.transport
    }

    /// What the transport says that it can.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.transport.capabilities()
    }

    /// An endpoint that nobody has used.
    #[must_use]
    pub fn fresh(&self) -> Endpoint {
        (self.fresh)()
    }

    /// How many descriptors or handles this process holds, where the system tells.
    #[must_use]
    pub fn open_handles(&self) -> Option<usize> {
        (self.open_handles)()
    }

    /// The options of this mode.
    #[must_use]
    pub fn bind_options(&self) -> BindOptions {
        BindOptions::new().mode(self.mode)
    }

    /// The options of this mode, towards whoever serves: most cases are not about trust, and a
    /// transport without identity knows nobody.
    #[must_use]
    pub fn connect_options(&self) -> ConnectOptions {
        ConnectOptions::new().mode(self.mode).server(Policy::any())
    }

    /// A listener at a fresh endpoint.
    ///
    /// # Panics
    /// If it cannot be bound.
    #[must_use]
    pub fn listen(&self) -> Box<dyn Listener> {
        self.bind(&self.bind_options())
    }

    /// A listener at a fresh endpoint, with options.
    ///
    /// # Panics
    /// If it cannot be bound.
    #[must_use]
    pub fn bind(&self, options: &BindOptions) -> Box<dyn Listener> {
        let at = self.fresh();
        self.transport.bind(&at, options).unwrap_or_else(|error| {
            panic!("cannot bind a fresh name: {}", error.chain());
        })
    }

    /// Connects to `listener`.
    ///
    /// # Panics
    /// If that fails.
    #[must_use]
    pub fn connect(&self, listener: &dyn Listener) -> End {
        self.connect_with(listener, &self.connect_options())
    }

    /// Connects to `listener`, with options.
    ///
    /// # Panics
    /// If that fails.
    #[must_use]
    pub fn connect_with(&self, listener: &dyn Listener, options: &ConnectOptions) -> End {
        let connection = self.transport.connect(listener.endpoint(), options);
        self.end(connection.unwrap_or_else(|error| panic!("cannot connect: {}", error.chain())))
    }

    /// Accepts a peer, waiting for it.
    ///
    /// # Panics
    /// If that fails.
    #[must_use]
    pub fn accept(&self, listener: &dyn Listener) -> End {
        let connection = listener.accept(Deadline::NEVER);
        self.end(connection.unwrap_or_else(|error| panic!("cannot accept: {}", error.chain())))
    }

    /// A connection with both its ends.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn pair(&self) -> Pair {
        self.pair_with(&self.bind_options(), &self.connect_options())
    }

    /// A connection with both its ends, with options.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn pair_with(&self, bind: &BindOptions, connect: &ConnectOptions) -> Pair {
        let listener = self.bind(bind);
        let client = self.connect_with(&*listener, connect);
        let server = self.accept(&*listener);
        Pair { client, server, listener }
    }

    /// Wraps `connection` with this mode's ways to send and receive.
    #[must_use]
    pub fn end(&self, connection: Box<dyn Connection>) -> End {
        let max_message = self.capabilities().max_message.unwrap_or(0);
        End::new(connection, self.mode, max_message)
    }
}

/// Both ends of a connection.
#[derive(Debug)]
pub struct Pair {
    /// The end that connected.
    pub client: End,
    /// The end that was accepted.
    pub server: End,
    /// Where it was accepted.
    pub listener: Box<dyn Listener>,
}

impl Pair {
    /// Runs `work`, which may start threads that use both ends. Should one of them panic, both
    /// ends are cancelled, so that the others do not wait for it for ever.
    pub fn with_threads<'env, T>(
        &'env self,
        work: impl for<'scope> FnOnce(&Crew<'scope, 'env>) -> T,
    ) -> T {
        let rescue = || {
            self.client.cancel();
            self.server.cancel();
        };
        with_threads(rescue, work)
    }
}

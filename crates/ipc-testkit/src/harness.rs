//! What a case is given: the transport under test, and both ends of connections over it.

use std::io::IoSlice;
use std::ops::Deref;
use std::sync::Arc;
use std::thread;

use ipc_core::{
    BindOptions, Capabilities, ConnectOptions, Connection, Deadline, Endpoint, Error, Listener,
    Mode, Policy, Result, Transport,
};

use crate::data;

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
        End { connection, mode: self.mode, max_message }
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
        work: impl for<'scope> FnOnce(Crew<'scope, 'env>) -> T,
    ) -> T {
        thread::scope(|scope| {
            let _rescue = Rescue(self);
            work(Crew { scope, pair: self })
        })
    }
}

/// Starts threads that work on a [`Pair`].
#[derive(Clone, Copy, Debug)]
pub struct Crew<'scope, 'env> {
    scope: &'scope thread::Scope<'scope, 'env>,
    pair: &'env Pair,
}

impl<'scope> Crew<'scope, '_> {
    /// Starts a thread.
    pub fn spawn<T: Send + 'scope>(
        &self,
        work: impl FnOnce() -> T + Send + 'scope,
    ) -> Worker<'scope, T> {
        let pair = self.pair;
        Worker(self.scope.spawn(move || {
            let _rescue = Rescue(pair);
            work()
        }))
    }
}

/// A thread of a [`Crew`].
#[derive(Debug)]
pub struct Worker<'scope, T>(thread::ScopedJoinHandle<'scope, T>);

impl<T> Worker<'_, T> {
    /// Waits for the thread and what it returns.
    ///
    /// # Panics
    /// As the thread did.
    pub fn join(self) -> T {
        self.0.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// Cancels both ends if this thread panics.
struct Rescue<'a>(&'a Pair);

impl Drop for Rescue<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.client.cancel();
            self.0.server.cancel();
        }
    }
}

/// One end of a connection, used alike in both modes: what is sent in bytes arrives in bytes, what
/// is sent in messages arrives in messages.
#[derive(Debug)]
pub struct End {
    connection: Box<dyn Connection>,
    mode: Mode,
    max_message: usize,
}

impl End {
    /// How many bytes go in one write or message, unless messages must be shorter.
    const CHUNK: usize = 4096;

    /// Sends all of `bytes`, in as many writes or messages as it takes.
    ///
    /// # Panics
    /// If that fails.
    pub fn send(&self, bytes: &[u8]) {
        if let Err(error) = self.try_send(bytes) {
            panic!("cannot send {} bytes: {}", bytes.len(), error.chain());
        }
    }

    /// Sends all of `bytes`, waiting as long as it takes.
    ///
    /// # Errors
    /// As the connection's.
    pub fn try_send(&self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let count = self.send_some(bytes, Deadline::NEVER)?;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// Sends the beginning of `bytes` in one write or message, and tells its length.
    ///
    /// # Errors
    /// As the connection's.
    pub fn send_some(&self, bytes: &[u8], deadline: Deadline) -> Result<usize> {
        let bytes = &bytes[..bytes.len().min(self.chunk())];
        match self.mode {
            Mode::Bytes => self.connection.write_vectored(&[IoSlice::new(bytes)], deadline),
            Mode::Messages => {
                self.the_messages().send(&[IoSlice::new(bytes)], deadline)?;
                Ok(bytes.len())
            }
        }
    }

    /// Sends bytes of the stream `seed` until no more is accepted, and tells how many were.
    ///
    /// # Panics
    /// If that fails, or if there is no end to what is accepted although nobody reads.
    #[must_use]
    pub fn fill(&self, seed: u64) -> usize {
        self.fill_from(seed, 0)
    }

    /// As [`fill`](Self::fill), after `sent` bytes of that stream.
    ///
    /// # Panics
    /// As [`fill`](Self::fill).
    #[must_use]
    pub fn fill_from(&self, seed: u64, mut sent: usize) -> usize {
        const ENDLESS: usize = 256 << 20;
        while sent < ENDLESS {
            let chunk = data::stream(seed, sent, self.chunk());
            let mut rest = &chunk[..];
            while !rest.is_empty() {
                match self.send_some(rest, Deadline::NOW) {
                    Ok(count) => rest = &rest[count..],
                    Err(Error::TimedOut { .. }) => return sent + chunk.len() - rest.len(),
                    Err(error) => panic!("cannot send: {}", error.chain()),
                }
            }
            sent += chunk.len();
        }
        panic!("{sent} bytes were accepted although nobody reads");
    }

    /// Receives what comes first: the bytes there are or one message; nothing at the end.
    ///
    /// # Errors
    /// As the connection's.
    pub fn receive(&self, deadline: Deadline) -> Result<Vec<u8>> {
        let mut received = Vec::new();
        self.receive_into(&mut received, usize::MAX, deadline)?;
        Ok(received)
    }

    /// Receives `length` bytes, or a few more if a message goes beyond them; fewer only if the end
    /// comes first.
    ///
    /// # Panics
    /// If that fails.
    #[must_use]
    pub fn receive_exactly(&self, length: usize) -> Vec<u8> {
        let (mut received, mut chunk) = (Vec::new(), Vec::new());
        while received.len() < length {
            match self.receive_into(&mut chunk, length - received.len(), Deadline::NEVER) {
                Ok(()) if chunk.is_empty() => break,
                Ok(()) => received.extend_from_slice(&chunk),
                Err(error) => {
                    panic!("{} of {length} bytes had arrived: {}", received.len(), error.chain())
                }
            }
        }
        received
    }

    /// Receives everything up to the end, or until the peer that has closed is gone altogether.
    ///
    /// # Panics
    /// If that fails.
    #[must_use]
    pub fn receive_to_end(&self) -> Vec<u8> {
        let (mut received, mut chunk) = (Vec::new(), Vec::new());
        loop {
            match self.receive_into(&mut chunk, usize::MAX, Deadline::NEVER) {
                Ok(()) if chunk.is_empty() => return received,
                Ok(()) => received.extend_from_slice(&chunk),
                Err(Error::Disconnected { .. }) => return received,
                Err(error) => {
                    panic!("{} bytes had arrived: {}", received.len(), error.chain())
                }
            }
        }
    }

    /// Receives what must be `expected`.
    ///
    /// # Panics
    /// If it is not.
    pub fn expect(&self, expected: &[u8]) {
        data::assert_same(&self.receive_exactly(expected.len()), expected);
    }

    /// Receives the end of a peer that has closed or vanished: nothing, or that it is gone.
    ///
    /// # Panics
    /// If something else comes.
    pub fn expect_end(&self) {
        match self.receive(Deadline::NEVER) {
            Ok(rest) => assert!(rest.is_empty(), "{} bytes came instead of the end", rest.len()),
            Err(Error::Disconnected { .. }) => {}
            Err(error) => panic!("instead of the end: {}", error.chain()),
        }
    }

    /// Drops this end, closing it without waiting.
    pub fn vanish(self) {
        drop(self);
    }

    /// Receives into `chunk`, replacing what it held: one message, or at most `limit` bytes.
    fn receive_into(&self, chunk: &mut Vec<u8>, limit: usize, deadline: Deadline) -> Result<()> {
        if self.mode == Mode::Messages {
            let more = self.the_messages().receive(chunk, self.max_message, deadline)?;
            assert_eq!(more, !chunk.is_empty(), "an empty message, or an end with bytes");
            return Ok(());
        }
        let mut buffer = [0; Self::CHUNK];
        let limit = limit.min(buffer.len());
        let count = self.connection.read(&mut buffer[..limit], deadline)?;
        chunk.clear();
        chunk.extend_from_slice(&buffer[..count]);
        Ok(())
    }

    fn chunk(&self) -> usize {
        match self.mode {
            Mode::Bytes => Self::CHUNK,
            Mode::Messages => Self::CHUNK.min(self.max_message),
        }
    }

    fn the_messages(&self) -> &dyn ipc_core::transport::Messages {
        self.connection.messages().expect("a connection in message mode has messages")
    }
}

impl Deref for End {
    type Target = dyn Connection;

    fn deref(&self) -> &Self::Target {
        &*self.connection
    }
}

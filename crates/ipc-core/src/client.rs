//! The blocking client: one call at a time on a connection of its own.

use std::fmt;
use std::fs::File;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::cancel::{CancelToken, Registration};
use crate::codec::Codec;
use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::error::{Error, Operation, Result};
use crate::options::ConnectOptions;
use crate::server::protocol::CallId;
use crate::session::{ClientEvent, ClientSession, SessionLimits};
use crate::transport::{Connection, Interest, ReceivedHandle, Ticket, Transport};

mod body;
#[cfg(test)]
mod tests;

pub use body::BodyReader;

/// Calls a server, over any transport.
///
/// Calls borrow the client until their body has been read or dropped, so that the compiler sees to
/// it that there is one at a time; for more at once open more connections. Most programs use the
/// typed client that `service!` declares, which is made from this one.
///
/// # Blocking
/// Every call waits for its answer as long as its [timeout](Self::set_timeout) allows.
pub struct Client {
    connection: Arc<dyn Connection>,
    session: ClientSession,
    timeout: Option<Duration>,
    deadline: Deadline,
    /// Whether the server takes no more bytes; what it has sent can still be read.
    deaf: bool,
    cancel: Option<Registration>,
}

impl Client {
    /// Connects to the server at `endpoint`.
    ///
    /// # Errors
    /// As [`Transport::connect`]. Whether the server speaks this protocol and admits this client is
    /// told by the first call: its request travels together with the preface.
    pub fn connect(
        transport: &dyn Transport,
        endpoint: &Endpoint,
        connect: &ConnectOptions,
        options: ClientOptions,
    ) -> Result<Self> {
        Ok(Self::new(transport.connect(endpoint, connect)?, options))
    }

    /// A client on a connection that nothing was sent on yet. It grants the server the level that
    /// the connection was made with.
    #[must_use]
    pub fn new(connection: Box<dyn Connection>, options: ClientOptions) -> Self {
        let level = connection.level().unwrap_or_default();
        let session = match connection.handles() {
            Some(_) => ClientSession::with_handles(level, &options.limits),
            None => ClientSession::new(level, &options.limits),
        };
        Self {
            connection: Arc::from(connection),
            session,
            timeout: options.timeout,
            deadline: Deadline::NEVER,
            deaf: false,
            cancel: None,
        }
    }

    /// Calls `method` with [encoded](crate::service::Arguments::push) arguments, and waits for the
    /// answer's value.
    ///
    /// # Errors
    /// [`Error::Remote`] with the server's failure; of kind
    /// [`Draining`](crate::ErrorKind::Draining) if it provably has not run the call.
    /// [`Error::TimedOut`], after which the client can be used again. [`Error::LimitExceeded`] for
    /// arguments that are too long. [`Error::Disconnected`], [`Error::Protocol`],
    /// [`Error::Cancelled`]: the connection is over, and it is not known whether the call was run.
    pub fn call(&mut self, method: u32, arguments: &[u8]) -> Result<RawResponse<'_>> {
        let mut patience = self.patience_for_a_call()?;
        let call = self
            .begin(&mut patience, |session, deadline| session.call(method, arguments, deadline))?;
        self.finish_call(call, patience)
    }

    /// The same, and passes the open `file` with the call. The server gets a handle of its own on the
    /// very same opening, which it may keep. The first such call on a connection waits until the
    /// server has said that it takes handles.
    ///
    /// # Errors
    /// As [`call`](Self::call); [`Error::HandlesNotPassed`] if this connection or the server passes
    /// none, and then nothing was sent.
    pub fn call_with_handle(
        &mut self,
        method: u32,
        arguments: &[u8],
        file: File,
    ) -> Result<RawResponse<'_>> {
        let mut patience = self.patience_for_a_call()?;
        let connection = Arc::clone(&self.connection);
        let mut file = Some(file);
        let mut offer = || offer(&*connection, file.take());
        let call = self.begin(&mut patience, |session, deadline| {
            session.call_with_handle(method, arguments, deadline, &mut offer)
        })?;
        self.finish_call(call, patience)
    }

    /// Sets how long a call may wait for its answer, and the reader of a body for the next bytes of
    /// it; `None`: as long as the connection lives. Default: 30 seconds, so that the transfer of a
    /// large file may take its time while a silent server is noticed.
    ///
    /// The server is told, and gives up an answer that is not there in time.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = timeout;
    }

    /// Sets a moment by which everything on this client must be done, bodies included, whatever
    /// the timeout. Default: [`Deadline::NEVER`].
    pub fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
    }

    /// Has `token` end this connection for good: the call under way and every later one fail as
    /// [`Error::Cancelled`].
    pub fn cancel_with(&mut self, token: &CancelToken) {
        let connection = Arc::clone(&self.connection);
        self.cancel = Some(token.on_cancel(move || connection.cancel()));
    }

    /// The connection: who the server is, where it listens.
    #[must_use]
    pub fn connection(&self) -> &dyn Connection {
        &*self.connection
    }

    /// Takes leave of the server and closes the connection. Dropping the client does so without a
    /// word, which a server that is waiting for nothing notices as well.
    ///
    /// # Errors
    /// As [`Connection::close`]. A server that is gone already is no error.
    pub fn close(mut self, deadline: Deadline) -> Result<()> {
        self.session.close();
        while !self.flush()? {
            if self.connection.wait(Interest::Both, deadline)?.read && !self.discard()? {
                break;
            }
            if deadline.has_passed() {
                return Err(Error::TimedOut { operation: Operation::Close });
            }
        }
        self.connection.close(deadline)
    }

    /// Waits for the answer to `call`, and gives the call up if none comes.
    fn finish_call(&mut self, call: CallId, mut patience: Patience) -> Result<RawResponse<'_>> {
        match self.answer(call, &mut patience) {
            Ok(Answer { value, body, handle }) => {
                let body = if body { BodyReader::open } else { BodyReader::empty }(self, call);
                Ok(RawResponse { value, body, handle })
            }
            Err(error) => {
                self.abandon(call);
                Err(error)
            }
        }
    }

    /// Waits for the value of `call`, and for the handle that comes before it.
    fn answer(&mut self, call: CallId, patience: &mut Patience) -> Result<Answer> {
        let mut handle = None;
        loop {
            match self.session.next_event()? {
                Some(ClientEvent::Handle { call: of, ticket }) => {
                    let claimed = self.claim(ticket)?;
                    if of == call {
                        handle = Some(claimed);
                    }
                }
                Some(ClientEvent::Response { call: of, value, body }) if of == call => {
                    return Ok(Answer { value: value.to_vec(), body, handle });
                }
                Some(ClientEvent::End { call: of, result: Err(failure), .. }) if of == call => {
                    return Err(Error::Remote(failure));
                }
                // There is no other call that anybody waits for.
                Some(_) => {}
                None => self.receive(usize::MAX, patience)?,
            }
        }
    }

    /// Begins a call, once the server's limits are known to allow it.
    fn begin(
        &mut self,
        patience: &mut Patience,
        mut call: impl FnMut(&mut ClientSession, Deadline) -> Result<Option<CallId>>,
    ) -> Result<CallId> {
        loop {
            if let Some(call) = call(&mut self.session, patience.deadline)? {
                return Ok(call);
            }
            // What has come may be what allows it: the server's preface, or an earlier call's end.
            while let Some(event) = self.session.next_event()? {
                if let ClientEvent::Handle { ticket, .. } = event {
                    self.claim(ticket)?;
                }
            }
            if let Some(call) = call(&mut self.session, patience.deadline)? {
                return Ok(call);
            }
            self.receive(usize::MAX, patience)?;
        }
    }

    /// Takes the handle that came under `ticket`. A server whose handles cannot be counted any more
    /// is given up.
    fn claim(&mut self, ticket: Ticket) -> Result<ReceivedHandle> {
        let claimed = match self.connection.handles() {
            Some(handles) => handles.claim(ticket),
            None => Err(Error::Unsupported { operation: Operation::PassHandle }),
        };
        claimed.inspect_err(|error| {
            self.session.refuse(error);
            // It is told why if it still takes anything.
            let _ = self.flush();
        })
    }

    /// Tells the server that nobody waits for `call`, now or with the next bytes that it takes.
    fn abandon(&mut self, call: CallId) {
        self.session.cancel(call);
        // An error here comes again, to whoever uses the connection next.
        let _ = self.flush();
    }

    /// By when a call that is made now must be answered.
    fn patience_for_a_call(&self) -> Result<Patience> {
        let patience = self.patience();
        if patience.deadline.has_passed() {
            return Err(Error::TimedOut { operation: Operation::Call });
        }
        Ok(patience)
    }

    /// By when what is to be waited for now must have come.
    fn patience(&self) -> Patience {
        Patience { deadline: self.deadline.min(self.timeout.into()), spent: false }
    }

    /// Sends what is queued, then reads at most `most` bytes into the session. While the server
    /// takes nothing, what it sends is read all the same: else two that send to each other would
    /// wait for ever.
    fn receive(&mut self, most: usize, patience: &mut Patience) -> Result<()> {
        self.read_by(patience, |session, connection, deadline| {
            let room = session.room();
            let most = most.min(room.len());
            let count = connection.read(&mut room[..most], deadline)?;
            session.received(count);
            Ok(count)
        })?;
        Ok(())
    }

    /// Sends what is queued, then reads by `read`. At the end of the server's bytes the session is
    /// told, and 0 returned.
    fn read_by(
        &mut self,
        patience: &mut Patience,
        mut read: impl FnMut(&mut ClientSession, &dyn Connection, Deadline) -> Result<usize>,
    ) -> Result<usize> {
        let deadline = patience.for_one_more(self.session.awaits())?;
        loop {
            let mut until = deadline;
            if !self.flush()? {
                let ready = self.connection.wait(Interest::Both, deadline);
                if !ready.map_err(|error| self.in_context(error))?.read {
                    continue;
                }
                until = Deadline::NOW;
            }
            match read(&mut self.session, &*self.connection, until) {
                Ok(0) | Err(Error::Disconnected { .. }) => {
                    self.session.ended();
                    return Ok(0);
                }
                Ok(count) => return Ok(count),
                // It was not ready after all.
                Err(Error::TimedOut { .. }) if !deadline.has_passed() => {}
                Err(error) => return Err(self.in_context(error)),
            }
        }
    }

    /// Sends what the connection takes without waiting. `true` if nothing is left.
    fn flush(&mut self) -> Result<bool> {
        while !self.session.output().is_empty() && !self.deaf {
            let parts = [IoSlice::new(self.session.output())];
            match self.connection.write_vectored(&parts, Deadline::NOW) {
                Ok(count) => self.session.sent(count),
                Err(Error::TimedOut { .. }) => return Ok(false),
                // What it said before it went tells more.
                Err(Error::Disconnected { .. }) => self.deaf = true,
                Err(error) => return Err(self.in_context(error)),
            }
        }
        Ok(true)
    }

    /// Reads and forgets what has come. `false` at the end.
    fn discard(&mut self) -> Result<bool> {
        let mut scratch = [0; 4096];
        match self.connection.read(&mut scratch, Deadline::NOW) {
            Ok(0) | Err(Error::Disconnected { .. }) => Ok(false),
            Ok(_) | Err(Error::TimedOut { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Says what was waited for, where the connection only knows that it read.
    fn in_context(&self, error: Error) -> Error {
        match error {
            Error::TimedOut { .. } => Error::TimedOut { operation: self.session.awaits() },
            other => other,
        }
    }
}

fn offer(connection: &dyn Connection, file: Option<File>) -> Result<Ticket> {
    match (connection.handles(), file) {
        (Some(handles), Some(file)) => handles.offer(file),
        _ => Err(Error::Unsupported { operation: Operation::PassHandle }),
    }
}

/// The beginning of an answer.
struct Answer {
    value: Vec<u8>,
    /// Whether a body follows.
    body: bool,
    handle: Option<ReceivedHandle>,
}

/// How long one thing is waited for, however many reads it takes.
///
/// A read whose deadline has passed still takes what is there, so that an answer that came in time
/// is not lost. That happens once: a server that always has something else to say would hold its
/// client for ever.
#[derive(Debug)]
struct Patience {
    deadline: Deadline,
    /// Whether a read was begun after the deadline.
    spent: bool,
}

impl Patience {
    /// The deadline of one more read.
    fn for_one_more(&mut self, operation: Operation) -> Result<Deadline> {
        if self.spent {
            return Err(Error::TimedOut { operation });
        }
        self.spent = self.deadline.has_passed();
        Ok(self.deadline)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("connection", &self.connection).finish_non_exhaustive()
    }
}

/// How a [`Client`] behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientOptions {
    /// As [`Client::set_timeout`]. Default: 30 seconds.
    pub timeout: Option<Duration>,
    /// What is accepted of the server.
    pub limits: SessionLimits,
}

impl ClientOptions {
    /// A timeout of 30 seconds, and the default limits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long a call may wait; see [`Client::set_timeout`]. Default: 30 seconds.
    #[must_use]
    pub fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets what is accepted of the server.
    #[must_use]
    pub fn limits(mut self, limits: SessionLimits) -> Self {
        self.limits = limits;
        self
    }
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self { timeout: Some(Duration::from_secs(30)), limits: SessionLimits::default() }
    }
}

/// An answer whose value has not been decoded.
#[derive(Debug)]
pub struct RawResponse<'c> {
    /// The encoded value.
    pub value: Vec<u8>,
    /// What is streamed after it; empty for most methods.
    pub body: BodyReader<'c>,
    /// The open handle that came with it. It is hostile until it was checked, as [`ReceivedHandle`]
    /// says.
    pub handle: Option<ReceivedHandle>,
}

impl<'c> RawResponse<'c> {
    /// Decodes the value.
    ///
    /// # Errors
    /// [`Error::Codec`] if it is not a `T` from its first byte to its last.
    pub fn decode<T: DeserializeOwned>(self) -> Result<Response<'c, T>> {
        let value = Codec::Bincode.decode(&self.value)?;
        Ok(Response { value, body: self.body, handle: self.handle })
    }
}

/// An answer.
#[derive(Debug)]
pub struct Response<'c, T> {
    /// What the call returned.
    pub value: T,
    /// What is streamed after it.
    pub body: BodyReader<'c>,
    /// The open handle that came with it. It is hostile until it was checked, as [`ReceivedHandle`]
    /// says.
    pub handle: Option<ReceivedHandle>,
}

impl<T> Response<'_, T> {
    /// The value, once the body has ended well; what is left of it is read and forgotten, within one
    /// [timeout](Client::set_timeout) in all. Most methods have none, and then nothing is waited
    /// for.
    ///
    /// # Errors
    /// As [`BodyReader::read_to`].
    pub fn finish(mut self) -> Result<T> {
        self.body.skip()?;
        Ok(self.value)
    }
}

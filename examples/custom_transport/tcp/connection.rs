//! A connection over a stream that only knows how to block.
//!
//! Two threads move bytes between the stream and two bounded queues; whoever reads or writes waits
//! at the queues, where waiting has a deadline and can be cancelled. The same shape fits any pair
//! of blocking ends: pipes, FIFOs, a serial line.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ipc::error::Operation;
use ipc::transport::{Interest, Ready};
use ipc::{AsPeer, Connection, Deadline, Endpoint, Error, ImpersonationLevel, Peer, Result};
use parking_lot::{Condvar, Mutex, MutexGuard};

/// One end of a TCP connection.
#[derive(Debug)]
pub(super) struct TcpConnection {
    endpoint: Endpoint,
    peer: Peer,
    /// What the client asked for; at the server what was stated.
    level: OnceLock<ImpersonationLevel>,
    shared: Arc<Shared>,
    pumps: Vec<JoinHandle<()>>,
}

impl TcpConnection {
    /// Starts moving bytes. `level` is the client's; the server's end begins without.
    pub(super) fn new(
        endpoint: Endpoint,
        stream: TcpStream,
        level: Option<ImpersonationLevel>,
    ) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(GLANCE))?;
        let shared = Arc::new(Shared { stream, state: Mutex::default(), changed: Condvar::new() });
        let mut connection = Self {
            endpoint,
            peer: super::nobody_knows(),
            level: level.map_or_else(OnceLock::new, OnceLock::from),
            shared,
            pumps: Vec::new(),
        };
        // Should the second fail to start, dropping the connection ends the first.
        for pump in [Shared::pump_in, Shared::pump_out] {
            let shared = Arc::clone(&connection.shared);
            let thread = thread::Builder::new().stack_size(64 * 1024).spawn(move || pump(&shared));
            connection.pumps.push(thread?);
        }
        Ok(connection)
    }
}

impl Connection for TcpConnection {
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn peer(&self) -> Result<&Peer> {
        Ok(&self.peer)
    }

    fn level(&self) -> Option<ImpersonationLevel> {
        self.level.get().copied()
    }

    fn state_level(&self, level: ImpersonationLevel) -> Result<()> {
        self.level.set(level).map_err(|_| Error::InvalidInput {
            reason: "the level is stated once, on the server's end".to_owned(),
        })
    }

    fn read(&self, buffer: &mut [u8], deadline: Deadline) -> Result<usize> {
        self.shared.attempt(Operation::Read, deadline, |state| {
            if buffer.is_empty() {
                return Some(Ok(0));
            }
            if state.inbound.is_empty() {
                return state.end_of_input.as_ref().map(|end| match end {
                    End::Finished => Ok(0),
                    End::Broken => Err(Error::Disconnected { operation: Operation::Read }),
                });
            }
            let count = buffer.len().min(state.inbound.len());
            for (to, from) in buffer.iter_mut().zip(state.inbound.drain(..count)) {
                *to = from;
            }
            Some(Ok(count))
        })
    }

    fn write_vectored(&self, parts: &[IoSlice<'_>], deadline: Deadline) -> Result<usize> {
        let operation = Operation::Write;
        self.shared.attempt(operation, deadline, |state| {
            if state.finished {
                return Some(Err(Error::Closed { operation }));
            }
            if matches!(state.end_of_output, Some(End::Broken)) {
                return Some(Err(Error::Disconnected { operation }));
            }
            let bytes = parts.iter().flat_map(|part| part.iter());
            let before = state.outbound.len();
            state.outbound.extend(bytes.take(LIMIT - before));
            let count = state.outbound.len() - before;
            let nothing_to_write = parts.iter().all(|part| part.is_empty());
            (count > 0 || nothing_to_write).then_some(Ok(count))
        })
    }

    fn wait(&self, interest: Interest, deadline: Deadline) -> Result<Ready> {
        self.shared.attempt(Operation::Wait, deadline, |state| {
            let ready = state.ready();
            ready.satisfies(interest).then_some(Ok(ready))
        })
    }

    fn cancel(&self) {
        self.shared.stop();
    }

    fn close(&self, deadline: Deadline) -> Result<()> {
        self.shared.change(|state| (state.finished, state.closed) = (true, true));
        self.shared.attempt(Operation::Close, deadline, |state| {
            state.inbound.clear();
            state.has_ended().then_some(Ok(()))
        })
    }

    fn finish_writing(&self) -> Result<()> {
        self.shared.change(|state| state.finished = true);
        Ok(())
    }

    fn run_as_peer(&self, _work: &mut dyn FnMut(&AsPeer)) -> Result<()> {
        Err(Error::Unsupported { operation: Operation::RunAsPeer })
    }
}

/// Ends both threads without waiting for the peer; what has not been sent is lost.
impl Drop for TcpConnection {
    fn drop(&mut self) {
        self.shared.stop();
        for pump in self.pumps.drain(..) {
            let _ = pump.join();
        }
    }
}

/// How often the thread that reads looks whether it is still wanted.
const GLANCE: Duration = Duration::from_millis(20);

/// How many bytes wait in each direction at most.
const LIMIT: usize = 64 * 1024;

#[derive(Debug)]
struct Shared {
    stream: TcpStream,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    inbound: VecDeque<u8>,
    outbound: VecDeque<u8>,
    /// Nothing more comes in, once `inbound` is empty.
    end_of_input: Option<End>,
    /// Nothing more goes out: all was sent, or it cannot be.
    end_of_output: Option<End>,
    /// Nothing more will be written.
    finished: bool,
    closed: bool,
    cancelled: bool,
}

impl State {
    /// While it is being closed, the end of both directions is all there is to wait for.
    fn ready(&self) -> Ready {
        if self.closed {
            return Ready { read: self.has_ended(), write: false };
        }
        Ready {
            read: !self.inbound.is_empty() || self.end_of_input.is_some(),
            write: self.outbound.len() < LIMIT || self.end_of_output.is_some(),
        }
    }

    fn has_ended(&self) -> bool {
        self.end_of_input.is_some() && self.end_of_output.is_some()
    }
}

#[derive(Debug)]
enum End {
    Finished,
    Broken,
}

impl Shared {
    /// Tries `step` until it gives a result or `deadline` has passed.
    fn attempt<T>(
        &self,
        operation: Operation,
        deadline: Deadline,
        mut step: impl FnMut(&mut State) -> Option<Result<T>>,
    ) -> Result<T> {
        let mut state = self.state.lock();
        loop {
            if state.cancelled {
                return Err(Error::Cancelled { operation });
            }
            if state.closed && !matches!(operation, Operation::Close | Operation::Wait) {
                return Err(Error::Closed { operation });
            }
            if let Some(result) = step(&mut state) {
                self.changed.notify_all();
                return result;
            }
            if !pause(&self.changed, &mut state, deadline) {
                return Err(Error::TimedOut { operation });
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock());
        self.changed.notify_all();
    }

    /// Cancels everything, the system calls of the two threads included.
    fn stop(&self) {
        self.change(|state| state.cancelled = true);
        // It fails if the peer has gone, and then nothing waits for it.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    fn pump_in(&self) {
        let mut buffer = [0; 16 * 1024];
        let end = loop {
            match self.wait_for_input().and_then(|()| (&self.stream).read(&mut buffer)) {
                Ok(0) => break End::Finished,
                Ok(count) => self.take_in(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break End::Broken,
            }
        };
        self.change(|state| state.end_of_input = Some(end));
    }

    /// Waits until there is something to read, or this end is cancelled. Not in `read`: `shutdown`
    /// does not wake that everywhere (not under Wine), and with a timeout Windows may lose what it
    /// was about to take.
    ///
    /// What is left unread then has the system reset the connection. Were it taken, nobody would tell
    /// a peer that waits for room: a socket that was shut down announces none.
    fn wait_for_input(&self) -> io::Result<()> {
        loop {
            if self.state.lock().cancelled {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            match self.stream.peek(&mut [0]) {
                Err(error) if timed_out(&error) => {}
                outcome => return outcome.map(drop),
            }
        }
    }

    /// Queues what was read, once there is room. After a close it is thrown away.
    fn take_in(&self, bytes: &[u8]) {
        let mut state = self.state.lock();
        let is_full =
            |state: &mut State| state.inbound.len() >= LIMIT && !state.closed && !state.cancelled;
        self.changed.wait_while(&mut state, is_full);
        if !state.closed {
            state.inbound.extend(bytes);
        }
        self.changed.notify_all();
    }

    fn pump_out(&self) {
        let mut sent = Ok(());
        while let (Ok(()), Some(bytes)) = (&sent, self.next_output()) {
            sent = (&self.stream).write_all(&bytes);
        }
        let end = match sent.and_then(|()| self.stream.shutdown(Shutdown::Write)) {
            Ok(()) => End::Finished,
            Err(_) => End::Broken,
        };
        self.change(|state| state.end_of_output = Some(end));
    }

    /// What is to be sent next, waited for; `None` after the last byte.
    fn next_output(&self) -> Option<Vec<u8>> {
        let mut state = self.state.lock();
        let is_idle =
            |state: &mut State| state.outbound.is_empty() && !state.finished && !state.cancelled;
        self.changed.wait_while(&mut state, is_idle);
        if state.outbound.is_empty() || state.cancelled {
            return None;
        }
        self.changed.notify_all();
        Some(state.outbound.drain(..).collect())
    }
}

/// Unix says that it would have to wait, Windows that time is up.
fn timed_out(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Waits for a notification; `false`, without waiting, once `deadline` has passed.
pub(super) fn pause<T>(
    changed: &Condvar,
    guard: &mut MutexGuard<'_, T>,
    deadline: Deadline,
) -> bool {
    match deadline.instant() {
        _ if deadline.has_passed() => return false,
        Some(instant) => drop(changed.wait_until(guard, instant)),
        None => changed.wait(guard),
    }
    true
}

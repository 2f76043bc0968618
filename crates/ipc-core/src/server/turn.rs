//! One turn of one connection: what came is understood, answered and sent, until nothing more can
//! be done without waiting or the connection has had its share.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::account;
use super::connection::{Client, State};
use super::pooled::ShareOfPool;
use super::protocol::{CallId, Event};
use super::runtime::Runtime;
use super::seats::Seat;
use super::send::{Sending, send};
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind, Failure, Operation};
use crate::service::{Arguments, Body, Context, Reply, RunsOn, Worker};
use crate::transport::{Interest, ReceivedHandle, Ticket};

/// What becomes of a connection after its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// It waits for this.
    Park(Interest),
    /// It has had its share and more to do: to the back of the queue.
    Again,
    /// It is over.
    Gone,
}

/// Gives `client`, which the caller owns, one turn.
pub(super) fn take_turn(
    runtime: &Arc<Runtime>,
    client: &Arc<Client>,
    worker: usize,
    scratch: &mut [u8],
) -> After {
    let mut state = client.state.lock();
    let share = Instant::now() + TURN;
    let mut turn = Turn { runtime, client, state: &mut state, worker, scratch, share, requests: 0 };
    let after = turn.run();
    if matches!(after, After::Park(_)) {
        state.protocol.rest();
        runtime.set_timer(client, &mut state);
    }
    after
}

struct Turn<'a> {
    runtime: &'a Arc<Runtime>,
    client: &'a Arc<Client>,
    state: &'a mut State,
    worker: usize,
    scratch: &'a mut [u8],
    /// When this connection has had its share.
    share: Instant,
    /// How many requests were taken.
    requests: usize,
}

impl Turn<'_> {
    fn run(&mut self) -> After {
        self.catch_up();
        loop {
            self.notice_draining();
            if self.state.closing.is_some() {
                return self.close();
            }
            let spent = self.may_decode() && self.take_events();
            let sending = match self.send() {
                Ok(sending) => sending,
                Err(_) => return self.lost(),
            };
            if spent {
                return After::Again;
            }
            if self.is_over() {
                self.state.closing = Some(Deadline::after(self.time_to_close()));
                continue;
            }
            if sending == Sending::Spent {
                return After::Again;
            }
            match self.read(sending) {
                Ok(true) => {}
                Ok(false) if sending == Sending::Blocked => return After::Park(Interest::Both),
                Ok(false) => return After::Park(Interest::Read),
                Err(_) => return self.lost(),
            }
        }
    }

    /// Takes in what happened since the last turn, other than bytes.
    fn catch_up(&mut self) {
        for (call, answer) in self.client.take_answers() {
            self.state.protocol.reply(call, answer);
        }
        if self.state.protocol.deadline().has_passed() {
            self.state.protocol.timer(Instant::now());
        }
    }

    /// Looked at before each read is understood: who asks again while the server shuts down is not
    /// served on, however well it kept its worker's attention.
    fn notice_draining(&mut self) {
        if self.runtime.draining.load(Ordering::SeqCst) && !self.state.draining {
            self.state.draining = true;
            self.state.only_goodbye = !self.state.protocol.is_busy();
            self.state.protocol.drain();
        }
    }

    /// `true` once the peer has been admitted: nothing of it is decoded before.
    fn may_decode(&mut self) -> bool {
        if self.state.admitted {
            return true;
        }
        let peer = match self.client.connection.peer() {
            Err(Error::NotYetKnown) if !self.state.heard => return false,
            peer => peer,
        };
        let (share, is_within_share) = self.runtime.shares.take(peer.as_ref().ok().copied());
        self.state.share = Some(share);
        self.state.is_surplus = is_within_share.is_err();
        let decided = match peer {
            Ok(peer) => self.runtime.policy.decide(peer, &self.runtime.own),
            Err(_) if self.runtime.policy.admits_unknown() => Ok(()),
            Err(error) => Err(error),
        };
        let decided = decided.and(is_within_share).map_err(Failure::from);
        match account::policy(self.runtime, self.client, decided) {
            Ok(()) => {
                self.state.admitted = true;
                self.runtime.observer.admitted(self.client.known_peer());
            }
            Err(failure) => {
                self.runtime.observer.refused(self.client.known_peer(), &failure);
                self.state.protocol.refuse(failure);
            }
        }
        self.state.admitted
    }

    /// Takes what was received apart and answers it. `true` if the connection's share is spent, be it
    /// by a peer that sends without end what asks for nothing.
    fn take_events(&mut self) -> bool {
        loop {
            if self.requests >= TURN_REQUESTS {
                return true;
            }
            let now = Instant::now();
            let Some(event) = self.state.protocol.next_event(now) else {
                return now >= self.share;
            };
            match event {
                Event::Level(level) => {
                    let outcome = self.client.connection.state_level(level);
                    let outcome = outcome.map_err(Failure::from);
                    let outcome = account::level(self.runtime, self.client, level, outcome);
                    if let Err(failure) = outcome {
                        self.state.protocol.refuse(failure);
                    }
                }
                Event::Handle { call, ticket } => self.claim(call, ticket),
                Event::Call { id, method, arguments, deadline, handle } => {
                    self.requests += 1;
                    let place = place_for(self.runtime, method);
                    if let Place::Pool = place {
                        let arguments = arguments.as_bytes().to_vec();
                        self.run_on_pool(id, method, arguments, deadline, handle);
                    } else {
                        let thread = Worker::Worker(self.worker);
                        let client = self.client;
                        let context =
                            Context::new(&*client.connection, deadline, &client.gone, thread)
                                .with_handle(handle)
                                .with_pool(ShareOfPool::of(self.runtime, client));
                        let account = account::call(self.runtime, client, id, method);
                        let answer = account::settled(account, |account| {
                            let context = context.with_account(account);
                            answer(self.runtime, &context, method, arguments)
                        });
                        drop(place);
                        self.state.protocol.reply(id, answer);
                    }
                }
                Event::Refused { id, method, failure } => {
                    account::refused(self.runtime, self.client, id, method, &failure);
                }
                Event::Cancelled(call) => self.client.cancel_call(call),
                Event::Failed(error) => {
                    account::failed(self.runtime, self.client, &error);
                    self.runtime.observer.failed(self.client.known_peer(), &error);
                }
            }
            if now >= self.share {
                return true;
            }
        }
    }

    /// Takes the handle of `call` out of the connection. A client whose handles cannot be counted
    /// any more is not served on.
    fn claim(&mut self, call: CallId, ticket: Ticket) {
        let claimed = match self.client.connection.handles() {
            Some(handles) => handles.claim(ticket),
            None => Err(Error::Unsupported { operation: Operation::PassHandle }),
        };
        match claimed {
            Ok(handle) => self.state.protocol.received_handle(call, handle),
            Err(error) => {
                account::failed(self.runtime, self.client, &error);
                self.runtime.observer.failed(self.client.known_peer(), &error);
                self.state.protocol.refuse(error.into());
            }
        }
    }

    fn run_on_pool(
        &mut self,
        id: CallId,
        method: u32,
        arguments: Vec<u8>,
        deadline: Deadline,
        handle: Option<ReceivedHandle>,
    ) {
        let cancel = self.client.goes_to_pool(id);
        let (runtime, client) = (Arc::clone(self.runtime), Arc::clone(self.client));
        let job = move |thread| {
            let context =
                Context::new(&*client.connection, deadline, &cancel, Worker::Pool(thread))
                    .with_handle(handle)
                    .with_pool(ShareOfPool::of(&runtime, &client));
            let account = account::call(&runtime, &client, id, method);
            let answer = account::settled(account, |account| {
                let context = context.with_account(account);
                match Arguments::new(&arguments) {
                    // Who asks for much and leaves must not keep the pool from those who stay.
                    _ if context.is_cancelled() => Err(too_late()),
                    Ok(arguments) => answer(&runtime, &context, method, arguments),
                    Err(error) => Err(error.into()),
                }
            });
            client.answer(id, answer);
            runtime.notify(client.key);
        };
        if let Err(failure) = self.runtime.pool.submit(self.client.asker(), Box::new(job)) {
            account::refused(self.runtime, self.client, id, method, &failure);
            self.client.cancel_call(id);
            self.state.protocol.reply(id, Err(failure));
        }
    }

    fn send(&mut self) -> crate::Result<Sending> {
        let State { protocol, .. } = &mut *self.state;
        let client = self.client;
        send(&*client.connection, &mut **protocol, &client.waker, self.scratch, self.share)
    }

    /// Reads once. `false` if nothing is there.
    fn read(&mut self, sending: Sending) -> crate::Result<bool> {
        let deadline = if sending == Sending::Done { self.patience() } else { Deadline::NOW };
        let room = self.state.protocol.room();
        match self.client.connection.read(room, deadline) {
            Ok(0) => self.state.protocol.ended(),
            Ok(count) => {
                self.state.heard = true;
                self.state.protocol.received(count);
            }
            Err(Error::TimedOut { .. }) => return Ok(false),
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// A connection that was just served is likely to ask again: its worker stays for a moment,
    /// as long as somebody else looks after the rest.
    fn patience(&self) -> Deadline {
        let queue = &self.runtime.queue;
        let idle = self.requests > 0 && !self.state.protocol.is_busy();
        if idle && queue.somebody_waits() && queue.is_empty() {
            Deadline::after(PATIENCE)
        } else {
            Deadline::NOW
        }
    }

    fn is_over(&self) -> bool {
        let protocol = &self.state.protocol;
        protocol.is_finished() || (self.state.draining && !protocol.is_busy())
    }

    /// A shutdown does not wait for clients that are owed nothing: whoever listens hears the goodbye
    /// at once, and the others find it later, behind all that was sent to them. Nor do those who are
    /// too many wait in the places of others.
    fn time_to_close(&self) -> Duration {
        let limit = self.runtime.limits.closing;
        let is_owed_nothing = self.state.only_goodbye || self.state.is_surplus;
        if is_owed_nothing { limit.min(GOODBYE) } else { limit }
    }

    /// Sends the last bytes and closes, step by step.
    fn close(&mut self) -> After {
        if self.state.closing.is_some_and(Deadline::has_passed) {
            return After::Gone;
        }
        match self.send() {
            Ok(Sending::Done) => {}
            Ok(Sending::Blocked) => return After::Park(Interest::Write),
            Ok(Sending::Spent) => return After::Again,
            Err(_) => return After::Gone,
        }
        match self.client.connection.close(Deadline::NOW) {
            Err(Error::TimedOut { .. }) => After::Park(Interest::Both),
            _ => After::Gone,
        }
    }

    /// The connection has failed. What the protocol had taken and never handed out ends with it.
    fn lost(&mut self) -> After {
        self.state.protocol.ended();
        while let Some(event) = self.state.protocol.next_event(Instant::now()) {
            if let Event::Refused { id, method, failure } = event {
                account::refused(self.runtime, self.client, id, method, &failure);
            }
        }
        After::Gone
    }
}

/// Where the handler of a call runs.
enum Place<'a> {
    /// On the worker that read it.
    Here,
    /// There, too, in a seat.
    Seat {
        _seat: Seat<'a>,
    },
    Pool,
}

fn place_for(runtime: &Runtime, method: u32) -> Place<'_> {
    match runtime.service.runs_on(method) {
        Some(RunsOn::Worker) | None => Place::Here,
        Some(RunsOn::WorkerOrPool) => {
            runtime.seats.take().map_or(Place::Pool, |seat| Place::Seat { _seat: seat })
        }
        Some(RunsOn::Pool) => Place::Pool,
    }
}

/// Runs the handler of one call.
fn answer(
    runtime: &Runtime,
    context: &Context<'_>,
    method: u32,
    arguments: Arguments<'_>,
) -> Result<Reply<Vec<u8>>, Failure> {
    let service = &runtime.service;
    let call = || {
        if service.runs_on(method).is_none() {
            let text = format!("this service has no method {method}");
            return Err(Failure::new(ErrorKind::Unsupported, text));
        }
        service.call(context, method, arguments).map(with_small_file_read)
    };
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| Err(panicked(method, &*panic)))
}

/// The outcome of a call that nobody waits for any more before its handler begins.
fn too_late() -> Failure {
    Failure::new(ErrorKind::TimedOut, "no thread was free in time")
}

fn panicked(method: u32, panic: &(dyn Any + Send)) -> Failure {
    tracing::error!(method, panic = panic_text(panic), "a handler panicked");
    Failure::new(ErrorKind::Internal, format!("the handler of method {method} panicked"))
}

/// What a panic said.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

/// A small file is cheaper to read into the reply than to send by itself.
fn with_small_file_read(mut reply: Reply<Vec<u8>>) -> Reply<Vec<u8>> {
    let Body::File(part) = &reply.body else { return reply };
    let Some(length) = usize::try_from(part.length).ok().filter(|length| *length <= SMALL_FILE)
    else {
        return reply;
    };
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        let at = part.from + filled as u64;
        match part.root.read_at(&part.file, &mut bytes[filled..], at) {
            // Shorter than announced or failing: the protocol knows how to say that.
            Ok(0) | Err(_) => return reply,
            Ok(count) => filled += count,
        }
    }
    if part.check().is_err() {
        return reply; // as above
    }
    reply.body = Body::Bytes(bytes);
    reply
}

/// The share of one turn in time and requests; then the connection goes to the back.
const TURN: Duration = Duration::from_millis(1);
const TURN_REQUESTS: usize = 64;

/// How long a client may take for the goodbye of a server that shuts down while it has no calls, or
/// for the reason why it is one too many.
const GOODBYE: Duration = Duration::from_millis(100);

/// How long a worker stays with a connection that it has just served. Long enough for a transport to
/// wait in the read itself, where a shorter wait would cost it a second system call.
const PATIENCE: Duration = Duration::from_millis(25);

/// Up to this length, in bytes, a file is copied into the reply: one write instead of two calls.
/// Source: measured on Linux 6.18, where `sendfile` of 4 KiB takes 1.4 times as long.
const SMALL_FILE: usize = 64 * 1024;

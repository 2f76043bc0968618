//! Bodies that block while they are read: piece by piece on the pool.

use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::thread;

use parking_lot::Mutex;

use super::connection::Client;
use super::pool::{Asker, Job};
use super::runtime::Runtime;
use crate::error::{ErrorKind, Failure, Result};
use crate::service::{Body, NextPiece, Source};

/// A client's share of the pool.
#[derive(Clone, Copy)]
pub(crate) struct ShareOfPool<'a> {
    runtime: &'a Arc<Runtime>,
    client: &'a Client,
}

impl<'a> ShareOfPool<'a> {
    pub(super) fn of(runtime: &'a Arc<Runtime>, client: &'a Client) -> Self {
        Self { runtime, client }
    }

    /// A body whose pieces are fetched on the pool.
    pub(crate) fn stream(&self, next: NextPiece) -> Body {
        let shared = Shared {
            runtime: Arc::downgrade(self.runtime),
            asker: self.client.asker(),
            state: Mutex::new(State::Idle(next)),
        };
        Body::Stream(Box::new(Pooled(Arc::new(shared))))
    }
}

impl fmt::Debug for ShareOfPool<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ShareOfPool").field(&self.client.key).finish()
    }
}

/// What the session polls. At most one piece is fetched ahead, and only after it was asked for.
struct Pooled(Arc<Shared>);

struct Shared {
    runtime: Weak<Runtime>,
    asker: Asker,
    state: Mutex<State>,
}

enum State {
    /// Nobody has asked for the next piece.
    Idle(NextPiece),
    /// A job is queued or runs, and wakes this.
    Fetching(Waker),
    /// A piece lies here.
    Fetched(Piece, NextPiece),
    /// There will be no other.
    Over,
}

type Piece = Option<Result<Vec<u8>, Failure>>;

impl Source for Pooled {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Piece> {
        let mut state = self.0.state.lock();
        match mem::replace(&mut *state, State::Over) {
            State::Fetched(piece @ Some(Ok(_)), next) => {
                *state = State::Idle(next);
                Poll::Ready(piece)
            }
            State::Fetched(piece, next) => {
                drop(state);
                self.0.let_go(next);
                Poll::Ready(piece)
            }
            State::Idle(next) => {
                *state = State::Fetching(cx.waker().clone());
                drop(state);
                match self.0.fetch(next) {
                    Ok(()) => Poll::Pending,
                    Err(failure) => Poll::Ready(Some(Err(failure))),
                }
            }
            State::Fetching(_) => {
                *state = State::Fetching(cx.waker().clone());
                Poll::Pending
            }
            State::Over => Poll::Ready(None),
        }
    }
}

impl Shared {
    /// Has the next piece fetched.
    fn fetch(self: &Arc<Self>, mut next: NextPiece) -> Result<(), Failure> {
        let shared = Arc::clone(self);
        self.submit(Box::new(move |_| {
            let piece = catch_unwind(AssertUnwindSafe(&mut next)).unwrap_or_else(|_| {
                tracing::error!("the source of a body panicked");
                let text = "the source of the body panicked";
                Some(Err(Failure::new(ErrorKind::Internal, text)))
            });
            let mut state = shared.state.lock();
            // Nobody waits any more if it is anything else; what was read from is closed here.
            if let State::Fetching(waker) = &*state {
                let waker = waker.clone();
                *state = State::Fetched(piece, next);
                drop(state);
                waker.wake();
            }
        }))
    }

    /// Drops what was read from, where nobody waits for it: closing a file may block as well.
    fn let_go(&self, next: NextPiece) {
        let next = Arc::new(Mutex::new(Some(next)));
        let kept = Arc::clone(&next);
        let submitted = self.submit(Box::new(move |_| drop(next.lock().take())));
        if submitted.is_err() {
            // Without a thread either it is dropped here.
            let _ = thread::Builder::new().spawn(move || drop(kept.lock().take()));
        }
    }

    fn submit(&self, job: Job) -> Result<(), Failure> {
        match self.runtime.upgrade() {
            Some(runtime) => runtime.pool.submit(Arc::clone(&self.asker), job),
            None => Err(Failure::new(ErrorKind::Draining, "")),
        }
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let state = mem::replace(&mut *self.0.state.lock(), State::Over);
        if let State::Idle(next) | State::Fetched(_, next) = state {
            self.0.let_go(next);
        }
    }
}

impl fmt::Debug for Pooled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pooled")
    }
}

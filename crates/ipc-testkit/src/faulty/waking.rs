//! Transports that leave somebody asleep.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use ipc_core::{
    CancelToken, ConnectOptions, Connection, Deadline, Endpoint, Error, Listener, Operation,
    Result, Transport,
};

use crate::wrapper::Twist;

/// Cancels with the next call, and until then nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct CancelsWithoutWaking {
    cancelled: Arc<AtomicBool>,
}

impl Twist for CancelsWithoutWaking {
    fn for_connection(&self) -> Self {
        Self::default()
    }

    fn before(&self, inner: &dyn Connection) {
        if self.cancelled.load(Ordering::SeqCst) {
            inner.cancel();
        }
    }

    fn cancel(&self, _inner: &dyn Connection) {
        self.cancelled.store(true, Ordering::SeqCst);
    }
}

/// Looks at the token before it waits, and not again.
#[derive(Clone, Debug)]
pub(super) struct ConnectsDeafToItsToken;

impl Twist for ConnectsDeafToItsToken {
    fn connect(
        &self,
        inner: &dyn Transport,
        to: &Endpoint,
        options: &ConnectOptions,
    ) -> Result<Box<dyn Connection>> {
        if options.cancel.as_ref().is_some_and(CancelToken::is_cancelled) {
            return Err(Error::Cancelled { operation: Operation::Connect });
        }
        inner.connect(to, &options.clone().cancel(CancelToken::new()))
    }
}

/// Has one acceptor wait at the listener and the others behind it: each lets the next one take its
/// place, but not after a close.
#[derive(Clone, Debug, Default)]
pub(super) struct ClosesWithoutWakingAll {
    place: Arc<Place>,
}

#[derive(Debug, Default)]
struct Place {
    taken: Mutex<bool>,
    freed: Condvar,
}

impl Place {
    /// `false` if it is not free before `deadline`.
    fn take(&self, deadline: Deadline) -> bool {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken {
            if deadline.has_passed() {
                return false;
            }
            taken = match deadline.remaining() {
                None => self.freed.wait(taken).unwrap_or_else(PoisonError::into_inner),
                Some(left) => {
                    self.freed.wait_timeout(taken, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        *taken = true;
        true
    }

    fn leave(&self) {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.freed.notify_one();
    }
}

impl Twist for ClosesWithoutWakingAll {
    fn for_listener(&self) -> Self {
        Self::default()
    }

    fn accept(&self, inner: &dyn Listener, deadline: Deadline) -> Result<Box<dyn Connection>> {
        match inner.accept(Deadline::NOW) {
            Err(Error::TimedOut { .. }) if !deadline.has_passed() => {}
            outcome => return outcome,
        }
        if !self.place.take(deadline) {
            return Err(Error::TimedOut { operation: Operation::Accept });
        }
        let outcome = inner.accept(deadline);
        if !matches!(outcome, Err(Error::Closed { .. })) {
            self.place.leave();
        }
        outcome
    }
}

//! Cancelling a blocking call from another thread.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

/// Cancels the calls that were given it, from any thread and for good.
///
/// Clones share one state. A transport registers a [`Waker`](Registration) for as long as it
/// waits; the token itself makes no system call.
///
/// # Examples
/// ```
/// let token = ipc_core::CancelToken::new();
/// let same = token.clone();
/// same.cancel();
/// assert!(token.is_cancelled());
/// ```
#[derive(Clone, Default)]
pub struct CancelToken(Arc<Shared>);

impl CancelToken {
    /// A token that has not been cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels every call that was given this token, and every later one. A second time does
    /// nothing.
    pub fn cancel(&self) {
        let wakers = {
            let mut state = self.0.wakers.lock();
            self.0.cancelled.store(true, Ordering::Release);
            std::mem::take(&mut state.registered)
        };
        for (_, wake) in wakers {
            wake();
        }
    }

    /// `true` once [`cancel`](Self::cancel) was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire)
    }

    /// Has `wake` called when the token is cancelled, at once if it already is. It is called at
    /// most once, on the cancelling thread, and must neither block nor panic.
    ///
    /// Dropping the [`Registration`] takes `wake` back; a call that is just under way may still
    /// finish after the drop.
    #[must_use = "dropping the registration takes the waker back"]
    pub fn on_cancel(&self, wake: impl FnOnce() + Send + 'static) -> Registration {
        let mut state = self.0.wakers.lock();
        if self.is_cancelled() {
            drop(state);
            wake();
            return Registration { token: self.clone(), id: 0 };
        }
        state.last_id += 1;
        let id = state.last_id;
        state.registered.push((id, Box::new(wake)));
        Registration { token: self.clone(), id }
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken").field("cancelled", &self.is_cancelled()).finish()
    }
}

/// Keeps a waker registered with a [`CancelToken`] until it is dropped.
#[derive(Debug)]
pub struct Registration {
    token: CancelToken,
    id: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.token.0.wakers.lock().registered.retain(|(id, _)| *id != self.id);
    }
}

#[derive(Default)]
struct Shared {
    cancelled: AtomicBool,
    wakers: Mutex<Wakers>,
}

type Wake = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Wakers {
    last_id: u64,
    registered: Vec<(u64, Wake)>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    fn counter() -> (Arc<AtomicUsize>, impl Fn() + Send + Clone + 'static) {
        let count = Arc::new(AtomicUsize::new(0));
        let inside = Arc::clone(&count);
        (count, move || {
            inside.fetch_add(1, Ordering::Relaxed);
        })
    }

    #[test]
    fn a_waker_is_called_once_now_or_later() {
        let (count, wake) = counter();
        let token = CancelToken::new();
        let early = token.on_cancel(wake.clone());
        token.cancel();
        token.cancel();
        let late = token.on_cancel(wake);
        assert_eq!(count.load(Ordering::Relaxed), 2);
        drop((early, late));
    }

    #[test]
    fn a_dropped_registration_is_not_called() {
        let (count, wake) = counter();
        let token = CancelToken::new();
        drop(token.on_cancel(wake));
        token.cancel();
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }
}

//! A limit of time for a case, so that a hang fails by name.

use std::any::Any;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// How long a case may take before it counts as hanging. Far more than any needs: a slow machine
/// must not fail.
pub const LIMIT: Duration = Duration::from_secs(60);

/// What became of a case.
#[derive(Debug)]
pub enum Outcome {
    /// It returned.
    Passed,
    /// It panicked, with this.
    Failed(Box<dyn Any + Send>),
    /// It did not end in time. Its threads are left behind.
    Hung,
}

impl Outcome {
    /// `true` unless the case passed.
    #[must_use]
    pub fn is_red(&self) -> bool {
        !matches!(self, Self::Passed)
    }
}

/// Runs `case` on a thread of its own and tells what became of it within `limit`.
///
/// # Panics
/// If no thread can be started.
pub fn observe(name: &str, limit: Duration, case: impl FnOnce() + Send + 'static) -> Outcome {
    let (done, outcome) = mpsc::channel();
    let body = move || {
        case();
        // The receiver has gone if the case was given up as hanging.
        let _ = done.send(());
    };
    let thread = thread::Builder::new().name(name.to_owned()).spawn(body).expect("a thread");
    match outcome.recv_timeout(limit) {
        Ok(()) => Outcome::Passed,
        Err(RecvTimeoutError::Timeout) => Outcome::Hung,
        Err(RecvTimeoutError::Disconnected) => match thread.join() {
            Ok(()) => Outcome::Passed,
            Err(panic) => Outcome::Failed(panic),
        },
    }
}

/// Runs `case` for at most [`LIMIT`].
///
/// # Panics
/// As `case` does, and with its name if it hangs.
pub fn run(name: &str, case: impl FnOnce() + Send + 'static) {
    match observe(name, LIMIT, case) {
        Outcome::Passed => {}
        Outcome::Failed(panic) => std::panic::resume_unwind(panic),
        Outcome::Hung => panic!("`{name}` hangs: it has not ended within {LIMIT:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hang_fails_by_name_and_a_panic_keeps_its_message() {
        let (_never, forever) = mpsc::channel::<()>();
        let hung = observe("hang", Duration::from_millis(10), move || {
            let _ = forever.recv();
        });
        assert!(matches!(hung, Outcome::Hung), "{hung:?}");

        let failed = observe("fail", LIMIT, || panic!("by name"));
        let Outcome::Failed(panic) = failed else { unreachable!("{failed:?}") };
        assert_eq!(panic.downcast_ref(), Some(&"by name"));

        assert!(!observe("pass", LIMIT, || ()).is_red());
    }
}

//! What must not succeed, and messages that say what was tried when it does.

use ipc_core::{Error, Result};

/// The error with which `tried` failed.
///
/// # Panics
/// If it succeeded.
#[track_caller]
pub fn failure<T>(tried: &str, outcome: Result<T>) -> Error {
    match outcome {
        Ok(_) => panic!("{tried} succeeds, and must not"),
        Err(error) => error,
    }
}

/// `tried` has timed out.
///
/// # Panics
/// If it succeeded, or failed with something else.
#[track_caller]
pub fn assert_timed_out<T>(tried: &str, outcome: Result<T>) {
    let error = failure(tried, outcome);
    let right = matches!(error, Error::TimedOut { .. });
    assert!(right, "{tried} must time out, and fails with: {} ({error:?})", error.chain());
}

/// `tried` was cancelled.
///
/// # Panics
/// If it succeeded, or failed with something else.
#[track_caller]
pub fn assert_cancelled<T>(tried: &str, outcome: Result<T>) {
    let error = failure(tried, outcome);
    let right = matches!(error, Error::Cancelled { .. });
    assert!(right, "{tried} must be cancelled, and fails with: {} ({error:?})", error.chain());
}

/// `tried` found nobody who listens.
///
/// # Panics
/// If it succeeded, or failed with something else.
#[track_caller]
pub fn assert_not_found<T>(tried: &str, outcome: Result<T>) {
    let error = failure(tried, outcome);
    let right = matches!(error, Error::NotFound { .. });
    assert!(right, "{tried} must find nobody, and fails with: {} ({error:?})", error.chain());
}

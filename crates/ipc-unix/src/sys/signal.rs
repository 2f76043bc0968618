//! Keeping `SIGPIPE` away from calls that cannot be told not to raise it.

#![allow(unsafe_code, reason = "signal masks have no safe wrapper")]

use std::mem::MaybeUninit;
use std::ptr;

use super::{Errno, Result};

/// Runs `call` with `SIGPIPE` held back on this thread, and takes back the one that `call` raised:
/// which it may have done even if it succeeded, having moved some bytes before.
///
/// Rust's own programs ignore the signal; a program that embeds this crate may not. One that was
/// pending before is the program's, and stays.
pub(crate) fn without_broken_pipe_signal<T>(call: impl FnOnce() -> Result<T>) -> Result<T> {
    let signals = only_broken_pipe();
    if is_pending() {
        return call();
    }
    let before = change_mask(libc::SIG_BLOCK, &signals)?;
    let outcome = call();
    take_pending(&signals);
    change_mask(libc::SIG_SETMASK, &before)?;
    outcome
}

fn only_broken_pipe() -> libc::sigset_t {
    let mut signals = MaybeUninit::uninit();
    // SAFETY: `signals` is a live local, large enough for the set that is written into it.
    unsafe { libc::sigemptyset(signals.as_mut_ptr()) };
    // SAFETY: the set was initialised by the line above, and nobody else has it.
    unsafe { libc::sigaddset(signals.as_mut_ptr(), libc::SIGPIPE) };
    // SAFETY: `sigemptyset` has written all of it; it cannot fail for a valid pointer.
    unsafe { signals.assume_init() }
}

/// A pending signal is one that is blocked already, so that `call` cannot deliver another.
fn is_pending() -> bool {
    let mut pending = MaybeUninit::uninit();
    // SAFETY: `pending` is a live local, large enough for the set that is written into it.
    if unsafe { libc::sigpending(pending.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: `sigpending` succeeded and so has written the whole set.
    let pending = unsafe { pending.assume_init() };
    // SAFETY: `pending` is an initialised set that lives through the call.
    unsafe { libc::sigismember(&raw const pending, libc::SIGPIPE) == 1 }
}

/// Changes this thread's mask and returns the one before.
fn change_mask(how: libc::c_int, signals: &libc::sigset_t) -> Result<libc::sigset_t> {
    let mut before = MaybeUninit::uninit();
    // SAFETY: `signals` is an initialised set and `before` a live local with room for one; both
    // outlive the call, which touches this thread's mask only.
    let status = unsafe { libc::pthread_sigmask(how, signals, before.as_mut_ptr()) };
    if status != 0 {
        return Err(Errno::from_raw_os_error(status));
    }
    // SAFETY: the call succeeded and so has written the whole set.
    Ok(unsafe { before.assume_init() })
}

/// Removes a pending `SIGPIPE` of this thread, if there is one.
fn take_pending(signals: &libc::sigset_t) {
    let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `signals` and `at_once` are initialised and outlive the call; no information about
    // the signal is asked for. The signal is blocked on this thread, as sigtimedwait(2) demands.
    unsafe { libc::sigtimedwait(signals, ptr::null_mut(), &raw const at_once) };
}

//! What tests provoke: calls that a program which acts as its peers must not make.
#![allow(unsafe_code, reason = "the C library's process-wide calls and signals are unsafe")]

use std::sync::atomic::{AtomicUsize, Ordering};

/// The C library's `setgroups`, which changes every thread of the process or ends it.
pub(crate) fn set_groups_of_all_threads(groups: &[u32]) -> bool {
    // SAFETY: the call reads `groups.len()` ids from the borrowed slice and keeps nothing.
    unsafe { libc::setgroups(groups.len() as _, groups.as_ptr()) == 0 }
}

/// Has SIGUSR1 counted by a handler and sends it to this thread; returns the count so far.
pub(crate) fn interrupt_this_thread() -> usize {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn count(_: libc::c_int) {
        COUNT.fetch_add(1, Ordering::SeqCst);
    }
    let handler = count as extern "C" fn(libc::c_int);
    // SAFETY: the handler only adds to an atomic, which is allowed in a signal handler, and stays
    // for the life of the process, as functions do.
    unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
    // SAFETY: SIGUSR1 has a handler, so that this returns after it has run on this thread.
    unsafe { libc::raise(libc::SIGUSR1) };
    COUNT.load(Ordering::SeqCst)
}

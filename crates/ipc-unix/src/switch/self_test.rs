//! The start-up self-test: does changing one thread's groups leave the others alone?

use std::io;
use std::sync::OnceLock;
use std::thread;

use super::thread::{ThreadIdentity, ThreadState};
use crate::sys::thread_identity::this_thread;

/// `true` if identity really is each thread's own here. Found out once, by a thread that gives
/// itself other groups and ends.
pub(super) fn passed() -> bool {
    static PASSED: OnceLock<bool> = OnceLock::new();
    *PASSED.get_or_init(|| identity_is_per_thread().unwrap_or(false))
}

fn identity_is_per_thread() -> io::Result<bool> {
    let before = identity_of_this_thread()?;
    // A change that every user namespace allows if it allows any: the own gid in, or all out.
    let others = if before.groups.is_empty() { vec![before.gid.effective] } else { Vec::new() };
    let wanted = others.clone();
    let changed = thread::Builder::new().name("ipc self-test".to_owned()).spawn(move || {
        this_thread().ok_or(io::ErrorKind::Unsupported)?.set_groups(&others)?;
        identity_of_this_thread()
    })?;
    let changed = changed.join().map_err(|_| io::Error::other("the thread panicked"))??;
    Ok(changed.groups == wanted && identity_of_this_thread()? == before)
}

fn identity_of_this_thread() -> io::Result<ThreadState> {
    let mut state = ThreadState::default();
    this_thread().ok_or(io::ErrorKind::Unsupported)?.read(&mut state)?;
    Ok(state)
}

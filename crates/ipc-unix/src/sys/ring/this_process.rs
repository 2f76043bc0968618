//! Which process this is, told without a system call: every request asks, for after a fork the ring
//! is the parent's.
#![allow(unsafe_code, reason = "memory that a fork clears is mapped by hand")]

use std::process;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The number of this process.
pub(super) fn id() -> u32 {
    static NOTE: OnceLock<Option<&AtomicU32>> = OnceLock::new();
    let Some(note) = NOTE.get_or_init(cleared_by_fork) else { return process::id() };
    match note.load(Ordering::Relaxed) {
        0 => {
            let id = process::id();
            note.store(id, Ordering::Relaxed);
            id
        }
        id => id,
    }
}

/// A number that is zero at first, and in a process that is forked off, however that is done.
/// Source: madvise(2), `MADV_WIPEONFORK`.
fn cleared_by_fork() -> Option<&'static AtomicU32> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: asks for new memory wherever there is room, which touches nothing that exists.
    let memory = unsafe { libc::mmap(ptr::null_mut(), LENGTH, access, kind, -1, 0) };
    if memory == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: the memory was just mapped in that length, and nobody else knows of it.
    if unsafe { libc::madvise(memory, LENGTH, libc::MADV_WIPEONFORK) } != 0 {
        // SAFETY: as above, and nothing refers to it.
        unsafe { libc::munmap(memory, LENGTH) };
        return None;
    }
    // SAFETY: it begins at a page, which is aligned for a `u32`, is zero, and is never unmapped. A
    // fork clears the child's copy only, before any code of the child runs; to that, it always was.
    Some(unsafe { &*memory.cast::<AtomicU32>() })
}

/// At least what the number takes; the system makes a page of it.
const LENGTH: usize = size_of::<AtomicU32>();

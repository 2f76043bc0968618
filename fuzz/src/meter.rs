//! How much memory this thread holds.
//!
//! Every target whose memory is to be bounded says so by [`Meter::assert_below`]: a bound on what is
//! kept in all, where a fuzzer by itself only notices single allocations and whole processes that are
//! far too large.
#![allow(unsafe_code, reason = "an allocator is unsafe to be one")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Counts what the thread that made it allocates and has not freed.
#[derive(Debug)]
pub struct Meter {
    before: usize,
}

impl Meter {
    /// Begins to count.
    #[must_use]
    pub fn begin() -> Self {
        Self { before: HELD.get() }
    }

    /// Asserts that less than `bytes` have been allocated and not freed since the beginning.
    pub fn assert_below(&self, bytes: usize) {
        let held = HELD.get().saturating_sub(self.before);
        assert!(held < bytes, "{held} bytes are held, where fewer than {bytes} must be");
    }
}

/// The system's allocator, which counts.
struct Counting;

thread_local! {
    /// What this thread holds, in bytes. What another thread frees wraps around, and comes back.
    static HELD: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is the system allocator's, with the very arguments that came, so it keeps its
// contract because that one does; the counter is a plain number of this thread, which allocates
// nothing and needs no destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.set(HELD.get().wrapping_add(layout.size()));
        // SAFETY: the caller promises a layout of more than no bytes, and it is handed on as it is.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.set(HELD.get().wrapping_sub(layout.size()));
        // SAFETY: the caller promises that `alloc` gave `pointer` for that layout, which was
        // `System.alloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

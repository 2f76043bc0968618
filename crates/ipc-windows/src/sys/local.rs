//! Memory that the system allocated and the caller frees.
#![allow(unsafe_code, reason = "LocalFree takes a bare pointer")]

use std::ffi::c_void;
use std::ptr::NonNull;

use windows_sys::Win32::Foundation::LocalFree;

/// One allocation of `LocalAlloc`'s, made by a call that hands it to its caller.
#[derive(Debug)]
pub(super) struct Local(NonNull<c_void>);

impl Local {
    /// Owns what a call has put into `out`; `None` if it has put nothing there.
    ///
    /// # Safety
    /// `out` is null or the start of an allocation that `LocalFree` frees, which nobody else frees
    /// and of which no pointer is used once the result is dropped.
    pub(super) unsafe fn from_out(out: *mut c_void) -> Option<Self> {
        NonNull::new(out).map(Self)
    }

    pub(super) fn as_ptr(&self) -> *mut c_void {
        self.0.as_ptr()
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // SAFETY: the allocation is this value's own, by the promise of `from_out`, and this is the
        // only place that frees it. An answer other than null would mean that it was none, which
        // that promise excludes.
        unsafe { LocalFree(self.0.as_ptr()) };
    }
}

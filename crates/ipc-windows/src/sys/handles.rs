//! What this process holds open.
#![allow(unsafe_code, reason = "handles are bare to the system")]

use windows_sys::Win32::System::Threading::{GetCurrentProcess, GetProcessHandleCount};

use super::check;

/// How many handles this process has open.
pub(crate) fn count() -> Option<u32> {
    // SAFETY: takes nothing, and answers with a constant that stands for this process.
    let process = unsafe { GetCurrentProcess() };
    let mut count = 0;
    // SAFETY: `process` needs no closing and the result is a live local.
    check(unsafe { GetProcessHandleCount(process, &raw mut count) }).ok()?;
    Some(count)
}

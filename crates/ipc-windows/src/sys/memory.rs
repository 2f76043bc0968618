//! How much memory a process has.
#![allow(unsafe_code, reason = "handles and structures are bare to the system")]

use std::io;
use std::mem::size_of;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};

use windows_sys::Win32::System::ProcessStatus::{K32GetProcessMemoryInfo, PROCESS_MEMORY_COUNTERS};
use windows_sys::Win32::System::Threading::{
    OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_VM_READ,
};

use super::check;
use crate::process::Memory;

/// What the process of that number has. Source: Win32 `GetProcessMemoryInfo`, for the rights that it
/// takes.
pub(crate) fn of(pid: u32) -> io::Result<Memory> {
    // SAFETY: takes numbers only.
    let process =
        unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_VM_READ, 0, pid) };
    if process.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has just opened it, for this caller alone.
    let process = unsafe { OwnedHandle::from_raw_handle(process) };
    let mut counters = PROCESS_MEMORY_COUNTERS::default();
    let length = u32::try_from(size_of::<PROCESS_MEMORY_COUNTERS>()).map_err(io::Error::other)?;
    // SAFETY: the handle is open, and `counters` is a live local of the length that is said.
    check(unsafe { K32GetProcessMemoryInfo(process.as_raw_handle(), &raw mut counters, length) })?;
    Ok(Memory {
        working_set: counters.WorkingSetSize as u64,
        peak_working_set: counters.PeakWorkingSetSize as u64,
    })
}

//! The processes at the ends of a pipe. By number, so that nothing may be decided on them.
#![allow(unsafe_code, reason = "handles and buffers are bare to the system")]

use std::ffi::OsString;
use std::io;
use std::os::windows::ffi::OsStringExt;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::path::PathBuf;

use windows_sys::Win32::System::Pipes::{GetNamedPipeClientProcessId, GetNamedPipeServerProcessId};
use windows_sys::Win32::System::Threading::{
    OpenProcess, PROCESS_NAME_WIN32, PROCESS_QUERY_LIMITED_INFORMATION, QueryFullProcessImageNameW,
};

use super::check;

/// The process that opened the client's end of `pipe`.
pub(crate) fn client_of(pipe: BorrowedHandle<'_>) -> io::Result<u32> {
    let mut pid = 0;
    // SAFETY: the handle stays open while it is borrowed, and the result is a live local.
    check(unsafe { GetNamedPipeClientProcessId(pipe.as_raw_handle(), &raw mut pid) })?;
    Ok(pid)
}

/// The process that made the server's end of `pipe`.
pub(crate) fn server_of(pipe: BorrowedHandle<'_>) -> io::Result<u32> {
    let mut pid = 0;
    // SAFETY: the handle stays open while it is borrowed, and the result is a live local.
    check(unsafe { GetNamedPipeServerProcessId(pipe.as_raw_handle(), &raw mut pid) })?;
    Ok(pid)
}

/// The program that the process of that number runs now.
pub(crate) fn executable(pid: u32) -> io::Result<PathBuf> {
    // SAFETY: takes numbers only.
    let process = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, pid) };
    if process.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has just opened it, for this caller alone.
    let process = unsafe { OwnedHandle::from_raw_handle(process) };
    let mut name = vec![0_u16; LONGEST_PATH];
    let mut length = u32::try_from(name.len()).map_err(io::Error::other)?;
    // SAFETY: the handle is open; `name` is this function's own and has `length` units; the length
    // is a live local, read and written.
    check(unsafe {
        QueryFullProcessImageNameW(
            process.as_raw_handle(),
            PROCESS_NAME_WIN32,
            name.as_mut_ptr(),
            &raw mut length,
        )
    })?;
    name.truncate(usize::try_from(length).map_err(io::Error::other)?);
    Ok(OsString::from_wide(&name).into())
}

/// In UTF-16 units. Source: Microsoft, "Maximum Path Length Limitation".
const LONGEST_PATH: usize = 32_767;

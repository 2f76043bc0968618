//! The server's end of a pipe in its plainest form, for the self-test and for tests.
#![allow(unsafe_code, reason = "a pipe is made by a call that takes bare pointers")]

use std::io;
use std::os::windows::io::{FromRawHandle, OwnedHandle};

use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::Storage::FileSystem::{FILE_FLAG_FIRST_PIPE_INSTANCE, PIPE_ACCESS_DUPLEX};
use windows_sys::Win32::System::Pipes::{CreateNamedPipeW, PIPE_REJECT_REMOTE_CLIENTS};

use super::security::Descriptor;
use super::wide;

/// Which of a name's instances to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instance {
    /// The first, or none.
    First,
    /// One beside what there is already.
    #[cfg(test)]
    Further,
}

/// Makes an instance of the pipe `name` (with its prefix) that admits whom `descriptor` says.
pub(crate) fn make(
    name: &str,
    descriptor: &Descriptor,
    instance: Instance,
) -> io::Result<OwnedHandle> {
    let name = wide::terminated(name)?;
    let attributes = descriptor.attributes();
    let first = if instance == Instance::First { FILE_FLAG_FIRST_PIPE_INSTANCE } else { 0 };
    // SAFETY: `name` is terminated, and both it and `attributes` outlive the call; the rest are
    // numbers.
    let pipe = unsafe {
        CreateNamedPipeW(
            name.as_ptr(),
            PIPE_ACCESS_DUPLEX | first,
            PIPE_REJECT_REMOTE_CLIENTS,
            MOST_INSTANCES,
            BUFFER,
            BUFFER,
            0,
            attributes.as_ptr(),
        )
    };
    if pipe == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has just opened it, for this caller alone.
    Ok(unsafe { OwnedHandle::from_raw_handle(pipe) })
}

const MOST_INSTANCES: u32 = 8;
const BUFFER: u32 = 4096;

/// Waits until a client has opened the other end of `pipe`.
#[cfg(test)]
pub(crate) fn await_client(pipe: std::os::windows::io::BorrowedHandle<'_>) -> io::Result<()> {
    use std::os::windows::io::AsRawHandle;
    use windows_sys::Win32::Foundation::ERROR_PIPE_CONNECTED;
    use windows_sys::Win32::System::Pipes::ConnectNamedPipe;
    // SAFETY: the handle stays open while it is borrowed, and was made for operations that block,
    // which take no OVERLAPPED.
    let awaited = unsafe { ConnectNamedPipe(pipe.as_raw_handle(), std::ptr::null_mut()) };
    match super::check(awaited) {
        Err(error) if !super::is(&error, ERROR_PIPE_CONNECTED) => Err(error),
        _ => Ok(()),
    }
}

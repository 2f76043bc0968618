//! A pipe to which nobody ever connects.
#![allow(unsafe_code, reason = "a pipe is made by a call that takes bare pointers")]

use std::io;
use std::os::windows::io::{FromRawHandle, OwnedHandle};
use std::sync::atomic::{AtomicU32, Ordering};

use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::Storage::FileSystem::{FILE_FLAG_FIRST_PIPE_INSTANCE, PIPE_ACCESS_DUPLEX};
use windows_sys::Win32::System::Pipes::{CreateNamedPipeW, PIPE_REJECT_REMOTE_CLIENTS};

use super::security::Descriptor;
use super::wide;

/// The server's end of a pipe of a name of its own, which admits nobody.
pub(crate) fn pipe() -> io::Result<OwnedHandle> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let name = wide::terminated(format!(r"\\.\pipe\ipc-self-test-{process}-{count}"))?;
    let nobody = Descriptor::from_sddl("D:P")?;
    let attributes = nobody.attributes();
    // SAFETY: `name` is terminated, and both it and `attributes` outlive the call; the rest are
    // numbers.
    let pipe = unsafe {
        CreateNamedPipeW(
            name.as_ptr(),
            PIPE_ACCESS_DUPLEX | FILE_FLAG_FIRST_PIPE_INSTANCE,
            PIPE_REJECT_REMOTE_CLIENTS,
            1,
            0,
            0,
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

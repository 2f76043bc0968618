//! The event by which a process is asked to stop: it has the process's number in its name. Source:
//! the documentation of `CreateEventW`, "Kernel object namespaces".
#![allow(unsafe_code, reason = "events are handles of the system's")]

use std::io;
use std::os::windows::io::{AsRawHandle as _, FromRawHandle as _, OwnedHandle};

use windows_sys::Win32::Foundation::{ERROR_ALREADY_EXISTS, GetLastError, HANDLE, WAIT_OBJECT_0};
use windows_sys::Win32::System::Threading::{
    CreateEventW, EVENT_MODIFY_STATE, INFINITE, OpenEventW, SetEvent, WaitForSingleObject,
};

use super::security::Descriptor;
use super::{check, wide};

/// An event that a process is asked to stop with.
#[derive(Debug)]
pub(crate) struct StopEvent(OwnedHandle);

impl StopEvent {
    /// Makes the one of the process with that number, for those whom `rights` names.
    ///
    /// # Errors
    /// Of kind `AlreadyExists`, or `PermissionDenied`, if somebody else has made it: that one is not
    /// listened to.
    pub(crate) fn create(process: u32, rights: &Descriptor) -> io::Result<Self> {
        let name = wide::terminated(name_of(process))?;
        let attributes = rights.attributes();
        // SAFETY: `attributes` and `name`, which is terminated, outlive the call.
        let event = unsafe { CreateEventW(attributes.as_ptr(), 0, 0, name.as_ptr()) };
        // SAFETY: reads this thread's own number.
        let code = unsafe { GetLastError() };
        let event = Self(owned(event)?);
        match code {
            ERROR_ALREADY_EXISTS => Err(io::ErrorKind::AlreadyExists.into()),
            _ => Ok(event),
        }
    }

    /// The one of another process.
    pub(crate) fn open(process: u32) -> io::Result<Self> {
        let name = wide::terminated(name_of(process))?;
        // SAFETY: `name` is terminated and outlives the call.
        owned(unsafe { OpenEventW(EVENT_MODIFY_STATE, 0, name.as_ptr()) }).map(Self)
    }

    /// Has one wait for it end: one that is under way, else the next.
    pub(crate) fn set(&self) -> io::Result<()> {
        // SAFETY: the handle is this value's own, and so open.
        check(unsafe { SetEvent(self.0.as_raw_handle()) })
    }

    /// Waits until it is set.
    pub(crate) fn wait(&self) -> io::Result<()> {
        // SAFETY: the handle is this value's own, and so open.
        match unsafe { WaitForSingleObject(self.0.as_raw_handle(), INFINITE) } {
            WAIT_OBJECT_0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

fn owned(event: HANDLE) -> io::Result<OwnedHandle> {
    if event.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the caller's call has just opened it, for this program alone.
    Ok(unsafe { OwnedHandle::from_raw_handle(event) })
}

fn name_of(process: u32) -> String {
    format!(r"Local\ipc-stop-{process}")
}

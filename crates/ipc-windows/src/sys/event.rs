//! The event with which a thread waits for an operation that never outlives its call.
#![allow(unsafe_code, reason = "handles are bare to the system")]

use std::cell::OnceCell;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::{io, ptr};

use ipc_core::Deadline;
use windows_sys::Win32::Foundation::{HANDLE, WAIT_OBJECT_0, WAIT_TIMEOUT};
use windows_sys::Win32::System::Threading::{CreateEventW, WaitForSingleObject};

use super::milliseconds;

/// A manual-reset event, which an operation resets when it begins and sets when it ends.
#[derive(Debug)]
pub(super) struct Event(OwnedHandle);

impl Event {
    /// Hands this thread's own event to `work`, which must not begin two operations with it.
    pub(super) fn of_this_thread<R>(work: impl FnOnce(&Self) -> io::Result<R>) -> io::Result<R> {
        thread_local! {
            static OWN: OnceCell<Event> = const { OnceCell::new() };
        }
        OWN.with(|own| match own.get() {
            Some(event) => work(event),
            None => {
                let event = Self::new()?;
                work(own.get_or_init(|| event))
            }
        })
    }

    fn new() -> io::Result<Self> {
        // SAFETY: neither a descriptor nor a name is given, and the rest are plain values.
        let event = unsafe { CreateEventW(ptr::null(), 1, 0, ptr::null()) };
        if event.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call has just made it, for this caller alone.
        Ok(Self(unsafe { OwnedHandle::from_raw_handle(event) }))
    }

    /// The event for an operation that tells no port of its end. Source: Win32
    /// `GetQueuedCompletionStatus`, lpOverlapped: the low-order bit of hEvent.
    pub(super) fn without_packet(&self) -> HANDLE {
        self.0.as_raw_handle().map_addr(|address| address | 1)
    }

    /// Waits until the operation has ended; `false` if the deadline passes first.
    pub(super) fn wait(&self, deadline: Deadline) -> io::Result<bool> {
        loop {
            // SAFETY: the handle is this value's own, and so open.
            match unsafe { WaitForSingleObject(self.0.as_raw_handle(), milliseconds(deadline)) } {
                WAIT_OBJECT_0 => return Ok(true),
                WAIT_TIMEOUT if deadline.has_passed() => return Ok(false),
                WAIT_TIMEOUT => {}
                _ => return Err(io::Error::last_os_error()),
            }
        }
    }
}

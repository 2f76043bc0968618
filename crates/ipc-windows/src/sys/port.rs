//! A completion port: where the system tells the ends of operations.
#![allow(unsafe_code, reason = "handles and packets are bare to the system")]

use std::os::windows::io::{AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{io, ptr};

use ipc_core::Deadline;
use ipc_core::transport::{Key, Ready};
use windows_sys::Win32::Foundation::{INVALID_HANDLE_VALUE, WAIT_TIMEOUT};
use windows_sys::Win32::System::IO::{
    CreateIoCompletionPort, GetQueuedCompletionStatusEx, OVERLAPPED_ENTRY,
    PostQueuedCompletionStatus,
};

use super::overlapped::Operation;
use super::{check, is, milliseconds};

/// A completion port whose handles are used through [`Operation`]s alone.
#[derive(Debug)]
pub(crate) struct Port {
    handle: OwnedHandle,
    /// How many packets of operations will still come.
    expected: AtomicUsize,
}

impl Port {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: no file and no port are given, which asks for a new one; the rest are numbers.
        let handle = unsafe { CreateIoCompletionPort(INVALID_HANDLE_VALUE, ptr::null_mut(), 0, 0) };
        if handle.is_null() {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call has just made it, for this caller alone.
        let handle = unsafe { OwnedHandle::from_raw_handle(handle) };
        Ok(Self { handle, expected: AtomicUsize::new(0) })
    }

    /// Has this port told of what ends on `file`, for as long as that is open.
    pub(super) fn join(&self, file: BorrowedHandle<'_>) -> io::Result<()> {
        // SAFETY: both handles are open, for they are borrowed and `self`'s own.
        let joined = unsafe {
            CreateIoCompletionPort(file.as_raw_handle(), self.handle.as_raw_handle(), 0, 0)
        };
        if joined.is_null() { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Ends one [`take`](Self::take): one that is under way, else the next.
    pub(crate) fn nudge(&self) {
        // SAFETY: the handle is `self`'s own; a packet without an OVERLAPPED points to nothing.
        // It fails only where the system has no memory for a packet. Whoever is at the port then
        // comes back with the next packet or at its deadline.
        let _ =
            unsafe { PostQueuedCompletionStatus(self.handle.as_raw_handle(), 0, 0, ptr::null()) };
    }

    /// Waits for packets and tells the owners of what has ended; appends what they have to report.
    /// Returns how many packets there were, nudges included.
    ///
    /// Comes back at the latest at the deadline or after a day, and without waiting if the deadline
    /// has passed.
    pub(crate) fn take(
        &self,
        reports: &mut Vec<(Key, Ready)>,
        deadline: Deadline,
    ) -> io::Result<usize> {
        let mut entries = [EMPTY; MOST_AT_ONCE as usize];
        let mut count = 0;
        // SAFETY: the handle is `self`'s own; `entries` has room for the number given; the count is
        // a live local.
        let taken = check(unsafe {
            GetQueuedCompletionStatusEx(
                self.handle.as_raw_handle(),
                entries.as_mut_ptr(),
                MOST_AT_ONCE,
                &raw mut count,
                milliseconds(deadline),
                0,
            )
        });
        match taken {
            Ok(()) => {}
            Err(error) if is(&error, WAIT_TIMEOUT) => return Ok(0),
            Err(error) => return Err(error),
        }
        let count = usize::try_from(count).map_or(0, |count| count.min(entries.len()));
        let packets = entries[..count].iter().filter(|entry| !entry.lpOverlapped.is_null());
        for packet in packets {
            // SAFETY: it was taken just now and is looked at once; only what `join` was given sends
            // packets with an OVERLAPPED here, and on those handles only `Operation` begins
            // operations that send any.
            let (operation, outcome) = unsafe { Operation::of_packet(packet) };
            self.expect_no_packet();
            reports.extend(operation.tell(outcome));
        }
        Ok(count)
    }

    /// `true` if the end of some operation was not told yet.
    pub(crate) fn expects_packets(&self) -> bool {
        self.expected.load(Ordering::Relaxed) > 0
    }

    /// A packet will come: counted before its operation is begun.
    pub(super) fn expect_packet(&self) {
        self.expected.fetch_add(1, Ordering::Relaxed);
    }

    /// It came, or will not after all.
    pub(super) fn expect_no_packet(&self) {
        self.expected.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Frees what the packets that were not taken hold. The handles are closed by then and what was
/// under way was cancelled, so the packets are there or about to come. Should the system be at one
/// for longer, its memory is left to the system.
impl Drop for Port {
    fn drop(&mut self) {
        let deadline = Deadline::after(LONGEST_FAREWELL);
        while self.expects_packets() && !deadline.has_passed() {
            if self.take(&mut Vec::new(), deadline).is_err() {
                return;
            }
        }
    }
}

const LONGEST_FAREWELL: Duration = Duration::from_secs(1);

const MOST_AT_ONCE: u32 = 32;

const EMPTY: OVERLAPPED_ENTRY = OVERLAPPED_ENTRY {
    lpCompletionKey: 0,
    lpOverlapped: ptr::null_mut(),
    Internal: 0,
    dwNumberOfBytesTransferred: 0,
};

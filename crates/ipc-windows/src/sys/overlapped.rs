//! Operations that may outlive the call that began them.
//!
//! # Who owns the memory
//! The system writes into the OVERLAPPED until the operation has ended, and reads from the bytes
//! that it is to write. Both lie in one [`Operation`], which is counted: its starter holds one count,
//! and the packet by which the system will tell its end the other. So it lives until the packet was
//! taken from the port, whatever became of the connection, and nobody ever waits to free it. Such an
//! operation is begun without an event: one that is begun with one dies with the thread that began
//! it (seen under Wine, on handles with a port too).
//!
//! An operation of which no packet will come takes that count back at once: one that failed at once,
//! and one that was done at once on a handle that was told to skip the packet then.
#![allow(unsafe_code, reason = "the system holds a bare pointer to each operation")]

use std::cell::UnsafeCell;
use std::fmt;
use std::io;
use std::sync::{Arc, Weak};

use ipc_core::transport::{Key, Ready};
use windows_sys::Win32::Foundation::{ERROR_IO_PENDING, ERROR_MORE_DATA, RtlNtStatusToDosError};
use windows_sys::Win32::System::IO::{OVERLAPPED, OVERLAPPED_ENTRY};
use windows_sys::core::BOOL;

use super::port::Port;
use super::{code, error};

/// Who began operations, and is told their ends.
pub(crate) trait Owner: Send + Sync {
    /// `operation` has ended so. Answers what the port's waiter is to report for it.
    fn ended(&self, operation: &Operation, outcome: io::Result<()>) -> Option<(Key, Ready)>;
}

/// An operation that the system may still be at. Clones stand for the same one.
#[derive(Clone)]
pub(crate) struct Operation(Arc<Inner>);

/// `repr(C)` with the OVERLAPPED first, so that the system's pointer to it is one to all of this.
#[repr(C)]
struct Inner {
    /// The system's alone from the beginning of the operation to its end.
    overlapped: UnsafeCell<OVERLAPPED>,
    /// Where a read of no bytes points to.
    nothing: UnsafeCell<u8>,
    /// What a write reads from.
    bytes: Vec<u8>,
    owner: Weak<dyn Owner>,
}

// SAFETY: the parts that are not of plain Rust are only ever touched by the system and, after the
// operation has ended, by the one thread that took its packet; the others are Send and Sync.
unsafe impl Send for Inner {}
// SAFETY: as above. Through a shared reference nothing but pointers to those parts is given out.
unsafe impl Sync for Inner {}

/// What became of an operation when it was begun.
#[derive(Debug)]
pub(crate) enum Begun {
    /// It is done. Here are the bytes that it wrote, if nobody needs them any more.
    Done(Vec<u8>),
    /// Its owner will be told.
    Pending(Operation),
}

/// Whether the port gets a packet also of what was done at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packets {
    /// The handle was told to skip those. Source: Win32 `SetFileCompletionNotificationModes`,
    /// `FILE_SKIP_COMPLETION_PORT_ON_SUCCESS`.
    OnlyIfPending,
    /// Of everything that did not fail at once.
    Always,
}

impl Operation {
    /// Begins an operation on a handle that belongs to `port` and sends it `packets`. `start` is
    /// given the operation's OVERLAPPED, a place for nothing, and the bytes.
    ///
    /// # Safety
    /// `start` begins one overlapped operation with the OVERLAPPED it is given, on such a handle,
    /// returns what that call returned, and uses the other pointers for no more than reading the
    /// bytes and writing none.
    pub(super) unsafe fn begin(
        port: &Port,
        packets: Packets,
        owner: Weak<dyn Owner>,
        bytes: Vec<u8>,
        start: impl FnOnce(*mut OVERLAPPED, *mut u8, &[u8]) -> BOOL,
    ) -> io::Result<Begun> {
        let inner = Arc::new(Inner {
            overlapped: UnsafeCell::default(),
            nothing: UnsafeCell::default(),
            bytes,
            owner,
        });
        let packets_count = Arc::into_raw(Arc::clone(&inner));
        port.expect_packet();
        let started = start(inner.overlapped.get(), inner.nothing.get(), &inner.bytes);
        let failure = (started == 0).then(io::Error::last_os_error);
        let (is_done, packet_comes) = match failure.as_ref().map(code) {
            None => (true, packets == Packets::Always),
            Some(ERROR_IO_PENDING) => (false, true),
            // A beginning of a longer message was read. That counts as success: the port is told.
            // A handle that skips packets is never in a mode in which this is answered.
            Some(ERROR_MORE_DATA) => (true, true),
            Some(_) => (false, false),
        };
        if !packet_comes {
            port.expect_no_packet();
            // SAFETY: the pointer is from `into_raw` above and nobody else has it: the system
            // forgets an operation that failed at once, and one that was done at once if it sends
            // no packet for it.
            drop(unsafe { Arc::from_raw(packets_count) });
        }
        match failure {
            Some(failure) if !packet_comes => Err(failure),
            _ if is_done => {
                Ok(Begun::Done(Arc::into_inner(inner).map_or_else(Vec::new, |inner| inner.bytes)))
            }
            _ => Ok(Begun::Pending(Self(inner))),
        }
    }

    /// The operation whose packet `entry` is, and how it ended.
    ///
    /// # Safety
    /// `entry` was just taken from a port to which only operations of this module send packets with
    /// an OVERLAPPED, and is used for this once.
    pub(super) unsafe fn of_packet(entry: &OVERLAPPED_ENTRY) -> (Self, io::Result<()>) {
        let inner: *const Inner = entry.lpOverlapped.cast_const().cast();
        // SAFETY: the system gives back the pointer to the first field of an `Inner`, whose count
        // for the packet was left for this by `begin`.
        let inner = unsafe { Arc::from_raw(inner) };
        let overlapped = inner.overlapped.get();
        // SAFETY: the operation has ended, so the system does not touch it any more, and the packet
        // is handed to one thread only, which is this one.
        let status = unsafe { (*overlapped).Internal };
        (Self(inner), outcome(status))
    }

    /// Tells the owner, if there still is one, how the operation ended.
    pub(super) fn tell(&self, outcome: io::Result<()>) -> Option<(Key, Ready)> {
        self.0.owner.upgrade()?.ended(self, outcome)
    }

    /// `true` if both are the same operation.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// For naming the operation to the system; not to be read or written.
    pub(super) fn as_ptr(&self) -> *const OVERLAPPED {
        self.0.overlapped.get()
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Operation({:p})", self.as_ptr())
    }
}

/// What the status of an operation that has ended means. Source: Win32 `OVERLAPPED`, Internal: the
/// NTSTATUS of the request; those of success and of information are not negative.
#[allow(clippy::cast_possible_truncation, reason = "an NTSTATUS is the low 32 bits of that field")]
fn outcome(status: usize) -> io::Result<()> {
    let status = status as i32;
    if status >= 0 {
        return Ok(());
    }
    // SAFETY: takes and answers with a number.
    match unsafe { RtlNtStatusToDosError(status) } {
        ERROR_MORE_DATA => Ok(()),
        code => Err(error(code)),
    }
}

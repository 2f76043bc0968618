//! What has become of a connection on this side.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use ipc_core::transport::{Interest, Key};
use ipc_core::{Error, Operation, Result};

use crate::sys::{self, overlapped};
use windows_sys::Win32::Foundation::{
    ERROR_BROKEN_PIPE, ERROR_NETNAME_DELETED, ERROR_NO_DATA, ERROR_PIPE_NOT_CONNECTED,
};

/// Facts that become true once and stay so.
#[derive(Debug, Default)]
pub(super) struct Facts {
    cancelled: AtomicBool,
    /// Nothing more is written, nor read but to be discarded.
    closing: AtomicBool,
    /// Whatever is under way is given up: cancelled, or the end is closed.
    pub(super) given_up: AtomicBool,
}

impl Facts {
    /// Refuses what comes too late.
    pub(super) fn check(&self, operation: Operation) -> Result<()> {
        self.check_cancelled(operation)?;
        if self.is_closing() { Err(Error::Closed { operation }) } else { Ok(()) }
    }

    pub(super) fn check_cancelled(&self, operation: Operation) -> Result<()> {
        if self.cancelled.load(Ordering::SeqCst) {
            return Err(Error::Cancelled { operation });
        }
        Ok(())
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::SeqCst)
    }

    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        self.given_up.store(true, Ordering::SeqCst);
    }

    /// `true` the first time.
    pub(super) fn begin_closing(&self) -> bool {
        !self.closing.swap(true, Ordering::SeqCst)
    }

    pub(super) fn finish_closing(&self) {
        self.closing.store(true, Ordering::SeqCst);
        self.given_up.store(true, Ordering::SeqCst);
    }
}

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct State {
    /// What is to be reported, once.
    pub(super) armed: Option<(Key, Interest)>,
    /// A read of nothing, which ends when there is something to read.
    pub(super) probe: Option<overlapped::Operation>,
    /// The write in flight.
    pub(super) output: Option<overlapped::Operation>,
    /// Why a write failed that had been accepted.
    pub(super) lost: Option<Lost>,
    /// A buffer for the next write.
    pub(super) spare: Vec<u8>,
}

/// Why what was accepted did not reach the peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lost {
    code: u32,
}

impl Lost {
    pub(super) fn of(error: &io::Error) -> Self {
        Self { code: sys::code(error) }
    }

    pub(super) fn to_error(self) -> io::Error {
        sys::error(self.code)
    }
}

/// `true` if `error` says that the other end is gone.
///
/// 109 when it was closed, 232 while it is being closed, 233 when this end was disconnected, 64 when
/// the other machine is.
pub(super) fn says_gone(error: &io::Error) -> bool {
    matches!(
        sys::code(error),
        ERROR_BROKEN_PIPE | ERROR_NO_DATA | ERROR_PIPE_NOT_CONNECTED | ERROR_NETNAME_DELETED
    )
}

//! What has become of a connection on this side.

use std::sync::atomic::{AtomicU8, Ordering};

use ipc_core::{Error, Operation, Result};

/// Facts that become true once and stay so.
#[derive(Debug, Default)]
pub(super) struct State(AtomicU8);

const CANCELLED: u8 = 1;
const FINISHED: u8 = 2;
const CLOSING: u8 = 4;
const ENDED: u8 = 8;

impl State {
    /// Refuses what comes too late.
    pub(super) fn check(&self, operation: Operation) -> Result<()> {
        match self.0.load(Ordering::SeqCst) & (CANCELLED | CLOSING) {
            0 => Ok(()),
            CLOSING => Err(Error::Closed { operation }),
            _ => Err(Error::Cancelled { operation }),
        }
    }

    /// Refuses what comes too late to be written.
    pub(super) fn check_writing(&self, operation: Operation) -> Result<()> {
        self.check(operation)?;
        if self.is_finished() { Err(Error::Closed { operation }) } else { Ok(()) }
    }

    pub(super) fn check_cancelled(&self, operation: Operation) -> Result<()> {
        if self.is_cancelled() { Err(Error::Cancelled { operation }) } else { Ok(()) }
    }

    pub(super) fn cancel(&self) {
        self.set(CANCELLED);
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.has(CANCELLED)
    }

    /// Nothing more will be written. `false` if that was so before.
    pub(super) fn finish(&self) -> bool {
        self.set(FINISHED)
    }

    pub(super) fn is_finished(&self) -> bool {
        self.has(FINISHED)
    }

    /// Nothing more will be written, nor read but to be discarded.
    pub(super) fn begin_closing(&self) {
        self.set(CLOSING);
    }

    /// The peer has finished.
    pub(super) fn end(&self) {
        self.set(ENDED);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has(ENDED)
    }

    fn set(&self, fact: u8) -> bool {
        self.0.fetch_or(fact, Ordering::SeqCst) & fact == 0
    }

    fn has(&self, fact: u8) -> bool {
        self.0.load(Ordering::SeqCst) & fact != 0
    }
}

//! Descriptors that nobody wants.

use std::os::fd::BorrowedFd;

/// Nothing: these systems close what comes to `socket` and is not asked for.
pub(crate) fn refuse_descriptors(_socket: BorrowedFd<'_>) {}

/// `true` for what is closed without waiting for anybody: here it is not known.
pub(crate) fn closes_at_once(_file: BorrowedFd<'_>) -> bool {
    false
}

//! Descriptors that nobody wants.

use std::os::fd::BorrowedFd;

/// Nothing: these systems close what comes to `socket` and is not asked for.
pub(crate) fn refuse_descriptors(_socket: BorrowedFd<'_>) {}

//! What the kernel tells of another process: here nothing that is safe from a reused pid.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;

use super::NamespaceKind;

/// A descriptor of this very thread: these systems have none.
pub(crate) fn this_thread() -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A namespace; these systems have none.
#[derive(Debug, PartialEq)]
pub(crate) enum Namespace {}

pub(crate) fn namespace(_process: BorrowedFd<'_>, _kind: NamespaceKind) -> io::Result<Namespace> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The process's control group; these systems have none.
pub(crate) fn control_group(_process: BorrowedFd<'_>) -> io::Result<u64> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether the process behind a descriptor lives: there are no such descriptors.
pub(crate) fn is_alive(_process: BorrowedFd<'_>) -> bool {
    false
}

/// The program that the process with that number runs: not looked up.
pub(crate) fn executable(_pid: u32) -> Option<PathBuf> {
    None
}

/// Whether the process with that number can gain privileges by exec: not looked up.
pub(crate) fn no_new_privileges(_pid: u32) -> Option<bool> {
    None
}

/// Whether the ids of the process with that number mean what this process's do: not looked up.
pub(crate) fn has_same_ids(_pid: u32) -> Option<bool> {
    None
}

/// The security module's label of this process: these systems have none.
pub(crate) fn own_label() -> Option<&'static str> {
    None
}

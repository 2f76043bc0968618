//! A system that cannot open files with registered credentials.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use ipc_core::files::{Metadata, RelativePath, ResolveRules};

use crate::sys::Result;
use crate::sys::walk::Wanted;

/// There is none, so no method is ever called.
#[derive(Debug)]
pub(crate) enum ThreadRing {}

/// Nothing registers.
#[derive(Debug)]
pub(crate) enum Registration {}

impl ThreadRing {
    pub(crate) fn new() -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no io_uring"))
    }

    pub(crate) fn is_usable(&self) -> bool {
        match *self {}
    }

    pub(crate) fn register(&self) -> io::Result<Registration> {
        match *self {}
    }

    pub(crate) fn has(&self, _: &Registration) -> bool {
        match *self {}
    }

    pub(crate) fn open_below(
        &self,
        _: &Registration,
        _: BorrowedFd<'_>,
        _: &RelativePath,
        _: Wanted,
        _: ResolveRules,
    ) -> io::Result<Result<OwnedFd>> {
        match *self {}
    }

    pub(crate) fn stat_below(
        &self,
        _: &Registration,
        _: BorrowedFd<'_>,
        _: &RelativePath,
        _: ResolveRules,
    ) -> io::Result<Result<Metadata>> {
        match *self {}
    }
}

impl Registration {
    pub(crate) fn is_alive(&self) -> bool {
        match *self {}
    }
}

//! Fencing a process in: these systems have nothing of the kind that every user may use.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use crate::fence::Allowed;

pub(crate) fn place(_path: &Path) -> io::Result<OwnedFd> {
    Err(no_fences())
}

#[derive(Debug)]
pub(crate) enum Prepared {}

pub(crate) fn prepare<'a>(
    _rules: impl IntoIterator<Item = (BorrowedFd<'a>, Allowed)>,
) -> io::Result<Prepared> {
    Err(no_fences())
}

fn no_fences() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "this system has no Landlock; only Linux has")
}

impl Prepared {
    pub(crate) fn raise(self) -> io::Result<u32> {
        match self {}
    }
}

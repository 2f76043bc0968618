//! What the tests of served directories share.
#![allow(unsafe_code, reason = "leases have no safe wrapper")]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

use ipc_core::files::{Open, RelativePath, Root};
use ipc_core::{AsPeer, ErrorKind, Result};
use ipc_unix::UnixRoot;

/// Runs `work` with this process's own rights, which are what is served here.
#[allow(clippy::disallowed_methods, reason = "the test serves itself")]
pub(crate) fn as_oneself<R>(work: impl FnOnce(&AsPeer) -> R) -> R {
    AsPeer::attest(work)
}

/// Opens `path` as oneself.
pub(crate) fn open(root: &UnixRoot, path: &str, how: Open) -> Result<File> {
    let path = RelativePath::new(path.as_bytes())?;
    as_oneself(|by| root.open(by, &path, how))
}

/// The kind of the refusal to read `path`; `None` if it is opened.
pub(crate) fn refusal(root: &UnixRoot, path: &str) -> Option<ErrorKind> {
    open(root, path, Open::Read).err().map(|error| error.kind())
}

/// The first bytes of `file`.
pub(crate) fn head(root: &UnixRoot, file: &File) -> Vec<u8> {
    let mut buffer = vec![0; 16];
    let count = root.read_at(file, &mut buffer, 0).expect("read");
    buffer.truncate(count);
    buffer
}

pub(crate) fn root(path: impl AsRef<Path>) -> UnixRoot {
    UnixRoot::open_dir(path).expect("the directory opens")
}

/// Takes a write lease on the file, as its owner may: who opens it then has to wait, up to 45
/// seconds. The signal that says so is ignored.
pub(crate) fn lease(file: &File) -> io::Result<()> {
    // SAFETY: ignoring a signal runs no code of ours.
    unsafe { libc::signal(libc::SIGIO, libc::SIG_IGN) };
    // SAFETY: `file` is borrowed and so stays open for the call, whose argument is a number.
    let status = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, libc::F_WRLCK) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

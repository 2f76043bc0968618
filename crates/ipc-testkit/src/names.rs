//! Fresh names, and counting what a process holds open.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use ipc_core::{Endpoint, MemoryTransport};

/// A name that nobody has used: unique among all processes that run at once, short enough for a
/// socket path, and good in every transport's endpoints.
#[must_use]
pub fn unique() -> String {
    static LAST: AtomicU32 = AtomicU32::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    format!("t{}-{number}", std::process::id())
}

/// A fresh endpoint of [`MemoryTransport`].
///
/// # Panics
/// Never: the name is a good one.
#[must_use]
pub fn fresh_memory() -> Endpoint {
    Endpoint::with_scheme(MemoryTransport::SCHEME, &unique()).expect("a unique name is a good one")
}

/// How many descriptors this process has open; `None` where the system has no directory of them.
///
/// Source: proc(5), `/proc/self/fd`; fd(4) on macOS and FreeBSD, `/dev/fd`.
#[must_use]
pub fn open_descriptors() -> Option<usize> {
    // What has no drive is no absolute path on Windows, and says nothing about this process if it
    // leads somewhere (as under Wine).
    let directories = ["/proc/self/fd", "/dev/fd"].map(Path::new);
    let mut listings = directories.iter().filter(|path| path.is_absolute()).map(fs::read_dir);
    Some(listings.find_map(Result::ok)?.count())
}

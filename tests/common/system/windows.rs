//! Windows: named pipes called after the test's directory, clients with restricted tokens.

use std::fs::File;
use std::os::windows::io::OwnedHandle;
use std::path::Path;
use std::process::ChildStdin;

use ipc_core::Endpoint;
use ipc_testkit::child::Process;
use ipc_testkit::skip;
use ipc_windows::{Acl, PipeTransport};

use super::{Memory, Who};

/// The endpoint `name` of a test that has `directory` for itself: the same each time.
pub(crate) fn endpoint(directory: &Path, name: &str) -> Endpoint {
    let place = directory.file_name().expect("a directory with a name of its own");
    let name = format!("{}-{name}", place.to_string_lossy());
    Endpoint::with_scheme("pipe", &name).expect("a good name")
}

/// How many handles this process has open.
pub(crate) fn open_handles() -> Option<usize> {
    None
}

/// What the process `pid` has of memory.
pub(crate) fn memory(_pid: u32) -> Option<Memory> {
    None
}

/// Makes a file of `length` bytes. It takes room only where something is written to it.
pub(crate) fn sparse(path: &Path, length: u64) -> File {
    let file = File::create(path).expect("a file");
    file.set_len(length).expect("a long one");
    file
}

/// How long the longest file is that is sent in tests, in bytes: each is copied.
pub(crate) const LARGE: u64 = 1 << 30;

/// The writing end of a pipe to a child.
pub(crate) fn file_of(pipe: ChildStdin) -> File {
    File::from(OwnedHandle::from(pipe))
}

/// What a new directory inherits lets those enter who may.
pub(crate) fn let_everybody_enter(_directory: &Path) {}

/// The options of `fileserve serve` that let everybody reach the server, and be served.
pub(crate) const SERVE_ALL: [&str; 2] = ["--allow", "any"];

/// A transport whose endpoints all programs of this user may reach.
pub(crate) fn open_to_all() -> PipeTransport {
    PipeTransport::new().security(Acl::owner().allow_this_user())
}

/// Two restricted tokens of this user, of which each lacks a group that the other has.
#[derive(Debug)]
pub(crate) struct Identities(());

impl Identities {
    /// Both, if there can be any; else it says that `test` is left out.
    pub(crate) fn both(test: &str) -> Option<Self> {
        skip(test, "there are no restricted tokens yet");
        None
    }

    /// Starts this test binary as `who`, to run `function`.
    pub(crate) fn start(&self, _who: Who, function: &str, arguments: &[&str]) -> Process {
        Process::start(function, arguments)
    }

    /// Makes a file that only `readers` and this process may read.
    pub(crate) fn file_for(&self, _readers: &[Who], path: &Path, content: &[u8]) {
        std::fs::write(path, content).expect("a file");
    }
}

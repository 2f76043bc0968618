//! Unix: sockets in the test's directory, clients of other users by root, `/proc`.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use ipc_core::Endpoint;
use ipc_testkit::child::{self, Process};
use ipc_testkit::skip;
use ipc_unix::UnixTransport;

use super::{Memory, Who};

/// The endpoint `name` of a test that has `directory` for itself: the same each time.
pub(crate) fn endpoint(directory: &Path, name: &str) -> Endpoint {
    let path = directory.join(name);
    Endpoint::with_scheme("unix", &path.display().to_string()).expect("a short path")
}

/// How many descriptors this process has open.
///
/// The rings by which files are opened as clients are left out: each thread that does so has one for
/// as long as it lives, and makes it when it first needs it.
pub(crate) fn open_handles() -> Option<usize> {
    let rings = fs::read_dir("/proc/self/fd").ok()?.flatten().filter(|entry| {
        fs::read_link(entry.path()).is_ok_and(|to| to == Path::new("anon_inode:[io_uring]"))
    });
    let rings = rings.count();
    Some(ipc_testkit::names::open_descriptors()? - rings)
}

/// What the process `pid` has of memory. Source: proc(5), `/proc/PID/status`.
pub(crate) fn memory(pid: u32) -> Option<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let bytes = |what: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'))?;
        let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kibibytes * 1024)
    };
    Some(Memory { now: bytes("VmRSS")?, peak: bytes("VmHWM")? })
}

/// Makes a file of `length` bytes that takes no room.
pub(crate) fn sparse(path: &Path, length: u64) -> File {
    let file = File::create(path).expect("a file");
    file.set_len(length).expect("a sparse one");
    file
}

/// How long the longest file is that is sent in tests, in bytes.
pub(crate) const LARGE: u64 = 10 << 30;

/// More memory than a process of these tests may ever have, in bytes.
pub(crate) const LITTLE: u64 = 32 << 20;

/// Lets every user look into `directory`, whatever the umask.
pub(crate) fn let_everybody_enter(directory: &Path) {
    fs::set_permissions(directory, Permissions::from_mode(0o755)).expect("it is ours");
}

/// The options of `fileserve serve` that let everybody reach the server, and be served.
pub(crate) const SERVE_ALL: [&str; 4] = ["--allow", "any", "--socket-mode", "0666"];

/// A transport whose endpoints everybody may reach.
pub(crate) fn open_to_all() -> UnixTransport {
    UnixTransport::new().mode(0o666)
}

/// Two users without an account, whom only root can start clients as.
#[derive(Debug)]
pub(crate) struct Identities(());

impl Identities {
    /// Both, if there can be any; else it says that `test` is left out.
    pub(crate) fn both(test: &str) -> Option<Self> {
        if is_root() {
            return Some(Self(()));
        }
        skip(test, "it starts clients of two other users, which takes root");
        None
    }

    /// Starts this test binary as `who`, to run `function`.
    pub(crate) fn start(&self, who: Who, function: &str, arguments: &[&str]) -> Process {
        let mut command = child::command(child::this_program(), function, arguments);
        command.uid(uid_of(who)).gid(uid_of(who));
        Process::spawn(command)
    }

    /// Makes a file in a directory that both may enter, and lets only `readers` and this process
    /// read it.
    pub(crate) fn file_for(&self, readers: &[Who], path: &Path, content: &[u8]) {
        let_everybody_enter(path.parent().expect("a file lies in a directory"));
        fs::write(path, content).expect("a file");
        let (mode, owner) = match readers {
            [] => (0o600, 0),
            [who] => (0o600, uid_of(*who)),
            _ => (0o644, 0),
        };
        chown(path, Some(owner), Some(owner)).expect("root gives files away");
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("its mode is ours to set");
    }
}

/// Numbers that no account is likely to have.
fn uid_of(who: Who) -> u32 {
    match who {
        Who::One => 42_001,
        Who::Other => 42_002,
    }
}

fn is_root() -> bool {
    let own = ipc_core::Transport::this_process(&UnixTransport::new());
    let uid = own.ok().and_then(|own| own.identity()?.as_unix().map(|ids| ids.uid));
    uid == Some(0)
}

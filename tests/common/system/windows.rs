//! Windows: named pipes called after the test's directory, clients with restricted tokens.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::Command;

use ipc_core::peer::Sid;
use ipc_core::{Endpoint, Transport};
use ipc_testkit::child::{self, Process, Running};
use ipc_testkit::skip;
use ipc_windows::restricted::{self, Restrictions, Stdio};
use ipc_windows::{Acl, FileAccess, FileAcl, PipeTransport, process};

use super::{Memory, Who};

/// The endpoint `name` of a test that has `directory` for itself: the same each time.
pub(crate) fn endpoint(directory: &Path, name: &str) -> Endpoint {
    let place = directory.file_name().expect("a directory with a name of its own");
    let name = format!("{}-{name}", place.to_string_lossy());
    Endpoint::with_scheme("pipe", &name).expect("a good name")
}

/// How many handles this process has open.
pub(crate) fn open_handles() -> Option<usize> {
    ipc_windows::open_handles()
}

/// What the process `pid` has of memory.
pub(crate) fn memory(pid: u32) -> Option<Memory> {
    let told = process::memory_of(pid).ok()?;
    Some(Memory { now: told.working_set, peak: told.peak_working_set })
}

/// Makes a file of `length` bytes that takes no room.
pub(crate) fn sparse(path: &Path, length: u64) -> File {
    let file = File::create(path).expect("a file");
    // Where this fails, only room is lost: nothing is written to most of it.
    let _ = Command::new("fsutil").args(["sparse", "setflag"]).arg(path).output();
    file.set_len(length).expect("a long one");
    file
}

/// How long the longest file is that is sent in tests, in bytes: each is copied.
pub(crate) const LARGE: u64 = 1 << 30;

/// More memory than a process of these tests may ever have, in bytes. Wine counts 40 MiB of libraries
/// among it, its own.
pub(crate) const LITTLE: u64 = 64 << 20;

/// What a new directory inherits lets those enter who may.
pub(crate) fn let_everybody_enter(_directory: &Path) {}

/// The options of `fileserve serve` that let everybody reach the server, and be served.
pub(crate) const SERVE_ALL: [&str; 2] = ["--allow", "any"];

/// A transport whose endpoints both [`Identities`] may reach: they are one user.
pub(crate) fn open_to_all() -> PipeTransport {
    PipeTransport::new().security(Acl::owner().allow_this_user())
}

/// Two restricted tokens of this user, each without a group that the other has. Neither has the
/// administrators' rights, which this process needs, to read what neither may.
#[derive(Debug)]
pub(crate) struct Identities(());

impl Identities {
    /// Both, if there can be any; else it says that `test` is left out.
    pub(crate) fn both(test: &str) -> Option<Self> {
        if !ipc_windows::can_run_as_peer() {
            skip(test, "this Wine gives the server's own token");
            return None;
        }
        let own = PipeTransport::new().this_process().expect("this process has a token");
        let own = own.identity().and_then(|own| own.as_windows().cloned());
        let own = own.expect("a token has facts");
        let needed = [Sid::ADMINISTRATORS, group_of(Who::One), group_of(Who::Other)];
        match needed.into_iter().find(|group| !own.is_member_of(group)) {
            None => Some(Self(())),
            Some(group) => {
                skip(test, &format!("this process is no member of {group}"));
                None
            }
        }
    }

    /// Starts this test binary as `who`, to run `function`.
    pub(crate) fn start(&self, who: Who, function: &str, arguments: &[&str]) -> Process {
        let command = child::command(child::this_program(), function, arguments);
        let mut child = restricted_child(who, &command);
        let stdin = child.stdin.take().expect("it was piped");
        let stdout = child.stdout.take().expect("it was piped");
        Process::over(RestrictedChild(child), stdin, stdout)
    }

    /// Makes a file that only `readers` and this process may read.
    pub(crate) fn file_for(&self, readers: &[Who], path: &Path, content: &[u8]) {
        fs::write(path, content).expect("a file");
        let list = readers.iter().fold(FileAcl::administrators(), |list, who| {
            list.allow(Sid::new(group_of(*who)), FileAccess::Read)
        });
        list.apply_to(path).expect("the file's list is its owner's to set");
    }
}

/// The group whose rights that identity has and the other has not. No program needs either to run.
/// Source: Microsoft, "Well-known SIDs": Local, Authenticated Users.
fn group_of(who: Who) -> &'static str {
    match who {
        Who::One => "S-1-2-0",
        Who::Other => "S-1-5-11",
    }
}

/// What `command` starts, as `who`.
fn restricted_child(who: Who, command: &Command) -> restricted::Child {
    let other = if who == Who::One { Who::Other } else { Who::One };
    let restrictions = Restrictions::without_administrators().deny_only(Sid::new(group_of(other)));
    let mut program = restricted::Command::new(command.get_program(), restrictions)
        .args(command.get_args())
        .stdin(Stdio::Piped)
        .stdout(Stdio::Piped);
    for (name, value) in command.get_envs() {
        program = program.env(name, value.unwrap_or_default());
    }
    program.spawn().expect("the child starts")
}

#[derive(Debug)]
struct RestrictedChild(restricted::Child);

impl Running for RestrictedChild {
    fn id(&self) -> u32 {
        self.0.id()
    }

    fn kill(&mut self) -> io::Result<()> {
        self.0.kill()
    }

    fn wait(&mut self) -> io::Result<()> {
        self.0.wait().map(drop)
    }
}

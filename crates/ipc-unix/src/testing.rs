//! What the tests of this crate share: clients of other users, and this test binary as a child.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Output};
use std::sync::Arc;
use std::{env, thread};

use ipc_core::{AsPeer, ImpersonationLevel, Result};

use crate::identity::{ActAs, UnixPeer, peer_of};
use crate::switch::run_as_peer;
use crate::switch::thread::ThreadIdentity;
use crate::sys::thread_identity::this_thread;

/// A user of the tests: numeric ids, no account.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: Vec<u32>,
}

impl User {
    /// A user with a group of the same number and these further ones.
    pub(crate) fn new(uid: u32, groups: &[u32]) -> Self {
        Self { uid, gid: uid, groups: groups.to_vec() }
    }

    /// Runs `work` on a thread that is this user for the rest of its life. Takes root.
    pub(crate) fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        thread::scope(|scope| {
            let user = scope.spawn(|| {
                let thread = this_thread().expect("threads have identities");
                thread.set_groups(&self.groups).expect("setgroups");
                thread.set_effective_gid(self.gid).expect("setresgid");
                thread.set_effective_uid(self.uid).expect("setresuid");
                work()
            });
            user.join().expect("the user's thread did not panic")
        })
    }

    /// A connection whose other end this user made. Takes root.
    pub(crate) fn connect(&self) -> Connected {
        Connected::new(self.run(|| UnixStream::pair().expect("a socket pair")))
    }
}

/// The server's end of a connection, and the client's.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) peer: UnixPeer,
    pub(crate) socket: Arc<OwnedFd>,
    pub(crate) client: UnixStream,
}

impl Connected {
    /// A connection with this process at both ends.
    pub(crate) fn with_self() -> Self {
        Self::new(UnixStream::pair().expect("a socket pair"))
    }

    fn new((server, client): (UnixStream, UnixStream)) -> Self {
        let socket = Arc::new(OwnedFd::from(server));
        Self { peer: peer_of(&socket).expect("the peer is known"), socket, client }
    }

    /// Runs `work` as the client, who grants it.
    pub(crate) fn act<R>(&self, work: impl FnOnce(&AsPeer) -> R) -> Result<R> {
        self.act_as(&ActAs::default(), work)
    }

    pub(crate) fn act_as<R>(&self, settings: &ActAs, work: impl FnOnce(&AsPeer) -> R) -> Result<R> {
        act(&self.peer, settings, work)
    }
}

/// Runs `work` as `peer`, who grants it.
pub(crate) fn act<R>(
    peer: &UnixPeer,
    settings: &ActAs,
    work: impl FnOnce(&AsPeer) -> R,
) -> Result<R> {
    let (mut work, mut value) = (Some(work), None);
    run_as_peer(peer, Some(ImpersonationLevel::Impersonation), settings, &mut |by| {
        value = work.take().map(|work| work(by));
    })?;
    Ok(value.expect("success means that the work has run"))
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// `true` if the test can run; says aloud that it is left out if not.
pub(crate) fn takes_root(test: &str) -> bool {
    if !is_root() {
        skip(test, "takes root");
    }
    is_root()
}

/// Says that a test is left out, past the capture of the test's output.
pub(crate) fn skip(test: &str, reason: &str) {
    let _ = writeln!(io::stderr().lock(), "skipped: {test}: {reason}");
}

/// The part that this run of the test plays in a child process, if it is one.
pub(crate) fn part() -> Option<String> {
    env::var(PART).ok()
}

/// This test binary, to run `test` (its full path) alone, in the given part.
pub(crate) fn child(test: &str, part: &str) -> Command {
    let binary = env::current_exe().expect("this binary has a path");
    as_child(Command::new(binary), test, part)
}

/// The same, started by `wrapper` (a program and its arguments) as a user who may not be able to
/// reach the binary by its path: it comes as standard input.
pub(crate) fn child_by(wrapper: &[&str], test: &str, part: &str) -> Command {
    let binary = env::current_exe().and_then(File::open).expect("this binary can be read");
    let mut command = Command::new(wrapper[0]);
    command.args(&wrapper[1..]).arg("/proc/self/fd/0").stdin(binary);
    as_child(command, test, part)
}

fn as_child(mut command: Command, test: &str, part: &str) -> Command {
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(PART, part);
    command
}

/// Asserts that the child has run its one test and passed it.
pub(crate) fn assert_passed(output: &Output) {
    let ran = String::from_utf8_lossy(&output.stdout).contains("1 passed");
    assert!(output.status.success() && ran, "{}", said(output));
}

/// What a child printed, for a failed assertion.
pub(crate) fn said(output: &Output) -> String {
    format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

const PART: &str = "IPC_UNIX_TEST_PART";

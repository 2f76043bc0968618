//! What the tests of this crate share: clients of other users, and this test binary as a child.

use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::{env, thread};

use ipc_core::{AsPeer, ImpersonationLevel, Result};
pub(crate) use ipc_testkit::skip;
use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::identity::{ActAs, UnixPeer, peer_of};
use crate::switch::run_as_peer;
use crate::switch::thread::ThreadIdentity;
use crate::sys::thread_identity::this_thread;

pub(crate) mod mishaps;
pub(crate) mod requests;
pub(crate) mod tree;

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
    /// `None` if another process has it.
    pub(crate) client: Option<UnixStream>,
}

impl Connected {
    /// A connection with this process at both ends.
    pub(crate) fn with_self() -> Self {
        Self::new(UnixStream::pair().expect("a socket pair"))
    }

    fn new((server, client): (UnixStream, UnixStream)) -> Self {
        Self { client: Some(client), ..Self::from_socket(server.into()) }
    }

    /// The connection that a child makes, unless it ends before.
    pub(crate) fn accept(listener: &UnixListener, child: &Child) -> Self {
        let child = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).expect("it is ours");
        let mut awaited = [listener.as_fd(), child.as_fd()]
            .map(|descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN));
        rustix::event::poll(&mut awaited, None).expect("waited");
        assert!(!awaited[0].revents().is_empty(), "the child connects");
        let (server, _) = listener.accept().expect("accepted");
        Self::from_socket(server.into())
    }

    /// A connection of which this process has one end.
    pub(crate) fn from_socket(socket: OwnedFd) -> Self {
        let socket = Arc::new(socket);
        Self { peer: peer_of(&socket).expect("the peer is known"), socket, client: None }
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

/// The same for a test that makes namespaces, which root in a container often may not.
pub(crate) fn takes_namespaces(test: &str) -> bool {
    if !takes_root(test) {
        return false;
    }
    let tried = Command::new("unshare").args(["-m", "-p", "-f", "true"]).output();
    let can = tried.is_ok_and(|output| output.status.success());
    if !can {
        skip(test, "takes the right to make namespaces");
    }
    can
}

/// The part that this run of the test plays in a child process, if it is one.
pub(crate) fn part() -> Option<String> {
    env::var(PART).ok()
}

/// This test binary, to run `test` (its full path) alone, in the given part.
pub(crate) fn child(test: &str, part: &str) -> Command {
    as_child(Command::new("/proc/self/exe"), test, part)
}

/// The same, started by `wrapper` (a program and its arguments) as a user who may not be able to
/// reach the binary by its path: it comes as standard input.
pub(crate) fn child_by(wrapper: &[&str], test: &str, part: &str) -> Command {
    let [program, arguments @ ..] = wrapper else { return child(test, part) };
    let mut command = Command::new(program);
    command.args(arguments).arg("/proc/self/fd/0");
    command.stdin(File::open("/proc/self/exe").expect("this program can be read"));
    as_child(command, test, part)
}

/// The same, started by `wrapper` with one of this process's connections as standard input.
pub(crate) fn child_with(
    connection: UnixStream,
    wrapper: &[&str],
    test: &str,
    part: &str,
) -> Command {
    let binary = env::current_exe().expect("this program has a path");
    let mut command = Command::new(wrapper[0]);
    command.args(&wrapper[1..]).arg(binary).stdin(OwnedFd::from(connection));
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

/// A place where children of any user can connect.
pub(crate) fn listen(directory: &Path) -> UnixListener {
    let open_to_all = Permissions::from_mode(0o777);
    fs::set_permissions(directory, open_to_all.clone()).expect("its owner may");
    let listener = UnixListener::bind(directory.join("socket")).expect("bound");
    fs::set_permissions(directory.join("socket"), open_to_all).expect("its owner may");
    listener
}

/// The child's half of [`Visitor`]: connects, and stays until the server leaves if it is to stay.
pub(crate) fn visit(stays: bool) {
    let socket = env::var_os(SOCKET).expect("the parent says where");
    let mut connection = UnixStream::connect(socket).expect("connected");
    if stays {
        let _ = connection.read(&mut [0]);
    }
}

/// A connection from a child that runs `test` in `part`, where it calls [`visit`].
#[derive(Debug)]
pub(crate) struct Visitor {
    pub(crate) connection: Connected,
    child: Child,
}

impl Visitor {
    pub(crate) fn by(wrapper: &[&str], test: &str, part: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let listener = listen(directory.path());
        let mut command = child_by(wrapper, test, part);
        command.env(SOCKET, directory.path().join("socket")).stdout(Stdio::null());
        let child = command.spawn().expect("runs");
        Self { connection: Connected::accept(&listener, &child), child }
    }

    /// Waits until the child has ended, which it does by itself if it does not stay.
    pub(crate) fn wait(&mut self) {
        assert!(self.child.wait().expect("waited for").success());
    }

    /// Leaves, so that the child ends too.
    pub(crate) fn leave(self) {
        let Self { connection, mut child } = self;
        drop(connection);
        assert!(child.wait().expect("waited for").success());
    }
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

/// Starts a program as a server that is not root and has no more than it needs.
pub(crate) const WITH_TWO_CAPABILITIES: [&str; 8] = [
    "setpriv",
    "--reuid=42000",
    "--regid=42000",
    "--clear-groups",
    "--inh-caps=-all,+setuid,+setgid",
    "--ambient-caps=-all,+setuid,+setgid",
    "--bounding-set=-all,+setuid,+setgid",
    "--",
];

/// Starts a program as a client of uid 41500, without any capability.
pub(crate) const AS_CLIENT: [&str; 7] = [
    "setpriv",
    "--reuid=41500",
    "--regid=41500",
    "--clear-groups",
    "--inh-caps=-all",
    "--ambient-caps=-all",
    "--",
];

const SOCKET: &str = "IPC_UNIX_TEST_SOCKET";
const PART: &str = "IPC_UNIX_TEST_PART";

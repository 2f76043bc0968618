//! What the tests of this crate share: pipes, clients in other processes, and directories.

use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::AsHandle;
use std::path::{Path, PathBuf};
use std::process::Output;

use ipc_core::{AsPeer, ImpersonationLevel, Result};
pub(crate) use ipc_testkit::skip;
use windows_sys::Win32::Storage::FileSystem::{
    SECURITY_ANONYMOUS, SECURITY_CONTEXT_TRACKING, SECURITY_DELEGATION, SECURITY_EFFECTIVE_ONLY,
    SECURITY_IDENTIFICATION, SECURITY_IMPERSONATION,
};

use crate::identity::{CaptureError, Client};
use crate::restricted::{Child, Command, Restrictions, Stdio};
use crate::security::READ_AND_WRITE;
use crate::switch::run_as_peer;
use crate::sys::plain_pipe::{self, Instance};
use crate::sys::token::{self, Token};
use crate::{Acl, can_run_as_peer};

/// `true` if the test can run; says aloud that it is left out if not.
pub(crate) fn takes_honest_windows(test: &str) -> bool {
    if !can_run_as_peer() {
        skip(test, "this Wine gives the server's own token");
    }
    can_run_as_peer()
}

/// The same for a test in which administrators may do more than others.
pub(crate) fn takes_administrator(test: &str) -> bool {
    let own = crate::identity::this_process().expect("known");
    let is_administrator = ipc_core::Policy::admins().decide(&own, &own).is_ok();
    if !is_administrator {
        skip(test, "takes an administrator");
    }
    is_administrator
}

/// A pipe of a name of its own, and its server's end.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) pipe: File,
}

impl Server {
    pub(crate) fn new(acl: &Acl) -> Self {
        let name = format!(r"\\.\pipe\{}", ipc_testkit::names::unique());
        let descriptor = acl.descriptor().expect("a descriptor");
        let pipe = plain_pipe::make(&name, &descriptor, Instance::First).expect("made");
        Self { name, pipe: pipe.into() }
    }

    /// One that all programs of this user may reach.
    pub(crate) fn for_this_user() -> Self {
        Self::new(&Acl::owner().allow_this_user())
    }

    pub(crate) fn await_client(&self) {
        plain_pipe::await_client(self.pipe.as_handle()).expect("connected");
    }

    /// Reads the one byte that clients write.
    pub(crate) fn read(&mut self) {
        self.pipe.read_exact(&mut [0]).expect("a byte");
    }

    /// Reads until there is no more, or a byte.
    pub(crate) fn read_all(&mut self) {
        let _end = self.pipe.read(&mut [0]).expect("a byte or the end");
    }

    /// Writes the one byte that clients wait for.
    pub(crate) fn write(&mut self) {
        self.pipe.write_all(b"!").expect("written");
    }

    pub(crate) fn capture(&self) -> Result<Client, CaptureError> {
        Client::capture(self.pipe.as_handle())
    }

    /// The client, which has connected and written its byte.
    pub(crate) fn client(&mut self) -> Client {
        self.await_client();
        self.read();
        self.capture().expect("known")
    }
}

/// A server and a client in this process, which has connected and written its byte.
pub(crate) fn in_process(grant: Grant) -> (Server, File) {
    let server = Server::for_this_user();
    let mut pipe = grant.open(&server.name).expect("connected");
    server.await_client();
    pipe.write_all(b"!").expect("written");
    (server, pipe)
}

/// A client of this process that connected with `token`, and has written its byte.
pub(crate) fn client_with(token: &Token, grant: Grant) -> Client {
    let user = Token::of_process().and_then(|own| own.user()).expect("told").sid;
    // Whatever the token is restricted to, one of these lets it in.
    let list = ["WD", "RC", "AU", "BU", user.as_str()].map(|who| format!("(A;;GA;;;{who})"));
    let mut server = Server::new(&Acl::sddl(format!("D:P{}", list.concat())));
    token::carry(token).expect("carried");
    let pipe = grant.open(&server.name);
    token::revert().expect("reverted");
    let mut pipe = pipe.expect("connected");
    pipe.write_all(b"!").expect("written");
    server.client()
}

/// How a client lets itself be acted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// At that level, as it was when it connected.
    Fixed(ImpersonationLevel),
    /// At that level, as it is at each write.
    Tracked(ImpersonationLevel),
    /// It says nothing.
    Unsaid,
}

impl Grant {
    pub(crate) const FULL: Self = Self::Fixed(ImpersonationLevel::Impersonation);

    /// Opens the client's end of `pipe`.
    pub(crate) fn open(self, pipe: &str) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.access_mode(READ_AND_WRITE);
        match self {
            Self::Fixed(level) => options.security_qos_flags(flag(level) | SECURITY_EFFECTIVE_ONLY),
            Self::Tracked(level) => options.security_qos_flags(
                flag(level) | SECURITY_EFFECTIVE_ONLY | SECURITY_CONTEXT_TRACKING,
            ),
            Self::Unsaid => &mut options,
        };
        options.open(pipe)
    }
}

fn flag(level: ImpersonationLevel) -> u32 {
    match level {
        ImpersonationLevel::Anonymous => SECURITY_ANONYMOUS,
        ImpersonationLevel::Identification => SECURITY_IDENTIFICATION,
        ImpersonationLevel::Impersonation => SECURITY_IMPERSONATION,
        ImpersonationLevel::Delegation => SECURITY_DELEGATION,
    }
}

/// Runs `work` as `client`, who grants it.
pub(crate) fn act<R>(client: &Client, work: impl FnOnce(&AsPeer) -> R) -> Result<R> {
    let (mut work, mut value) = (Some(work), None);
    run_as_peer(client, Some(ImpersonationLevel::Impersonation), &mut |by| {
        value = work.take().map(|work| work(by));
    })?;
    Ok(value.expect("success means that the work has run"))
}

/// The part that this run of the test plays in a child process, and what it was told, if it is one.
pub(crate) fn part() -> Option<(String, String)> {
    Some((env::var(PART).ok()?, env::var(TOLD).ok()?))
}

/// This test binary, to run `test` (its full path) alone in the given part.
pub(crate) fn child(test: &str, restrictions: Restrictions, part: &str, told: &str) -> Command {
    Command::new(env::current_exe().expect("a path"), restrictions)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(PART, part)
        .env(TOLD, told)
}

/// In a child: says something to the test that started it.
pub(crate) fn say(text: &str) {
    writeln!(io::stdout(), "{text}").expect("heard");
}

/// What a child says, and how it ends.
pub(crate) fn output(child: Command) -> Output {
    let child = child.stdout(Stdio::Piped).stderr(Stdio::Piped).spawn().expect("started");
    child.wait_with_output().expect("ends")
}

/// A client in a process of its own.
#[derive(Debug)]
pub(crate) struct Visitor {
    pub(crate) server: Server,
    pub(crate) child: Child,
}

impl Visitor {
    /// Runs the body of `test` in a client process of these restrictions. It connects, writes a
    /// byte, and stays until it is written to or the server has gone.
    pub(crate) fn start(test: &str, restrictions: Restrictions) -> Self {
        let server = Server::for_this_user();
        let child = visitor(test, restrictions, &server);
        Self { server, child }
    }

    /// The client, which has connected and written its byte.
    pub(crate) fn client(&mut self) -> Client {
        self.server.client()
    }

    /// Lets it go.
    pub(crate) fn leave(mut self) {
        self.server.write();
        assert!(self.child.wait().expect("ends").success());
    }
}

/// Runs `body` under a limit of time: whoever waits for a client that does not come hangs.
pub(crate) fn watched(test: &str, body: impl FnOnce() + Send + 'static) {
    ipc_testkit::watchdog::run(test, body);
}

fn visitor(test: &str, restrictions: Restrictions, server: &Server) -> Child {
    let child = child(test, restrictions, VISIT, &server.name);
    child.stdout(Stdio::Null).spawn().expect("started")
}

/// In the child of a [`Visitor`]: plays its part. `false` in the test itself.
pub(crate) fn is_visitor(grant: Grant) -> bool {
    match part() {
        Some((part, pipe)) if part == VISIT => {
            let mut pipe = grant.open(&pipe).expect("connected");
            pipe.write_all(b"!").expect("written");
            let _gone_or_written = pipe.read(&mut [0]);
            true
        }
        _ => false,
    }
}

pub(crate) fn without_administrators() -> Restrictions {
    Restrictions::without_administrators()
}

/// A directory of the test's own, which only this user may reach until something else is said.
#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        let path = env::temp_dir().join(ipc_testkit::names::unique());
        std::fs::create_dir(&path).expect("made");
        crate::FileAcl::administrators()
            .allow_this_user(crate::FileAccess::Full)
            .apply_to(&path)
            .expect("restricted");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A file with that name and its name for its content.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, name).expect("written");
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _whatever_is_left = std::fs::remove_dir_all(&self.0);
    }
}

/// Every order of the numbers below `count`.
pub(crate) fn permutations(count: usize) -> Vec<Vec<usize>> {
    (0..count).fold(vec![vec![]], |shorter, new| {
        let insert = |order: &Vec<usize>, at| {
            let mut longer = order.clone();
            longer.insert(at, new);
            longer
        };
        shorter.iter().flat_map(|order| (0..=new).map(move |at| insert(order, at))).collect()
    })
}

/// The number of the system's error.
pub(crate) fn code<T: std::fmt::Debug>(outcome: io::Result<T>) -> u32 {
    let code = outcome.expect_err("refused").raw_os_error().expect("the system's");
    code.try_into().expect("no sign")
}

const PART: &str = "IPC_WINDOWS_TEST_PART";
const TOLD: &str = "IPC_WINDOWS_TEST_TOLD";
const VISIT: &str = "visit";

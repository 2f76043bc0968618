//! What the tests of the program share: places, servers, clients, and visible skips.
#![allow(dead_code, unused_imports, reason = "each test file uses its own part of this")]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

pub(crate) use ipc_testkit::skip;
use tempfile::TempDir;

mod server;

pub(crate) use server::Server;

/// Users without an account.
pub(crate) const ALICE: u32 = 42_001;
pub(crate) const BOB: u32 = 42_002;
pub(crate) const CAROL: u32 = 42_003;
pub(crate) const DAVE: u32 = 42_004;
pub(crate) const TEAM: u32 = 42_100;

/// A directory for one test: `files` is what servers serve, everything else lies beside it.
#[derive(Debug)]
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("fileserve-test-").tempdir();
        let place = Self(directory.expect("a directory for the test"));
        set_mode(place.0.path(), 0o755);
        fs::create_dir(place.files()).expect("a directory to serve");
        set_mode(&place.files(), 0o755);
        place
    }

    pub(crate) fn files(&self) -> PathBuf {
        self.0.path().join("files")
    }

    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("unix:{}", self.beside("socket").display())
    }

    /// Makes a served file, and the directories on the way to it.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.files().join(name);
        let directory = path.parent().expect("below the served directory");
        fs::create_dir_all(directory).expect("directories on the way");
        set_mode(directory, 0o755);
        fs::write(&path, content).expect("a file to serve");
        path
    }

    /// The same, of that mode and owner.
    pub(crate) fn owned(
        &self,
        name: &str,
        content: &str,
        mode: u32,
        uid: u32,
        gid: u32,
    ) -> PathBuf {
        let path = self.file(name, content);
        set_mode(&path, mode);
        std::os::unix::fs::chown(&path, Some(uid), Some(gid)).expect("root gives files away");
        path
    }

    /// What is in the directory, hidden files too.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("readable");
        let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("readable").file_name();
        let mut names: Vec<_> =
            entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
        names.retain(|name| name != "files" && !name.starts_with("socket"));
        names.sort();
        names
    }
}

/// The program, with these arguments.
pub(crate) fn fileserve<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fileserve"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// The program as another user, without further groups. It runs from a copy, since the place of the
/// original may be closed to others.
pub(crate) fn fileserve_as<S: AsRef<OsStr>>(
    uid: u32,
    arguments: impl IntoIterator<Item = S>,
) -> Command {
    static COPY: OnceLock<TempDir> = OnceLock::new();
    let copy = COPY.get_or_init(|| {
        let place = tempfile::tempdir().expect("a directory for the program");
        set_mode(place.path(), 0o755);
        // By a process of its own: a child that another test starts meanwhile would inherit this
        // process's descriptor of the copy, and a program open for writing cannot be run.
        let mut copying = Command::new("cp");
        copying.arg(env!("CARGO_BIN_EXE_fileserve")).arg(place.path().join("fileserve"));
        assert!(copying.status().expect("cp starts").success());
        place
    });
    let mut command = Command::new(copy.path().join("fileserve"));
    command.args(arguments).stdin(Stdio::null()).uid(uid).gid(uid);
    command
}

/// Runs to the end.
pub(crate) fn run(mut command: Command) -> Run {
    Run(command.output().expect("the program starts"))
}

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Run(pub(crate) Output);

impl Run {
    /// Succeeded; returns what it printed as data.
    #[track_caller]
    pub(crate) fn stdout(&self) -> &[u8] {
        assert_eq!(self.code(), 0, "{}", self.stderr());
        &self.0.stdout
    }

    #[track_caller]
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout().to_vec()).expect("text")
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(self.stdout()).expect("JSON")
    }

    /// Failed with `code` and said `words`, and printed no data.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, words: &str) {
        assert_eq!(self.code(), code, "{}", self.stderr());
        assert!(self.stderr().contains(words), "`{words}` is missing: {}", self.stderr());
        assert!(self.0.stdout.is_empty(), "data beside a failure");
    }

    pub(crate) fn code(&self) -> i32 {
        self.0.status.code().unwrap_or(-1)
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the mode is ours to set");
}

/// Whether this test may start clients of other users; if not it says that it leaves them out.
#[must_use]
pub(crate) fn is_root(test: &str) -> bool {
    if fileserve::platform::can_become_others() {
        return true;
    }
    skip(test, "it starts clients of other users, which takes root");
    false
}

/// The highest memory use of a living process, in bytes. Source: proc(5), `VmHWM`.
pub(crate) fn peak_memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

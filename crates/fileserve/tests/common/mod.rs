//! What the tests of the program share: places, servers, clients, and bare connections.
#![allow(dead_code, unused_imports, reason = "each test file uses its own part of this")]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub(crate) use ipc_testkit::skip;
use tempfile::TempDir;

pub(crate) mod account;
pub(crate) mod dotnet;
pub(crate) mod raw;
mod server;
#[path = "../../../../tests/common/system/mod.rs"]
pub(crate) mod system;
mod texts;
#[cfg(target_os = "linux")]
pub(crate) mod users;

pub(crate) use server::Server;
pub(crate) use texts::{Text, texts};

/// A directory for one test: `files` is what servers serve, everything else lies beside it.
#[derive(Debug)]
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("fileserve-test-").tempdir();
        let place = Self(directory.expect("a directory for the test"));
        system::let_everybody_enter(place.0.path());
        fs::create_dir(place.files()).expect("a directory to serve");
        system::let_everybody_enter(&place.files());
        place
    }

    pub(crate) fn files(&self) -> PathBuf {
        self.0.path().join("files")
    }

    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn endpoint(&self) -> String {
        system::endpoint(self.0.path(), "socket").to_string()
    }

    /// What a program of .NET calls a pipe that is this test's own.
    pub(crate) fn pipe(&self) -> String {
        system::endpoint(self.0.path(), "socket").name().to_owned()
    }

    /// Where a server's account goes.
    pub(crate) fn account(&self) -> PathBuf {
        self.beside("account")
    }

    /// Makes a served file, and the directories on the way to it.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.files().join(name);
        let directory = path.parent().expect("below the served directory");
        fs::create_dir_all(directory).expect("directories on the way");
        system::let_everybody_enter(directory);
        fs::write(&path, content).expect("a file to serve");
        path
    }

    /// Makes a served file that is long and costs no space.
    pub(crate) fn sparse(&self, name: &str, length: u64) -> File {
        system::sparse(&self.files().join(name), length)
    }

    /// Makes a served link to `target`; `false`, having said so, where there can be none.
    #[must_use]
    pub(crate) fn link(&self, test: &str, target: &str, name: &str) -> bool {
        let path = self.files().join(name);
        let made = fileserve::platform::make_link(target.as_ref(), &path)
            .and_then(|()| fs::symlink_metadata(&path));
        // Wine says yes and makes none.
        let is_there = made.is_ok_and(|made| made.is_symlink());
        if !is_there {
            skip(test, "no symbolic links can be made here");
        }
        is_there
    }

    /// What is in the directory, hidden files too.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("readable");
        let name = |entry: io::Result<fs::DirEntry>| entry.expect("readable").file_name();
        let mut names: Vec<_> =
            entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
        names.retain(|name| name != "files" && !name.starts_with("socket"));
        names.sort();
        names
    }
}

/// Writes `bytes` at a position of a file that is open.
pub(crate) fn write_at(mut file: &File, at: u64, bytes: &[u8]) {
    file.seek(SeekFrom::Start(at)).expect("any position is one");
    file.write_all(bytes).expect("written");
}

/// The program, with these arguments.
pub(crate) fn fileserve<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fileserve"));
    command.args(arguments).stdin(Stdio::null());
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

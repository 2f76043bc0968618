//! Files and clients of several Unix users, which takes root.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use super::{Place, skip};

/// Users without an account.
pub(crate) const ALICE: u32 = 42_001;
pub(crate) const BOB: u32 = 42_002;
pub(crate) const CAROL: u32 = 42_003;
pub(crate) const DAVE: u32 = 42_004;
pub(crate) const TEAM: u32 = 42_100;

impl Place {
    /// Makes a served file of that mode and owner.
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

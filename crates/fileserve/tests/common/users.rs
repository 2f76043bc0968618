//! Files and clients of several Unix users, which takes root.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

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

/// The program as another user, without further groups. The child starts it by a descriptor that it
/// has until then, since the place where it lies may be closed to that user.
pub(crate) fn fileserve_as<S: AsRef<OsStr>>(
    uid: u32,
    arguments: impl IntoIterator<Item = S>,
) -> Command {
    static PROGRAM: OnceLock<File> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        File::open(env!("CARGO_BIN_EXE_fileserve")).expect("cargo has built the program")
    });
    let mut command = Command::new(format!("/proc/self/fd/{}", program.as_raw_fd()));
    command.args(arguments).stdin(Stdio::null()).uid(uid).gid(uid);
    command
}

/// Adds the program to the arguments of `wrapper`, which starts what they name, perhaps as another
/// user. It finds it at its standard input.
pub(crate) fn add_program(wrapper: &mut Command) {
    wrapper.stdin(File::open(env!("CARGO_BIN_EXE_fileserve")).expect("cargo has built it"));
    wrapper.arg("/proc/self/fd/0");
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

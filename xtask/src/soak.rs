//! `cargo xtask soak`: the tests that every change runs in a short form, in their long one.

use crate::workspace::{Result, Workspace};

/// What names the tests that have a long form, for cargo and for them.
const TESTS: &[&[&str]] = &[
    &["--package", "ipc-unix", "--test", "rights"],
    &["--package", "ipc-unix", "--lib", "switch::tests::storms"],
    &["--package", "fileserve", "--test", "forbidden"],
];

/// Runs them, one after the other, in the release build.
pub(crate) fn run(workspace: &Workspace) -> Result {
    TESTS.iter().try_for_each(|test| {
        let arguments = [&["test", "--release"], *test].concat();
        workspace.run(workspace.cargo(&arguments).env(LONG, "1"))
    })
}

/// Set in the environment of tests that are to take their time.
const LONG: &str = "IPC_SOAK";

//! `cargo xtask soak`: the tests that every change runs in a short form, in their long one.

use crate::workspace::{Result, Workspace};

/// The packages and tests that have a long form.
const TESTS: &[(&str, &str)] = &[("ipc-unix", "rights")];

/// Runs them, one after the other, in the release build.
pub(crate) fn run(workspace: &Workspace) -> Result {
    TESTS.iter().try_for_each(|(package, test)| {
        let arguments = ["test", "--release", "--package", package, "--test", test];
        workspace.run(workspace.cargo(&arguments).env(LONG, "1"))
    })
}

/// Set in the environment of tests that are to take their time.
const LONG: &str = "IPC_SOAK";

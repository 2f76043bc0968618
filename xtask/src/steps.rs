//! The steps of CI that are one call of the installed cargo.

use crate::workspace::{Result, Workspace};
use crate::{fuzz, skips};

/// What the README tells people to run; CI runs it to the letter.
const TEST_COMMAND: &str = "cargo test";

/// Downloads every dependency for every target, so that no later step needs a network; fails if
/// the lock file does not fit the manifests.
pub(crate) fn fetch(workspace: &Workspace) -> Result {
    workspace.run(&mut workspace.cargo(&["fetch", "--locked"]))?;
    fuzz::fetch(workspace)
}

/// Formatting.
pub(crate) fn fmt(workspace: &Workspace) -> Result {
    workspace.run(&mut workspace.cargo(&["fmt", "--all", "--check"]))
}

/// Lints, with warnings denied.
pub(crate) fn clippy(workspace: &Workspace) -> Result {
    let arguments = ["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    workspace.run(&mut workspace.cargo(&arguments))
}

/// The README's test command, and nothing left out that `.ci/skips.txt` does not list.
pub(crate) fn test(workspace: &Workspace) -> Result {
    if !workspace.read("README.md")?.lines().any(|line| line.trim() == TEST_COMMAND) {
        return Err(format!("README.md has no line `{TEST_COMMAND}`, which is what CI runs"));
    }
    let mut words = TEST_COMMAND.split_whitespace();
    let program = words.next().ok_or("the test command is empty")?;
    let arguments: Vec<&str> = words.collect();
    let output =
        workspace.run_keeping_stderr(&mut workspace.command(program, &arguments), || Ok(()))?;
    skips::refuse_unlisted(&output, &workspace.read(skips::LIST)?, "Linux")
}

/// The scenario that the README shows first, in the command line's release build.
pub(crate) fn demo(workspace: &Workspace) -> Result {
    let arguments = ["run", "--release", "--package", "fileserve", "--", "demo"];
    workspace.run(&mut workspace.cargo(&arguments))
}

/// The documentation, with warnings denied; and its examples of what must not compile, with the
/// reasons for which they do not.
pub(crate) fn doc(workspace: &Workspace) -> Result {
    let mut command = workspace.cargo(&["doc", "--workspace", "--no-deps"]);
    workspace.run(command.env("RUSTDOCFLAGS", "--deny warnings"))?;
    let mut examples = workspace.cargo(&["test", "--doc", "--package", "ipc-core"]);
    workspace.run(examples.env("RUSTDOC", workspace.path("xtask/rustdoc-with-codes.sh")))
}

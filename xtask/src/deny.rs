//! The step that looks at licences, duplicates and sources of all dependencies, by `cargo-deny`.

use std::path::PathBuf;

use crate::workspace::{Result, Workspace};

/// The version that `deny.toml` is written for.
const VERSION: &str = "0.20.2";

/// Where it is installed if this machine has not that version.
const TOOLS: &str = "target/ci/tools";

/// Checks the dependencies; not their advisories, for which this would need a network.
pub(crate) fn check(workspace: &Workspace) -> Result {
    let cargo_deny = find_or_install(workspace)?;
    let arguments = ["--offline", "check", "bans", "licenses", "sources"];
    workspace.run(&mut workspace.command(cargo_deny, &arguments))
}

fn find_or_install(workspace: &Workspace) -> Result<PathBuf> {
    let installed = workspace.path(TOOLS).join("bin/cargo-deny");
    for candidate in [PathBuf::from("cargo-deny"), installed.clone()] {
        let version = workspace.output(&mut workspace.command(&candidate, &["--version"]));
        if version.is_ok_and(|text| text.trim() == format!("cargo-deny {VERSION}")) {
            return Ok(candidate);
        }
    }
    install(workspace)?;
    Ok(installed)
}

/// Without optimisation and debug information, which saves most of the time that building takes:
/// the graph that it looks at is small.
fn install(workspace: &Workspace) -> Result {
    let arguments = ["install", "--locked", "--debug", "--no-default-features", "--root", TOOLS];
    let mut command = workspace.cargo(&arguments);
    command.args(["--version", VERSION, "cargo-deny"]).env("CARGO_PROFILE_DEV_DEBUG", "0");
    workspace.run(&mut command)
}

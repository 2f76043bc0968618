//! Building the targets as `cargo fuzz` would.

use std::path::PathBuf;
use std::process::Command;

use crate::workspace::{Result, Workspace};

/// The targets, built.
#[derive(Debug)]
pub(super) struct Built {
    folder: PathBuf,
}

impl Built {
    /// What runs `target`.
    pub(super) fn command(&self, workspace: &Workspace, target: &str) -> Command {
        let program = self.folder.join(target);
        workspace.command(program, &[&format!("-rss_limit_mb={MEMORY_MB}"), "-timeout=10"])
    }
}

/// Builds all of them.
pub(super) fn build(workspace: &Workspace) -> Result<Built> {
    let host = host(workspace)?;
    workspace.run(&mut instrumented(workspace, "build", &host))?;
    Ok(Built { folder: workspace.path("fuzz/target").join(host).join("release") })
}

/// Formatting and lints, of which the workspace's own steps know nothing.
pub(super) fn lint(workspace: &Workspace) -> Result {
    let arguments = ["fmt", "--manifest-path", MANIFEST, "--check"];
    workspace.run(&mut workspace.cargo(&arguments))?;
    let mut clippy = instrumented(workspace, "clippy", &host(workspace)?);
    workspace.run(clippy.args(["--", "--deny", "warnings"]))
}

/// Downloads what they depend on.
pub(crate) fn fetch(workspace: &Workspace) -> Result {
    let arguments = ["fetch", "--locked", "--manifest-path", MANIFEST];
    workspace.run(&mut workspace.cargo(&arguments))
}

fn instrumented(workspace: &Workspace, chore: &str, host: &str) -> Command {
    let arguments = [chore, "--locked", "--release", "--manifest-path", MANIFEST, "--target", host];
    let mut command = workspace.cargo(&arguments);
    // The sanitizer comes with every compiler; asking a released one for it takes a word.
    command.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", FLAGS.join(" "));
    command
}

/// The system that the compiler runs on. It must be named to cargo, or build scripts would get the
/// flags of the targets.
fn host(workspace: &Workspace) -> Result<String> {
    let version = workspace.output(&mut workspace.command("rustc", &["--version", "--verbose"]))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc does not say which system it runs on")?.to_owned())
}

const MANIFEST: &str = "fuzz/Cargo.toml";

/// More than any target needs, in MiB; what the project itself holds is asserted by the targets, far
/// below it. libFuzzer keeps the rest.
const MEMORY_MB: u32 = 2048;

/// Source: cargo-fuzz 0.13, `cargo fuzz build --verbose`.
const FLAGS: [&str; 10] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
    "-Ccodegen-units=1",
    "-Cdebug-assertions",
    "-Zsanitizer=address",
    "--cfg=fuzzing",
];

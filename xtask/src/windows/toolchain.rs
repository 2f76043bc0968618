//! The compiler for Windows.

use std::path::Path;
use std::process::Command;

use crate::oldest::Oldest;
use crate::workspace::{Result, Workspace};

/// What is built here: by the GNU tools, since Microsoft's run only on Windows.
pub(super) const TARGET: &str = "x86_64-pc-windows-gnu";

/// A toolchain that has the standard library for [`TARGET`].
#[derive(Debug)]
pub(super) enum Toolchain<'a> {
    /// The installed one: somebody has added the target to it.
    Installed(&'a Workspace),
    /// The oldest supported one, from packages, with a library built from their sources.
    Oldest(Oldest<'a>),
}

impl<'a> Toolchain<'a> {
    /// The installed toolchain if it has the target, else the packaged one.
    pub(super) fn ready(workspace: &'a Workspace) -> Result<Self> {
        if is_installed(workspace) {
            return Ok(Self::Installed(workspace));
        }
        let oldest = Oldest::unpacked(workspace)?;
        oldest.add_library(TARGET)?;
        Ok(Self::Oldest(oldest))
    }

    /// Its cargo, told to build for Windows.
    pub(super) fn cargo(&self, subcommand: &str) -> Command {
        let mut command = match self {
            Self::Installed(workspace) => workspace.cargo(&[subcommand]),
            Self::Oldest(oldest) => Self::cargo_of(oldest, subcommand),
        };
        command.args(["--target", TARGET]);
        command
    }

    /// Before Rust 1.89, cargo leaves out the documentation's tests for another system than its own
    /// unless it is told by an unfinished option. Build scripts see whether such may be used, so
    /// every command allows it: else each would build anew what another has built.
    fn cargo_of(oldest: &Oldest<'_>, subcommand: &str) -> Command {
        let mut command = oldest.cargo(subcommand);
        command.args(["--target-dir", "target/ci/windows"]).env("RUSTC_BOOTSTRAP", "1");
        if subcommand == "test" {
            command.arg("-Zdoctest-xcompile");
        }
        command
    }
}

impl std::fmt::Display for Toolchain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Installed(_) => "the installed Rust",
            Self::Oldest(_) => "the oldest supported Rust, from packages",
        })
    }
}

fn is_installed(workspace: &Workspace) -> bool {
    let arguments = ["--print", "target-libdir", "--target", TARGET];
    workspace
        .output(&mut workspace.command("rustc", &arguments))
        .is_ok_and(|folder| Path::new(folder.trim()).exists())
}

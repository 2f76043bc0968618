//! The oldest supported compiler, and through it the systems that this machine is not.
//!
//! Debian 12 packages that compiler together with the sources of its standard library. They are
//! unpacked beside the installed toolchain, never installed. Having the sources, cargo can build
//! the standard library for any target, so that the workspace is checked for systems whose
//! libraries are not at hand.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::packages;
use crate::workspace::{Result, Workspace, failed};

mod library;

/// What the workspace declares as its oldest supported compiler.
const VERSION: &str = env!("CARGO_PKG_RUST_VERSION");

/// Everything, tests included, on this system.
pub(crate) fn check_this_system(workspace: &Workspace) -> Result {
    let mut command = Oldest::unpacked(workspace)?.cargo("check");
    workspace.run(command.args(["--target-dir", DIR, "--locked", "--workspace", "--all-targets"]))
}

/// The crates that macOS gets.
pub(crate) fn check_macos(workspace: &Workspace) -> Result {
    Oldest::unpacked(workspace)?.check_target("aarch64-apple-darwin", UNIX_CRATES)
}

/// The crates that FreeBSD gets.
pub(crate) fn check_freebsd(workspace: &Workspace) -> Result {
    Oldest::unpacked(workspace)?.check_target("x86_64-unknown-freebsd", UNIX_CRATES)
}

/// Where cargo builds what is only checked.
const DIR: &str = "target/ci/oldest";

/// Nothing that is built here runs for long, yet cargo builds a standard library to the end.
const QUICKLY: &str = r#"profile.dev.package."*".opt-level=0"#;

const UNIX_CRATES: &[&str] = &["ipc", "ipc-core", "ipc-unix", "fileserve"];

/// The unpacked toolchain.
#[derive(Debug)]
pub(crate) struct Oldest<'a> {
    workspace: &'a Workspace,
    root: PathBuf,
}

impl<'a> Oldest<'a> {
    /// Downloads and unpacks the packages, unless an earlier run has.
    pub(crate) fn unpacked(workspace: &'a Workspace) -> Result<Self> {
        let oldest = Self { workspace, root: workspace.path(&format!("target/ci/rust-{VERSION}")) };
        if !PROGRAMS.iter().all(|program| oldest.program(program).exists()) {
            let partial = oldest.root.with_extension("partial");
            unpack_into(workspace, &partial)?;
            remove(&oldest.root)?;
            std::fs::rename(&partial, &oldest.root)
                .map_err(|why| failed("rename", &partial, &why))?;
        }
        Ok(oldest)
    }

    /// Its cargo with that subcommand.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        // Cargo would look for its linter among the installed programs first.
        let program = if subcommand == "clippy" { "cargo-clippy" } else { "cargo" };
        let mut command = self.workspace.command(self.program(program), &[subcommand]);
        self.point_out(command.env("CARGO", self.program("cargo")));
        command
    }

    /// Tells `command` where the parts of this toolchain are.
    fn point_out(&self, command: &mut Command) {
        let libraries = format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH);
        command
            .env("RUSTC", self.program("rustc"))
            .env("RUSTDOC", self.program("rustdoc"))
            .env("LD_LIBRARY_PATH", self.root.join(libraries));
    }

    fn program(&self, name: &str) -> PathBuf {
        self.root.join("usr/bin").join(name)
    }

    fn check_target(&self, target: &str, crates: &[&str]) -> Result {
        let mut command = self.cargo("check");
        command.args(["--target-dir", DIR, "--locked", "--config", QUICKLY]);
        command.args(["-Zbuild-std", "--target", target]);
        command.args(crates.iter().flat_map(|name| ["--package", name]));
        self.workspace.run(command.env("RUSTC_BOOTSTRAP", "1"))
    }
}

/// Without one of them, what is unpacked is of an older list of packages.
const PROGRAMS: &[&str] = &["cargo", "cargo-clippy", "rustc", "rustdoc"];

fn unpack_into(workspace: &Workspace, root: &Path) -> Result {
    // What an interrupted run has left would be unpacked again with the rest.
    remove(root)?;
    let packages = root.join("packages");
    std::fs::create_dir_all(&packages).map_err(|why| failed("create", &packages, &why))?;
    download_into(workspace, &packages)?;
    let downloaded = std::fs::read_dir(&packages).map_err(|why| failed("read", &packages, &why))?;
    for package in downloaded {
        let package = package.map_err(|why| failed("read", &packages, &why))?.path();
        let mut command = workspace.command("dpkg", &["--extract"]);
        workspace.run(command.arg(&package).arg(root))?;
    }
    remove(&packages)
}

fn download_into(workspace: &Workspace, folder: &Path) -> Result {
    let packages = [
        format!("cargo-web={VERSION}*"),
        format!("libstd-rust-web-{VERSION}={VERSION}*"),
        format!("libstd-rust-web-dev={VERSION}*"),
        format!("rust-web-clippy={VERSION}*"),
        format!("rust-web-src={VERSION}*"),
        format!("rustc-web={VERSION}*"),
    ];
    packages::apt_get(workspace, |command| {
        // apt's own user may not write below the workspace.
        command.args(["--option", "APT::Sandbox::User=root", "download"]);
        command.args(&packages).current_dir(folder);
    })
    .map_err(|why| format!("no Rust {VERSION} among the packages; Debian 12 has it: {why}"))
}

fn remove(folder: &Path) -> Result {
    if !folder.exists() {
        return Ok(());
    }
    std::fs::remove_dir_all(folder).map_err(|why| failed("remove", folder, &why))
}

//! The oldest supported compiler, and through it the systems that this machine is not.
//!
//! Debian 12 packages that compiler together with the sources of its standard library. They are
//! unpacked beside the installed toolchain, never installed. Having the sources, cargo can build
//! the standard library for any target, so that the workspace is checked for systems whose
//! libraries are not at hand.

use std::path::{Path, PathBuf};

use crate::packages;
use crate::workspace::{Result, Workspace};

/// What the workspace declares as its oldest supported compiler.
const VERSION: &str = env!("CARGO_PKG_RUST_VERSION");

/// Everything, tests included, on this system.
pub(crate) fn check_this_system(workspace: &Workspace) -> Result {
    Oldest::unpacked(workspace)?.check(&["--workspace", "--all-targets"])
}

/// The crates that macOS gets.
pub(crate) fn check_macos(workspace: &Workspace) -> Result {
    Oldest::unpacked(workspace)?.check_target("aarch64-apple-darwin", UNIX_CRATES)
}

/// The crates that FreeBSD gets.
pub(crate) fn check_freebsd(workspace: &Workspace) -> Result {
    Oldest::unpacked(workspace)?.check_target("x86_64-unknown-freebsd", UNIX_CRATES)
}

/// The crates that Windows gets.
pub(crate) fn check_windows(workspace: &Workspace) -> Result {
    Oldest::unpacked(workspace)?.check_target("x86_64-pc-windows-gnu", WINDOWS_CRATES)
}

/// Nothing that is built here runs for long, yet cargo builds a standard library to the end.
const QUICKLY: &str = r#"profile.dev.package."*".opt-level=0"#;

const UNIX_CRATES: &[&str] = &["ipc", "ipc-core", "ipc-unix", "fileserve"];
const WINDOWS_CRATES: &[&str] = &["ipc", "ipc-core", "ipc-windows"];

/// The unpacked toolchain.
struct Oldest<'a> {
    workspace: &'a Workspace,
    root: PathBuf,
}

impl<'a> Oldest<'a> {
    /// Downloads and unpacks the packages, unless an earlier run has.
    fn unpacked(workspace: &'a Workspace) -> Result<Self> {
        let root = workspace.path(&format!("target/ci/rust-{VERSION}"));
        if !root.exists() {
            let partial = root.with_extension("partial");
            unpack_into(workspace, &partial)?;
            std::fs::rename(&partial, &root).map_err(|why| failed("rename", &partial, &why))?;
        }
        Ok(Self { workspace, root })
    }

    fn check_target(&self, target: &str, crates: &[&str]) -> Result {
        let mut arguments = vec!["-Zbuild-std", "--target", target];
        arguments.extend(crates.iter().flat_map(|name| ["--package", name]));
        self.check(&arguments)
    }

    fn check(&self, arguments: &[&str]) -> Result {
        let bin = self.root.join("usr/bin");
        let libraries = format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH);
        let mut command = self.workspace.command(bin.join("cargo"), &["check", "--locked"]);
        command
            .args(["--target-dir", "target/ci/oldest"])
            .args(["--config", QUICKLY])
            .args(arguments)
            .env("RUSTC", bin.join("rustc"))
            .env("LD_LIBRARY_PATH", self.root.join(libraries));
        if arguments.contains(&"-Zbuild-std") {
            command.env("RUSTC_BOOTSTRAP", "1");
        }
        self.workspace.run(&mut command)
    }
}

fn unpack_into(workspace: &Workspace, root: &Path) -> Result {
    // What an interrupted run has left would be unpacked again with the rest.
    if root.exists() {
        std::fs::remove_dir_all(root).map_err(|why| failed("remove", root, &why))?;
    }
    let packages = root.join("packages");
    std::fs::create_dir_all(&packages).map_err(|why| failed("create", &packages, &why))?;
    download_into(workspace, &packages)?;
    let downloaded = std::fs::read_dir(&packages).map_err(|why| failed("read", &packages, &why))?;
    for package in downloaded {
        let package = package.map_err(|why| failed("read", &packages, &why))?.path();
        let mut command = workspace.command("dpkg", &["--extract"]);
        workspace.run(command.arg(&package).arg(root))?;
    }
    std::fs::remove_dir_all(&packages).map_err(|why| failed("remove", &packages, &why))
}

fn download_into(workspace: &Workspace, folder: &Path) -> Result {
    let packages = [
        format!("cargo-web={VERSION}*"),
        format!("libstd-rust-web-{VERSION}={VERSION}*"),
        format!("libstd-rust-web-dev={VERSION}*"),
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

fn failed(what: &str, path: &Path, why: &std::io::Error) -> String {
    format!("cannot {what} {}: {why}", path.display())
}

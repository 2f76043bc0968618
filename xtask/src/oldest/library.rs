//! The standard library for a target that the unpacked toolchain comes without.
//!
//! It is built once, from the sources that are packaged, and put where the compiler looks for what
//! is installed, so that no later command has to know about it.

use std::path::Path;

use super::{DIR, Oldest, remove};
use crate::workspace::{Result, failed};

impl Oldest<'_> {
    /// Builds the standard library for `target`, unless it is there.
    pub(crate) fn add_library(&self, target: &str) -> Result {
        let installed = self.root.join(format!("usr/lib/rustlib/{target}/lib"));
        if installed.exists() {
            return Ok(());
        }
        eprintln!("building the standard library for {target}");
        let partial = installed.with_extension("partial");
        remove(&partial)?;
        std::fs::create_dir_all(&partial).map_err(|why| failed("create", &partial, &why))?;
        self.build_library(target, &partial)?;
        self.build_start_objects(target, &partial)?;
        std::fs::rename(&partial, &installed).map_err(|why| failed("rename", &partial, &why))
    }

    /// Cargo builds it only as what a crate needs: here one that is empty.
    fn build_library(&self, target: &str, into: &Path) -> Result {
        let empty = self.workspace.path("target/ci/empty");
        write(&empty.join("Cargo.toml"), EMPTY_MANIFEST)?;
        write(&empty.join("src/lib.rs"), "")?;
        let mut command = self.cargo("build");
        command
            .args(["--target-dir", DIR, "--quiet", "--release"])
            .args(["-Zbuild-std=std,test", "--target", target])
            .arg("--manifest-path")
            .arg(empty.join("Cargo.toml"))
            .env("RUSTC_BOOTSTRAP", "1");
        self.workspace.run(&mut command)?;
        let built = format!("{DIR}/{target}/release/deps");
        copy_libraries(&self.workspace.path(&built), into)
    }

    /// What a program for Windows by the GNU tools begins and ends with; other targets have none.
    fn build_start_objects(&self, target: &str, into: &Path) -> Result {
        if !target.ends_with("-windows-gnu") {
            return Ok(());
        }
        let sources = self.root.join("usr/lib/rustlib/src/rust/library/rtstartup");
        for name in ["rsbegin", "rsend"] {
            let mut command = self.workspace.command(self.program("rustc"), &[]);
            self.point_out(&mut command);
            command.args(["--target", target, "--emit", "obj", "-o"]);
            command.arg(into.join(name).with_extension("o"));
            command.arg(sources.join(name).with_extension("rs"));
            self.workspace.run(command.env("RUSTC_BOOTSTRAP", "1"))?;
        }
        Ok(())
    }
}

/// It is no member of the workspace in whose target folder it lies. Lines are kept for backtraces.
const EMPTY_MANIFEST: &str = r#"[package]
name = "empty"
edition = "2024"

[workspace]

[profile.release]
debug = "line-tables-only"
"#;

fn write(path: &Path, text: &str) -> Result {
    let folder = path.parent().ok_or("a file without a folder")?;
    std::fs::create_dir_all(folder).map_err(|why| failed("create", folder, &why))?;
    std::fs::write(path, text).map_err(|why| failed("write", path, &why))
}

fn copy_libraries(from: &Path, to: &Path) -> Result {
    let entries = std::fs::read_dir(from).map_err(|why| failed("read", from, &why))?;
    for entry in entries {
        let path = entry.map_err(|why| failed("read", from, &why))?.path();
        if let Some(name) = library_name(&path) {
            std::fs::copy(&path, to.join(name)).map_err(|why| failed("copy", &path, &why))?;
        }
    }
    Ok(())
}

/// The name of a library that is part of the standard one.
fn library_name(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    (name.ends_with(".rlib") && !name.starts_with("libempty-")).then_some(name)
}

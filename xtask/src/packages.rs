//! The Debian packages that the steps need.

use std::process::Command;

use crate::workspace::{Result, Workspace};

/// A Debian package, and what needs it.
#[derive(Debug, Clone, Copy)]
struct Package {
    name: &'static str,
    needed_for: &'static str,
}

/// What the steps need that are not about Windows.
const PACKAGES: &[Package] = &[
    Package { name: "git", needed_for: "knowing which files are ours" },
    Package { name: "acl", needed_for: "tests that grant a file to a uid by ACL" },
    Package { name: "util-linux", needed_for: "tests with a client in a namespace of its own" },
    Package { name: "python3", needed_for: "the interoperability client" },
    Package { name: "python3-pip", needed_for: "the runtimes of .NET and Node" },
    Package { name: "g++", needed_for: "building the fuzzer" },
    Package { name: "mono-mcs", needed_for: "compiling the program of .NET" },
];

/// What the oldest supported compiler needs, which is unpacked and not installed.
const OLDEST: &[Package] = &[
    Package { name: "libllvm19", needed_for: "the oldest supported compiler" },
    Package { name: "libcurl4", needed_for: "its cargo" },
    Package { name: "libhttp-parser2.9", needed_for: "its cargo" },
    Package { name: "libpcre3", needed_for: "its cargo" },
    Package { name: "libsqlite3-0", needed_for: "its cargo" },
    Package { name: "libssh2-1", needed_for: "its cargo" },
];

/// What building and testing for Windows needs.
const WINDOWS: &[Package] = &[
    Package { name: "gcc-mingw-w64-x86-64-win32", needed_for: "linking programs for Windows" },
    Package { name: "wine64", needed_for: "running programs for Windows" },
    Package { name: "dpkg-dev", needed_for: "the source of the installed Wine" },
    Package { name: "gcc", needed_for: "building Wine's server from it" },
    Package { name: "libc6-dev", needed_for: "building Wine's server from it" },
    Package { name: "perl", needed_for: "what Wine generates of it" },
    Package { name: "util-linux", needed_for: "ending programs with what started them" },
];

/// Installs what CI needs.
pub(crate) fn install(workspace: &Workspace) -> Result {
    install_all(workspace, &[PACKAGES, OLDEST, WINDOWS].concat())
}

/// Installs what building and testing for Windows needs.
pub(crate) fn install_for_windows(workspace: &Workspace) -> Result {
    install_all(workspace, &[OLDEST, WINDOWS].concat())
}

/// Installs what is missing; says what, if this user may not.
fn install_all(workspace: &Workspace, wanted: &[Package]) -> Result {
    let missing: Vec<&Package> =
        wanted.iter().filter(|package| !is_installed(workspace, package.name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for package in &missing {
        eprintln!("missing: {} ({})", package.name, package.needed_for);
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    if !is_root(workspace)? {
        return Err(format!("as root, run: apt-get install {}", names.join(" ")));
    }
    apt_get(workspace, |command| {
        command.args(["install", "--yes", "--no-install-recommends"]).args(&names);
    })
}

/// Runs `apt-get` with the arguments that `arguments` adds. If it fails, the package lists may be
/// missing or old: they are updated, and it is tried once more.
pub(crate) fn apt_get(workspace: &Workspace, arguments: impl Fn(&mut Command)) -> Result {
    let run = |add: &dyn Fn(&mut Command)| {
        let mut command = workspace.command("apt-get", &["--quiet=2"]);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        add(&mut command);
        workspace.run(&mut command)
    };
    if run(&arguments).is_ok() {
        return Ok(());
    }
    eprintln!("updating the package lists to try again");
    run(&|command| {
        command.arg("update");
    })?;
    run(&arguments)
}

fn is_installed(workspace: &Workspace, package: &str) -> bool {
    let arguments = ["--show", "--showformat=${db:Status-Status}", package];
    workspace
        .output(&mut workspace.command("dpkg-query", &arguments))
        .is_ok_and(|status| status == "installed")
}

fn is_root(workspace: &Workspace) -> Result<bool> {
    Ok(workspace.output(&mut workspace.command("id", &["-u"]))?.trim() == "0")
}

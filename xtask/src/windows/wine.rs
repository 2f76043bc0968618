//! Wine, which runs programs for Windows: where it is, its prefix, its server.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::toolchain::TARGET;
use super::users::Users;
use crate::workspace::{Result, Workspace, failed};

/// Which Wine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// Built here; it answers as Windows does about who calls and what that one may open.
    Honest,
    /// As installed: it lets a server act as itself, and calls that its client.
    Stock,
}

/// A Wine with its prefix, ready to run programs.
#[derive(Debug)]
pub(super) struct Wine<'a> {
    workspace: &'a Workspace,
    loader: PathBuf,
    server: PathBuf,
    prefix: PathBuf,
}

impl<'a> Wine<'a> {
    /// Builds the Wine if need be, and makes its prefix.
    pub(super) fn ready(workspace: &'a Workspace, which: Which) -> Result<Self> {
        let prefix = workspace.path(which.prefix());
        let (loader, server) = match which {
            Which::Honest => honest(workspace)?,
            Which::Stock => ("/usr/lib/wine/wine64".into(), "/usr/lib/wine/wineserver64".into()),
        };
        let wine = Self { workspace, loader, server, prefix };
        wine.make_prefix()?;
        Ok(wine)
    }

    /// What tells cargo to run under this Wine what it builds.
    ///
    /// Tests are killed if cargo is. A program by itself takes the place of cargo's process, where
    /// the terminal's Ctrl-C reaches it, and ends in its own way.
    pub(super) fn runner(&self, subcommand: &str) -> Result<String> {
        let loader = self.loader.to_str().ok_or("the path of this workspace is no text")?;
        let runner = match subcommand {
            "test" => &["setpriv", "--pdeathsig", "KILL", loader][..],
            _ => &[loader],
        };
        Ok(format!("target.{TARGET}.runner={runner:?}"))
    }

    /// Runs `command` with this Wine, and ends what it has left running.
    pub(super) fn run(&self, command: &mut Command) -> Result {
        self.enter(command)?;
        let outcome = self.workspace.run(command);
        self.leave()?;
        outcome
    }

    /// As [`run`](Self::run), and gives back the lines that were written to standard error.
    pub(super) fn run_keeping_stderr(&self, command: &mut Command) -> Result<Vec<String>> {
        self.enter(command)?;
        self.workspace.run_keeping_stderr(command, || self.leave())
    }

    /// Puts questions to it whose answers are known, if it is the one that is built here.
    pub(super) fn prove(&self) -> Result {
        let mut command = self.workspace.command(self.workspace.path(CHECK), &[HONEST]);
        self.run(&mut command)
    }

    fn enter(&self, command: &mut Command) -> Result {
        self.point_out(command);
        Users::of(&self.prefix).enter()
    }

    fn leave(&self) -> Result {
        if Users::of(&self.prefix).leave()? { self.stop_server() } else { Ok(()) }
    }

    /// Tells `command`, or what it starts, to use this prefix and this server and nothing else.
    fn point_out(&self, command: &mut Command) {
        command
            .env("WINEPREFIX", &self.prefix)
            .env("WINESERVER", &self.server)
            .env("WINEARCH", "win64")
            .env("WINEDEBUG", std::env::var_os("WINEDEBUG").unwrap_or("-all".into()));
    }

    /// Makes the prefix, unless it was made by this Wine with these additions.
    fn make_prefix(&self) -> Result {
        let stamp = self.prefix.join("made-for");
        let wanted = self.identity()?;
        if fs::read_to_string(&stamp).is_ok_and(|made_for| made_for == wanted) {
            return Ok(());
        }
        eprintln!("making the prefix {}", self.prefix.display());
        if self.prefix.exists() {
            self.stop_server()?;
            fs::remove_dir_all(&self.prefix).map_err(|why| failed("remove", &self.prefix, &why))?;
        }
        fs::create_dir_all(&self.prefix).map_err(|why| failed("create", &self.prefix, &why))?;
        self.fill_prefix()?;
        fs::write(&stamp, wanted).map_err(|why| failed("write", &stamp, &why))
    }

    fn fill_prefix(&self) -> Result {
        let mut command = self.workspace.command(&self.loader, &["wineboot", "--init"]);
        self.point_out(&mut command);
        // No window may wait for somebody to look at it.
        command.env_remove("DISPLAY").env("WINEDLLOVERRIDES", "mscoree,mshtml=");
        self.workspace.run(command.stdout(Stdio::null()).stderr(Stdio::null()))?;
        self.stop_server()?;
        if has_process_prng() {
            return Ok(());
        }
        let library = self.prefix.join("drive_c/windows/system32/bcryptprimitives.dll");
        let arguments = ["-O2", "-Wall", "-Werror", "-shared", PROCESS_PRNG, "-o"];
        let mut command = self.workspace.command("x86_64-w64-mingw32-gcc", &arguments);
        self.workspace.run(command.arg(library).arg("-ladvapi32"))
    }

    /// What a prefix must have been made by and with.
    fn identity(&self) -> Result<String> {
        let server = fs::metadata(&self.server).and_then(|metadata| metadata.modified());
        let server = server.map_err(|why| failed("look at", &self.server, &why))?;
        Ok(format!("{}\n{server:?}\n{}", self.server.display(), self.workspace.read(PROCESS_PRNG)?))
    }

    /// Ends every program that runs in this prefix. It must go on where the time for all steps is
    /// used up, so it has a time of its own: the server's, which is seconds.
    fn stop_server(&self) -> Result {
        let mut command = self.workspace.command(&self.server, &["--kill"]);
        self.point_out(&mut command);
        command.status().map_err(|why| failed("start", &self.server, &why))?;
        Ok(())
    }
}

impl std::fmt::Display for Wine<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} with the prefix {}", self.loader.display(), self.prefix.display())
    }
}

impl Which {
    /// Where its prefix is.
    fn prefix(self) -> &'static str {
        match self {
            Self::Honest => "target/ci/wine-prefix",
            Self::Stock => "target/ci/wine-prefix-stock",
        }
    }
}

/// The loader and the server of the Wine that is built here.
fn honest(workspace: &Workspace) -> Result<(PathBuf, PathBuf)> {
    workspace.run(workspace.command(workspace.path(BUILD), &[HONEST]).stdout(Stdio::null()))?;
    let root = workspace.path(HONEST).join("root");
    Ok((root.join("bin/wine"), root.join("lib/wine/wineserver")))
}

const BUILD: &str = "xtask/honest-wine/build.sh";
const CHECK: &str = "xtask/honest-wine/check.sh";

/// Where the honest Wine is built.
const HONEST: &str = "target/ci/honest-wine";

/// The source of the library that Rust's standard library needs and Wine before 8.16 has not.
const PROCESS_PRNG: &str = "xtask/process_prng.c";

fn has_process_prng() -> bool {
    let folder = format!("/usr/lib/{}-linux-gnu/wine", std::env::consts::ARCH);
    Path::new(&folder).join("x86_64-windows/bcryptprimitives.dll").exists()
}

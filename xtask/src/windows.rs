//! `cargo xtask windows`: building and testing for Windows on a Debian machine that has none.
//!
//! Programs are linked by the GNU tools for Windows and run under Wine: one that is built here and
//! answers as Windows does about who calls (`xtask/honest-wine`), or the installed one.

use std::process::{Command, Stdio};

use crate::workspace::{Result, Workspace};
use crate::{packages, skips};

mod toolchain;
mod users;
mod wine;

use toolchain::Toolchain;
use wine::{Which, Wine};

const USAGE: &str = "usage: cargo xtask windows setup
       cargo xtask windows COMMAND [--stock-wine] [ARGUMENT]...

setup installs what the others need. COMMAND is one of cargo's: check, clippy, build, doc, test or run;
it gets the arguments, and without them does what CI does. Programs run under a Wine that answers
honestly about who calls; with --stock-wine, under the installed one.";

/// The packages that exist for Windows.
const PACKAGES: &[&str] = &["ipc-core", "ipc-windows", "ipc-testkit"];

/// Options of cargo that say which packages, besides `-p`.
const SELECTION: &[&str] = &["--package", "--workspace", "--manifest-path"];

/// Lints by which the oldest linter finds fault with what the present one is content with.
const DISPUTED: &[&str] =
    &["clippy::format_collect", "clippy::missing_const_for_thread_local", "clippy::precedence"];

/// Runs `cargo xtask windows` with those arguments.
pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Result {
    let (command, which, arguments) = match arguments {
        [command, "--stock-wine", rest @ ..] => (*command, Which::Stock, rest),
        [command, rest @ ..] => (*command, Which::Honest, rest),
        [] => return Err(USAGE.to_owned()),
    };
    match command {
        "setup" => set_up(workspace, which),
        "check" | "build" => workspace.run(&mut cargo(workspace, command, &[], arguments)?),
        "clippy" if arguments.is_empty() => clippy(workspace),
        "clippy" => workspace.run(&mut cargo(workspace, command, &[], arguments)?),
        "doc" if arguments.is_empty() => doc(workspace),
        "doc" => workspace.run(&mut cargo(workspace, command, &[], arguments)?),
        "test" => {
            run_tests(workspace, which, arguments).map(|output| say_how_many_skipped(&output))
        }
        "run" => run_program(workspace, which, arguments),
        _ => Err(format!("there is no command `{command}`\n{USAGE}")),
    }
}

/// Installs and builds whatever is missing.
pub(crate) fn setup(workspace: &Workspace) -> Result {
    set_up(workspace, Which::Honest)
}

/// Lints, with warnings denied.
pub(crate) fn clippy(workspace: &Workspace) -> Result {
    let mut command = cargo(workspace, "clippy", &[], &["--all-targets", "--"])?;
    command.args(["--deny", "warnings"]);
    command.args(DISPUTED.iter().flat_map(|lint| ["--allow", lint]));
    workspace.run(&mut command)
}

/// The documentation, with warnings denied.
pub(crate) fn doc(workspace: &Workspace) -> Result {
    let mut command = cargo(workspace, "doc", &[], &["--no-deps"])?;
    workspace.run(command.env("RUSTDOCFLAGS", "--deny warnings"))
}

/// The tests, and nothing left out that `.ci/skips.txt` does not list.
pub(crate) fn test(workspace: &Workspace) -> Result {
    let output = run_tests(workspace, Which::Honest, &[])?;
    skips::refuse_unlisted(&output, &workspace.read(skips::LIST)?, "honest Wine")
}

/// The Wine that is built here answers every question as Windows does.
pub(crate) fn prove_honest_wine(workspace: &Workspace) -> Result {
    Wine::ready(workspace, Which::Honest)?.prove()
}

fn set_up(workspace: &Workspace, which: Which) -> Result {
    packages::install_for_windows(workspace)?;
    let toolchain = Toolchain::ready(workspace)?;
    let wine = Wine::ready(workspace, which)?;
    eprintln!("ready: {toolchain}, and {wine}");
    Ok(())
}

/// Runs tests, and gives back what they wrote to standard error.
fn run_tests(workspace: &Workspace, which: Which, arguments: &[&str]) -> Result<Vec<String>> {
    let wine = Wine::ready(workspace, which)?;
    let mut command = cargo(workspace, "test", &["--config", &wine.runner()?], arguments)?;
    wine.run(&mut command, |command| workspace.run_keeping_stderr(command))
}

fn say_how_many_skipped(output: &[String]) {
    match skips::skips_in(output).count() {
        0 => {}
        1 => eprintln!("1 test was skipped; it says why above"),
        count => eprintln!("{count} tests were skipped; each says why above"),
    }
}

fn run_program(workspace: &Workspace, which: Which, arguments: &[&str]) -> Result {
    let wine = Wine::ready(workspace, which)?;
    let mut command = cargo(workspace, "run", &["--config", &wine.runner()?], arguments)?;
    wine.run(command.stdin(Stdio::inherit()), |command| workspace.run(command))
}

/// The cargo command for Windows; for all packages that Windows has, unless some are named.
fn cargo(
    workspace: &Workspace,
    subcommand: &str,
    options: &[&str],
    arguments: &[&str],
) -> Result<Command> {
    let mut command = Toolchain::ready(workspace)?.cargo(subcommand);
    command.args(options);
    if subcommand != "run" && !name_packages(arguments) {
        command.args(PACKAGES.iter().flat_map(|name| ["--package", name]));
    }
    command.args(arguments);
    Ok(command)
}

fn name_packages(arguments: &[&str]) -> bool {
    let mut cargos = arguments.iter().take_while(|argument| **argument != "--");
    cargos.any(|argument| argument.starts_with("-p") || SELECTION.contains(argument))
}

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

setup installs and builds what the others need. COMMAND is one of cargo's: check, build, clippy, doc,
test or run; it gets the arguments. Without any, clippy and doc deny warnings, as CI does. Programs run
under a Wine that answers honestly about who calls; with --stock-wine, under the installed one.";

/// Runs `cargo xtask windows` with those arguments.
pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Result {
    let (command, which, arguments) = match arguments {
        [command, "--stock-wine", rest @ ..] => (*command, Which::Stock, rest),
        [command, rest @ ..] => (*command, Which::Honest, rest),
        [] => return Err(USAGE.to_owned()),
    };
    match command {
        "setup" => set_up(workspace, which),
        "clippy" if arguments.is_empty() => clippy(workspace),
        "doc" if arguments.is_empty() => doc(workspace),
        "check" | "build" | "clippy" | "doc" => build(workspace, command, arguments),
        "test" => {
            let output = run_tests(workspace, which, arguments)?;
            say_how_many_were_skipped(&output);
            Ok(())
        }
        "run" => run_program(workspace, which, arguments),
        _ => Err(format!("there is no command `{command}`\n{USAGE}")),
    }
}

/// Installs and builds whatever is missing.
pub(crate) fn setup(workspace: &Workspace) -> Result {
    set_up(workspace, Which::Honest)
}

/// The Wine that is built here answers every question as Windows does.
pub(crate) fn prove_honest_wine(workspace: &Workspace) -> Result {
    Wine::ready(workspace, Which::Honest)?.prove()
}

/// Lints, with warnings denied.
pub(crate) fn clippy(workspace: &Workspace) -> Result {
    let mut command = Toolchain::ready(workspace)?.cargo("clippy");
    command.args(["--workspace", "--all-targets", "--", "--deny", "warnings"]);
    command.args(DISPUTED.iter().flat_map(|lint| ["--allow", lint]));
    workspace.run(&mut command)
}

/// The tests, and nothing left out that `.ci/skips.txt` does not list.
pub(crate) fn test(workspace: &Workspace) -> Result {
    let output = run_tests(workspace, Which::Honest, &[])?;
    skips::refuse_unlisted(&output, &workspace.read(skips::LIST)?, "honest Wine")
}

/// The documentation, with warnings denied.
pub(crate) fn doc(workspace: &Workspace) -> Result {
    let mut command = Toolchain::ready(workspace)?.cargo("doc");
    command.args(["--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "--deny warnings");
    workspace.run(&mut command)
}

/// The scenario that the README shows first, with the tokens of Windows.
pub(crate) fn demo(workspace: &Workspace) -> Result {
    run_program(workspace, Which::Honest, &["--package", "fileserve", "--", "demo"])
}

fn set_up(workspace: &Workspace, which: Which) -> Result {
    packages::install_for_windows(workspace)?;
    let toolchain = Toolchain::ready(workspace)?;
    let wine = Wine::ready(workspace, which)?;
    eprintln!("ready: {toolchain}, and {wine}");
    Ok(())
}

fn build(workspace: &Workspace, subcommand: &str, arguments: &[&str]) -> Result {
    workspace.run(Toolchain::ready(workspace)?.cargo(subcommand).args(arguments))
}

/// Runs tests, and gives back what they wrote to standard error.
fn run_tests(workspace: &Workspace, which: Which, arguments: &[&str]) -> Result<Vec<String>> {
    let wine = Wine::ready(workspace, which)?;
    wine.run_keeping_stderr(&mut cargo_under(&wine, workspace, "test", arguments)?)
}

fn say_how_many_were_skipped(output: &[String]) {
    match skips::skips_in(output).count() {
        0 => {}
        1 => eprintln!("1 test was skipped; it says why above"),
        count => eprintln!("{count} tests were skipped; each says why above"),
    }
}

fn run_program(workspace: &Workspace, which: Which, arguments: &[&str]) -> Result {
    let wine = Wine::ready(workspace, which)?;
    wine.run(cargo_under(&wine, workspace, "run", arguments)?.stdin(Stdio::inherit()))
}

/// The cargo command for Windows that runs under `wine` what it builds.
fn cargo_under(
    wine: &Wine<'_>,
    workspace: &Workspace,
    subcommand: &str,
    arguments: &[&str],
) -> Result<Command> {
    let mut command = Toolchain::ready(workspace)?.cargo(subcommand);
    command.args(["--config", &wine.runner(subcommand)?]).args(arguments);
    Ok(command)
}

/// Lints by which the oldest linter finds fault with what the present one is content with.
const DISPUTED: &[&str] =
    &["clippy::format_collect", "clippy::missing_const_for_thread_local", "clippy::precedence"];

//! The chores of this workspace, run as `cargo xtask COMMAND`.
//!
//! `ci` runs what every change must pass, `tidy` the rules that no other tool checks, `platforms`
//! makes the page that says what each system gives and how that is known, `threats` the one that says
//! what shows that an attack fails, and `windows` builds and tests for Windows on a machine that has
//! none; `peers` makes the programs of .NET and Node without which their tests are left out, `soak`
//! runs for long what every change runs for short, and `fuzz` feeds it all with chance.

use std::process::ExitCode;

mod ci;
mod deny;
mod evidence;
mod fuzz;
mod made_page;
mod oldest;
mod other_mechanism;
mod packages;
mod peers;
mod platforms;
mod skips;
mod soak;
mod steps;
mod threats;
mod tidy;
mod windows;
mod workspace;

use workspace::{Result, Workspace};

const USAGE: &str = "usage: cargo xtask ci [STEP]...   run all steps, or those that are named
       cargo xtask tidy           check the rules of this workspace
       cargo xtask soak           run the tests that have a long form in it; as root
       cargo xtask fuzz [--seconds N] [--keep] [TARGET]...
                                  feed what takes bytes from strangers with what covers ever more of it
       cargo xtask platforms      make docs/platforms.md from docs/platforms.rows
       cargo xtask threats        make docs/threats.md from docs/threats.rows
       cargo xtask peers          make the programs of .NET and Node that tests talk to
       cargo xtask windows ...    build and test for Windows, here; without more, says how";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("xtask: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result {
    let workspace = Workspace::find()?;
    match arguments {
        ["ci", steps @ ..] => ci::run(&workspace, steps),
        ["tidy"] => tidy::check(&workspace),
        ["fuzz", arguments @ ..] => fuzz::run(&workspace, arguments),
        ["soak"] => soak::run(&workspace),
        ["peers"] => {
            packages::install(&workspace)?;
            peers::make(&workspace)
        }
        ["windows", arguments @ ..] => windows::run(&workspace, arguments),
        ["platforms"] => platforms::PAGE.write(&workspace),
        ["threats"] => threats::PAGE.write(&workspace),
        _ => Err(format!("nothing to do\n{USAGE}")),
    }
}

//! `fileserve`: the command line over the library of the same name.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser as _;

mod cli;

fn main() -> ExitCode {
    match cli::run(cli::Arguments::parse()) {
        Ok(()) => ExitCode::from(cli::exit::SUCCESS),
        Err(failed) => failed.report(),
    }
}

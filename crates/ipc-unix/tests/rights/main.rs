//! What clients of other users get, held against what the kernel gives them: file by file, and while
//! somebody does his worst to the files.
//!
//! `IPC_SOAK` in the environment makes it long.
#![cfg(target_os = "linux")]

use std::io::Write;
use std::sync::RwLock;

mod attack;
mod kernel;
mod matrix;
mod questions;
mod reasons;
mod server;
mod tree;
mod users;

/// Keeps the attack's renames away from the matrix: the kernel has to begin anew at each.
static QUIET: RwLock<()> = RwLock::new(());

fn is_soak() -> bool {
    std::env::var_os("IPC_SOAK").is_some()
}

/// Says what came out, past the test runner, which keeps to itself what a green test prints.
fn report(line: &str) {
    writeln!(std::io::stderr().lock(), "{line}").expect("stderr");
}

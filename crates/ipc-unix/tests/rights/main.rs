//! What clients of other users get, held against what the kernel gives them: file by file, and while
//! somebody does his worst to the files.
//!
//! `IPC_SOAK` in the environment makes it long.
#![cfg(target_os = "linux")]

mod attack;
mod kernel;
mod matrix;
mod questions;
mod server;
mod tree;
mod users;

fn is_soak() -> bool {
    std::env::var_os("IPC_SOAK").is_some()
}

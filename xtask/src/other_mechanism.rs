//! The tests once more where the system has no `io_uring`: then threads become the clients whose
//! files they open, and everything is as before.

use std::thread;

use crate::skips;
use crate::workspace::{Result, Workspace};

#[cfg_attr(not(target_os = "linux"), path = "other_mechanism/elsewhere.rs")]
mod filter;

/// Runs them, and accepts the skips that `.ci/skips.txt` lists for this: tests of requests themselves.
pub(crate) fn test(workspace: &Workspace) -> Result {
    let mut command = workspace.cargo(&["test", "--tests", "--no-fail-fast"]);
    command.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    command.env(MECHANISM, "thread");
    // On a thread of its own, which the filter dies with.
    let output = thread::scope(|scope| {
        let filtered = scope.spawn(|| {
            filter::refuse_io_uring()?;
            workspace.run_keeping_stderr(&mut command, || Ok(()))
        });
        filtered.join().map_err(|_| "the thread that runs the tests has panicked")?
    })?;
    skips::refuse_unlisted(&output, &workspace.read(skips::LIST)?, "Linux without io_uring")
}

/// The packages whose tests open files as clients.
const PACKAGES: [&str; 3] = ["ipc", "ipc-unix", "fileserve"];

/// Tells the tests which mechanism they are to find in use.
const MECHANISM: &str = "IPC_TEST_MECHANISM";

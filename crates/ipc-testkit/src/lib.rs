//! The conformance suite for transports of `ipc`: a new transport is done when it is green.
//!
//! [`conformance!`] declares a `#[test]` for every case, each under a [watchdog], so that a hang
//! fails by name. A capability that the transport does not declare is not skipped but asserted: it
//! must say that it is unsupported.
//!
//! ```
//! mod conformance {
//!     use ipc_core::MemoryTransport;
//!     use ipc_testkit::names;
//!
//!     ipc_testkit::conformance!(
//!         MemoryTransport::new().backlog(16),
//!         fresh = names::fresh_memory,
//!         open_handles = names::open_descriptors,
//!     );
//! }
//! # fn main() {}
//! ```
//!
//! The transport is made anew for every case. `fresh` gives an endpoint that nobody has used yet,
//! `open_handles` how many descriptors or handles this process holds, if the system tells. With
//! `mode = messages` the cases run over message connections instead. Give the transport a small
//! backlog, so that a full one can be met.
//!
//! [`faulty`] has transports that are broken on purpose: they show that the cases would notice.

use std::io::Write;
use std::process::Command;

use ipc_core::Mode;

pub mod cases;
pub mod child;
pub mod data;
pub mod faulty;
pub mod harness;
mod list;
pub mod names;
pub mod outcome;
pub mod random;
pub mod watchdog;
mod wrapper;

pub use harness::Harness;
#[doc(hidden)]
pub use ipc_core as __core;

/// One thing that must hold of every transport.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Where it is found: `lifecycle::a_name_is_free_again_after_drop`.
    pub name: &'static str,
    /// Whether it needs a process of its own: it counts what a process holds, names it by number, or
    /// holds much itself.
    pub alone: bool,
    /// The case itself.
    pub run: fn(&Harness),
}

impl Case {
    /// Every case of a mode.
    #[must_use]
    pub fn all(mode: Mode) -> Vec<Self> {
        list::cases(mode)
    }
}

/// Runs one case as the test `test`, whose path within the test binary that is. For
/// [`conformance!`].
///
/// # Panics
/// If the case does, or hangs.
#[doc(hidden)]
pub fn run_test(test: &str, case: Case, harness: Harness) {
    // `crate::module::case`: libtest does not name the crate.
    let test = test.split_once("::").map_or(test, |(_, path)| path);
    if case.alone && std::env::var_os(ALONE).is_none() {
        return run_in_child(test);
    }
    // Without a message mode every case of it says just that.
    let absent = harness.capabilities().max_message.is_none() && harness.is_for(Mode::Messages);
    let run = if absent { cases::limits::message_mode_is_as_declared } else { case.run };
    watchdog::run(case.name, move || run(&harness));
}

/// Says visibly that a case could not be run here, and why. It goes past the test runner, which
/// keeps to itself what a green test prints.
pub fn skip(name: &str, reason: &str) {
    let mut stderr = std::io::stderr().lock();
    // Without a place to say it, it goes unsaid.
    let _ = writeln!(stderr, "skipped: {name}: {reason}");
}

/// Set in the child in which a case runs alone.
const ALONE: &str = "IPC_TESTKIT_ALONE";

/// Runs `test` as the only one of a new process of this very binary, where it meets its watchdog.
fn run_in_child(test: &str) {
    let binary = std::env::current_exe().expect("this test binary");
    let child = Command::new(binary)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(ALONE, "1")
        .output()
        .expect("a child process");
    let (stdout, stderr) =
        (String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(child.status.success(), "`{test}` failed alone:\n{stdout}\n{stderr}");
    assert!(stdout.contains("1 passed"), "`{test}` was not found in this binary:\n{stdout}");
    for line in stderr.lines().filter(|line| line.starts_with("skipped: ")) {
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }
}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/writing-a-transport.md")]
struct WritingATransport;

//! Other processes: this test binary again, running one of its own functions.
//!
//! The function is a `#[test]` that does nothing unless it was started so.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

const ROLE: &str = "IPC_UNIX_TEST_ROLE";

/// What the parent handed over, if this process was started to run `function`.
pub(crate) fn role(function: &str) -> Option<Vec<String>> {
    let role = std::env::var(ROLE).ok()?;
    let mut words = role.split('\n').map(str::to_owned);
    (words.next()? == function).then(|| words.collect())
}

/// `true` if the test `function` has this process for itself, as it must to count what belongs to
/// the process. If not, this runs it in one of its own.
pub(crate) fn is_alone(function: &str) -> bool {
    if role(function).is_some() {
        return true;
    }
    let status = command(function, &[]).stdout(Stdio::null()).status().expect("starts");
    assert!(status.success(), "{function} failed in its own process");
    false
}

fn command(function: &str, arguments: &[&str]) -> Command {
    // The build may lie below a directory that another user may not enter.
    let mut command = Command::new("/proc/self/exe");
    command.args(["--exact", function, "--nocapture", "--test-threads=1"]);
    command.env(ROLE, [&[function], arguments].concat().join("\n"));
    command
}

/// Says `line` to the parent. (libtest writes to the same place, so the parent skips the rest.)
pub(crate) fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "\nchild: {line}").and_then(|()| stdout.flush()).expect("the parent listens");
}

/// Waits until the parent has written a line; `false` if it has gone.
pub(crate) fn wait_for_parent() -> bool {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).is_ok_and(|count| count > 0)
}

/// A running child; killed and waited for when dropped.
pub(crate) struct Process {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Process {
    pub(crate) fn start(function: &str, arguments: &[&str]) -> Self {
        Self::start_changed(function, arguments, |_| {})
    }

    /// Starts it with its command changed: another user, another environment.
    pub(crate) fn start_changed(
        function: &str,
        arguments: &[&str],
        change: impl FnOnce(&mut Command),
    ) -> Self {
        let mut command = command(function, arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        change(&mut command);
        let mut child = command.spawn().expect("starts");
        let said = BufReader::new(child.stdout.take().expect("was piped"));
        Self { child, said }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line that the child says.
    pub(crate) fn hears(&mut self) -> String {
        for line in self.said.by_ref().lines() {
            if let Some(said) = line.expect("text").strip_prefix("child: ") {
                return said.to_owned();
            }
        }
        panic!("the child has ended without a word");
    }

    pub(crate) fn tell(&mut self) {
        let mut stdin = self.child.stdin.as_ref().expect("was piped");
        stdin.write_all(b"go\n").expect("the child lives");
    }

    /// Kills it (`SIGKILL`) and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // Fails only if it has ended already.
        let _ = self.child.kill();
        self.child.wait().expect("is a child");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

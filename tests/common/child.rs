//! Other processes: this test binary again, running one of its own functions.
//!
//! The function is a `#[test]` that does nothing unless it was started so.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

const ROLE: &str = "IPC_TEST_ROLE";

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
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command.args(["--exact", function, "--nocapture", "--test-threads=1"]);
    command.env(ROLE, [&[function], arguments].concat().join("\n"));
    command
}

/// Says `line` to the parent. (libtest writes to the same place, so the parent skips the rest.)
pub(crate) fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "\nchild: {line}").and_then(|()| stdout.flush()).expect("the parent listens");
}

/// The next line of the parent, `None` once it has gone.
pub(crate) fn hear_parent() -> Option<String> {
    let mut line = String::new();
    let count = std::io::stdin().lock().read_line(&mut line).ok()?;
    (count > 0).then(|| line.trim().to_owned())
}

/// A running child; killed and waited for when dropped.
pub(crate) struct Process {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Process {
    pub(crate) fn start(function: &str, arguments: &[&str]) -> Self {
        let mut command = command(function, arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("starts");
        let said = BufReader::new(child.stdout.take().expect("was piped"));
        Self { child, said }
    }

    /// The next line that the child says.
    pub(crate) fn hear(&mut self) -> String {
        for line in self.said.by_ref().lines() {
            if let Some(said) = line.expect("text").strip_prefix("child: ") {
                return said.to_owned();
            }
        }
        panic!("the child has ended without a word");
    }

    /// Says `line` to the child and returns its answer.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        let mut stdin = self.child.stdin.as_ref().expect("was piped");
        writeln!(stdin, "{line}").expect("the child lives");
        self.hear()
    }

    /// Kills it (`SIGKILL`) and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    /// A line of its `/proc/PID/status`, in KiB. Source: proc(5).
    pub(crate) fn kibibytes(&self, what: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("it lives");
        let line = status.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.unwrap_or_else(|| panic!("no {what} in {status}"))
    }

    /// How many descriptors it has open.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("it lives").count()
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

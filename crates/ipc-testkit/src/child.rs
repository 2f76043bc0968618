//! Other processes of a test: its own binary again, running one of its functions.
//!
//! The function is a `#[test]` that does nothing unless it was started so:
//!
//! ```
//! use ipc_testkit::child::{self, Process};
//!
//! // #[test]
//! fn child_that_doubles() {
//!     let Some(arguments) = child::role("child_that_doubles") else { return };
//!     let number: u32 = arguments[0].parse().expect("a number");
//!     child::say(&(2 * number).to_string());
//!     child::hear_parent(); // and stays until it is killed
//! }
//!
//! // #[test]
//! fn a_number_is_doubled() {
//!     let mut doubling = Process::start("child_that_doubles", &["21"]);
//!     assert_eq!(doubling.hear(), "42");
//!     doubling.kill();
//! }
//! # child_that_doubles(); // no role, so nothing happens
//! ```

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What the parent handed over, if this process was started to run `function`.
#[must_use]
pub fn role(function: &str) -> Option<Vec<String>> {
    let role = std::env::var(ROLE).ok()?;
    let mut words = role.split('\n').map(str::to_owned);
    (words.next()? == function).then(|| words.collect())
}

/// `true` if the test `function` has this process for itself, as it must to count or to change what
/// belongs to a process. If not, this runs it in one of its own.
///
/// # Panics
/// If the test fails there.
#[must_use]
pub fn is_alone(function: &str) -> bool {
    if role(function).is_some() {
        return true;
    }
    let mut command = command(this_program(), function, &[]);
    let status = command.stdout(Stdio::null()).status().expect("this binary starts");
    assert!(status.success(), "{function} failed in its own process");
    false
}

/// Says `line` to the parent.
///
/// # Panics
/// If the parent has gone.
pub fn say(line: &str) {
    // The test runner writes to the same place; the mark tells its lines from ours.
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "\n{MARK}{line}").and_then(|()| stdout.flush()).expect("the parent listens");
}

/// Waits for the next line of the parent; `None` once it has gone.
pub fn hear_parent() -> Option<String> {
    let mut line = String::new();
    let count = io::stdin().lock().read_line(&mut line).ok()?;
    (count > 0).then(|| line.trim().to_owned())
}

/// The command that runs `function` of this test binary, found as `program`, with `arguments`
/// (without line breaks). For a child that is to be started in a special way; see
/// [`Process::spawn`].
#[must_use]
pub fn command(program: impl AsRef<OsStr>, function: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(["--exact", function, "--nocapture", "--test-threads=1"]);
    command.env(ROLE, [&[function], arguments].concat().join("\n"));
    command
}

/// This test binary: by its handle where the system has such a name, since the build may lie below
/// a directory that another user may not enter. Source: proc(5), `/proc/self/exe`.
///
/// # Panics
/// If the system does not tell where this binary is.
#[must_use]
pub fn this_program() -> PathBuf {
    let handle = Path::new("/proc/self/exe");
    // What has no drive is no absolute path on Windows, whatever it leads to.
    if handle.is_absolute() && handle.exists() {
        return handle.to_owned();
    }
    std::env::current_exe().expect("this binary has a path")
}

/// A running child; killed and waited for when dropped.
pub struct Process {
    child: Box<dyn Running>,
    told: Box<dyn Write + Send>,
    said: BufReader<Box<dyn Read + Send>>,
}

/// A process, whatever started it.
pub trait Running: fmt::Debug + Send {
    /// Its process id.
    fn id(&self) -> u32;

    /// Ends it without a warning.
    ///
    /// # Errors
    /// What the system said.
    fn kill(&mut self) -> io::Result<()>;

    /// Waits for its end.
    ///
    /// # Errors
    /// What the system said.
    fn wait(&mut self) -> io::Result<()>;
}

impl Running for Child {
    fn id(&self) -> u32 {
        self.id()
    }

    fn kill(&mut self) -> io::Result<()> {
        self.kill()
    }

    fn wait(&mut self) -> io::Result<()> {
        self.wait().map(drop)
    }
}

impl Process {
    /// Starts this binary to run `function` with `arguments`.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(function: &str, arguments: &[&str]) -> Self {
        Self::spawn(command(this_program(), function, arguments))
    }

    /// Starts `command`, which was made by [`command()`] and changed: another user, another
    /// environment.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("the child starts");
        let told = child.stdin.take().expect("it was piped");
        let said = child.stdout.take().expect("it was piped");
        Self::over(child, told, said)
    }

    /// The same for a child that was started by other means, and its standard streams.
    #[must_use]
    pub fn over(
        child: impl Running + 'static,
        stdin: impl Write + Send + 'static,
        stdout: impl Read + Send + 'static,
    ) -> Self {
        let said = BufReader::new(Box::new(stdout) as Box<dyn Read + Send>);
        Self { child: Box::new(child), told: Box::new(stdin), said }
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line that the child [says](say).
    ///
    /// # Panics
    /// If it ends without a word.
    pub fn hear(&mut self) -> String {
        for line in self.said.by_ref().lines() {
            if let Some(said) = line.expect("text").strip_prefix(MARK) {
                return said.to_owned();
            }
        }
        panic!("the child has ended without a word");
    }

    /// Says `line` to the child.
    ///
    /// # Panics
    /// If it has ended.
    pub fn tell(&mut self, line: &str) {
        let told = writeln!(self.told, "{line}").and_then(|()| self.told.flush());
        told.expect("the child lives");
    }

    /// Says `line` to the child and returns its answer.
    ///
    /// # Panics
    /// If it has ended.
    pub fn ask(&mut self, line: &str) -> String {
        self.tell(line);
        self.hear()
    }

    /// Kills it without a warning (`SIGKILL`, `TerminateProcess`) and waits until it is gone.
    pub fn kill(self) {
        drop(self);
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("child", &self.child).finish_non_exhaustive()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Either fails only for one that has ended and was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The variable that tells a child its function and arguments, a line each.
const ROLE: &str = "IPC_TESTKIT_ROLE";

/// What a child's own lines begin with.
const MARK: &str = "child: ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn child_that_answers() {
        const NAME: &str = "child::tests::child_that_answers";
        if let Some(arguments) = role(NAME) {
            say(&arguments.join("+"));
            while let Some(line) = hear_parent() {
                say(&line.to_uppercase());
            }
            return;
        }
        let mut child = Process::start(NAME, &["a b", "", "c"]);
        assert_eq!(child.hear(), "a b++c");
        assert_eq!(child.ask("one"), "ONE");
        assert_eq!(child.ask("two"), "TWO");
        assert_ne!(child.id(), std::process::id());
        child.kill();
    }

    #[test]
    fn a_test_that_wants_to_be_alone_runs_in_a_process_of_its_own() {
        const NAME: &str =
            "child::tests::a_test_that_wants_to_be_alone_runs_in_a_process_of_its_own";
        if is_alone(NAME) {
            assert_eq!(role(NAME), Some(Vec::new()));
        }
    }
}

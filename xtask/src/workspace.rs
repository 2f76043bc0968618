//! The workspace's folder, and the running of commands in it.

use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// What a chore gives back: nothing, or the reason why it failed.
pub(crate) type Result<T = ()> = std::result::Result<T, String>;

/// Where the workspace is, and by when its commands must have ended.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    until: Option<Instant>,
}

impl Workspace {
    /// The workspace that this xtask belongs to.
    pub(crate) fn find() -> Result<Self> {
        let xtask = std::env::var_os("CARGO_MANIFEST_DIR")
            .ok_or("run it through cargo: `cargo xtask COMMAND`")?;
        let root = Path::new(&xtask).parent().ok_or("the xtask folder has no parent")?;
        Ok(Self { root: root.to_owned(), until: None })
    }

    /// The same workspace, with every command killed that still runs at `until`.
    pub(crate) fn until(&self, until: Instant) -> Self {
        Self { root: self.root.clone(), until: Some(until) }
    }

    /// The path of `name` below the workspace's root.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// What the text file `name` holds.
    pub(crate) fn read(&self, name: &str) -> Result<String> {
        std::fs::read_to_string(self.path(name)).map_err(|why| format!("cannot read {name}: {why}"))
    }

    /// A command with that program and those arguments, to be run at the workspace's root.
    pub(crate) fn command(&self, program: impl AsRef<Path>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program.as_ref());
        command.args(arguments).current_dir(&self.root).stdin(Stdio::null());
        command
    }

    /// The installed cargo with those arguments.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        self.command("cargo", arguments)
    }

    /// Runs `command` to its end; anything but success is an error that names it.
    pub(crate) fn run(&self, command: &mut Command) -> Result {
        let child = command.spawn().map_err(|why| not_started(command, &why))?;
        self.expect_success(command, child)
    }

    /// As [`run`](Self::run), and gives back the lines that the command wrote to its standard
    /// error, which are passed on as they come. `at_end` is called when the command has ended, to
    /// end what it has left running: that may write, too, and is waited for.
    pub(crate) fn run_keeping_stderr(
        &self,
        command: &mut Command,
        at_end: impl FnOnce() -> Result,
    ) -> Result<Vec<String>> {
        let mut child =
            command.stderr(Stdio::piped()).spawn().map_err(|why| not_started(command, &why))?;
        let stderr = child.stderr.take().ok_or("the child's standard error was not piped")?;
        let reader = thread::spawn(move || pass_on_lines(stderr));
        let outcome = self.expect_success(command, child);
        at_end()?;
        // On an error the reader is left alone: what the child started may hold the pipe open.
        outcome?;
        let lines = reader.join().map_err(|_| "the thread that reads stderr has panicked")?;
        lines.map_err(|why| format!("cannot read what {command:?} writes: {why}"))
    }

    /// Runs `command` and gives back what it wrote to its standard output.
    pub(crate) fn output(&self, command: &mut Command) -> Result<String> {
        let output = command.output().map_err(|why| not_started(command, &why))?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{command:?} failed ({}): {}", output.status, stderr.trim()));
        }
        String::from_utf8(output.stdout)
            .map_err(|why| format!("{command:?} printed no text: {why}"))
    }

    fn expect_success(&self, command: &Command, child: Child) -> Result {
        match self.wait(child).map_err(|why| format!("cannot wait for {command:?}: {why}"))? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("{command:?} failed ({status})")),
            None => Err(format!("{command:?} was killed: the time for all steps is used up")),
        }
    }

    /// Waits for `child` to end; `None` if it had to be killed.
    fn wait(&self, mut child: Child) -> io::Result<Option<ExitStatus>> {
        let Some(until) = self.until else {
            return child.wait().map(Some);
        };
        while Instant::now() < until {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(status));
            }
            thread::sleep(POLL);
        }
        child.kill()?;
        child.wait().map(|_| None)
    }
}

fn pass_on_lines(from: impl io::Read) -> io::Result<Vec<String>> {
    let mut lines = Vec::new();
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        io::stderr().lock().write_all(&line)?;
        lines.push(String::from_utf8_lossy(&line).trim_end().to_owned());
        line.clear();
    }
    Ok(lines)
}

/// The reason why `what` could not be done to `path`.
pub(crate) fn failed(what: &str, path: &Path, why: &io::Error) -> String {
    format!("cannot {what} {}: {why}", path.display())
}

fn not_started(command: &Command, why: &io::Error) -> String {
    format!("cannot start {:?}: {why}", command.get_program())
}

/// How often a running command is looked at; it lengthens a step by that much at most.
const POLL: Duration = Duration::from_millis(20);

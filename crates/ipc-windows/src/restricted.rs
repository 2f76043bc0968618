//! Programs that run with fewer rights than this process: a second identity of the same user.
//!
//! A restricted program still is its user's, and cannot do what the groups would allow that were
//! taken from it: the system counts those only where they deny. So it is what a server needs to be
//! tried with: a client that may open less than the server may, on any machine, without another
//! account.
//!
//! # Examples
//! ```no_run
//! use ipc_windows::restricted::{Command, Restrictions, Stdio};
//!
//! let restrictions = Restrictions::without_administrators();
//! let child = Command::new(std::env::current_exe()?, restrictions)
//!     .arg("client")
//!     .stdout(Stdio::Piped)
//!     .spawn()?;
//! let output = child.wait_with_output()?;
//! assert!(output.status.success());
//! # Ok::<(), std::io::Error>(())
//! ```

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use ipc_core::peer::Sid;

use crate::sys::spawn::{self, Start};
use crate::sys::token::Token;

mod child;
mod command_line;
mod environment;

pub use child::Child;

/// What a program is started without.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restrictions {
    deny_only: Vec<Sid>,
    without_privileges: bool,
}

impl Restrictions {
    /// Without the rights of the group `Administrators`.
    ///
    /// A process that has not got them is restricted by that all the same, and loses nothing.
    #[must_use]
    pub fn without_administrators() -> Self {
        Self::default().deny_only(Sid::new(Sid::ADMINISTRATORS))
    }

    /// Without the rights of `group`, which goes on to count where it denies.
    #[must_use]
    pub fn deny_only(mut self, group: Sid) -> Self {
        self.deny_only.push(group);
        self
    }

    /// Without all privileges but the one to walk through directories (`SeChangeNotifyPrivilege`).
    #[must_use]
    pub fn without_privileges(mut self) -> Self {
        self.without_privileges = true;
        self
    }

    pub(crate) fn token(&self) -> io::Result<Token> {
        Token::restricted(&self.deny_only, &[], self.without_privileges)
    }
}

/// A program to start with a restricted token, as [`std::process::Command`] starts others.
#[derive(Clone, Debug)]
pub struct Command {
    restrictions: Restrictions,
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: BTreeMap<OsString, OsString>,
    directory: Option<PathBuf>,
    stdio: [Stdio; 3],
}

/// Where one of a program's standard streams leads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stdio {
    /// Where this process's own leads.
    #[default]
    Inherit,
    /// To this process, which finds its end in the [`Child`].
    Piped,
    /// Nowhere.
    Null,
}

impl Command {
    /// The program at that path, which is not looked for elsewhere.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>, restrictions: Restrictions) -> Self {
        Self {
            restrictions,
            program: program.into(),
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            directory: None,
            stdio: [Stdio::Inherit; 3],
        }
    }

    /// Adds an argument, which the program gets as it is here if it takes its command line apart as
    /// Microsoft's C runtime and Rust's standard library do.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments; see [`arg`](Self::arg).
    #[must_use]
    pub fn args(self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }

    /// Sets a variable of the program's environment, which is this process's otherwise.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// Sets the directory in which the program starts. Default: this process's.
    #[must_use]
    pub fn current_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.directory = Some(directory.as_ref().to_owned());
        self
    }

    /// Sets where the program's standard input comes from.
    #[must_use]
    pub fn stdin(mut self, stdin: Stdio) -> Self {
        self.stdio[0] = stdin;
        self
    }

    /// Sets where the program's standard output goes.
    #[must_use]
    pub fn stdout(mut self, stdout: Stdio) -> Self {
        self.stdio[1] = stdout;
        self
    }

    /// Sets where the program's standard error goes.
    #[must_use]
    pub fn stderr(mut self, stderr: Stdio) -> Self {
        self.stdio[2] = stderr;
        self
    }

    /// Starts the program.
    ///
    /// It inherits no handle of this process but its standard streams.
    ///
    /// # Errors
    /// Of kind [`InvalidInput`](io::ErrorKind::InvalidInput) for text with a NUL, a variable without
    /// a name, or a command line that is too long; else the system's answer.
    pub fn spawn(&self) -> io::Result<Child> {
        let token = self.restrictions.token()?;
        let mut command_line = command_line::of(&self.program, &self.arguments)?;
        let environment = environment::with(&self.environment)?;
        let [stdin, stdout, stderr] = self.stdio;
        let (their_stdin, stdin) = stream(stdin, Direction::In, spawn::own_stdin)?;
        let (their_stdout, stdout) = stream(stdout, Direction::Out, spawn::own_stdout)?;
        let (their_stderr, stderr) = stream(stderr, Direction::Out, spawn::own_stderr)?;
        let (process, id) = spawn::spawn(Start {
            token: &token,
            program: &self.program,
            command_line: &mut command_line,
            environment: environment.as_deref(),
            directory: self.directory.as_deref(),
            stdio: [their_stdin, their_stdout, their_stderr],
        })?;
        Ok(Child::new(process, id, [stdin, stdout, stderr]))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    In,
    Out,
}

/// The program's end of a standard stream, and this process's.
fn stream(
    leads: Stdio,
    direction: Direction,
    own: fn() -> io::Result<Option<File>>,
) -> io::Result<(Option<File>, Option<File>)> {
    match leads {
        Stdio::Inherit => Ok((own()?, None)),
        Stdio::Null => {
            let nowhere = OpenOptions::new().read(true).write(true).open("NUL")?;
            Ok((Some(nowhere), None))
        }
        Stdio::Piped => {
            let (read, write) = spawn::pipe()?;
            Ok(match direction {
                Direction::In => (Some(read), Some(write)),
                Direction::Out => (Some(write), Some(read)),
            })
        }
    }
}

#[cfg(test)]
mod tests;

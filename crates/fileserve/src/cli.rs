//! The commands, and what they share: reaching a server, and failing well.

use std::error::Error as StdError;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

mod access;
mod args;
mod audit;
mod console;
mod demo;
mod dotnet;
mod endpoint;
pub(crate) mod exit;
mod explain;
mod fence;
mod get;
mod json;
mod limits;
mod ls;
mod notices;
mod passing;
mod reach;
mod serve;
mod source;
mod stat;
mod sum;
mod whoami;

pub(crate) use args::Arguments;
use args::Command;
use endpoint::Compat;
use ipc_core::files::Escaped;

pub(crate) fn run(arguments: Arguments) -> Result<(), Failed> {
    match arguments.command {
        Command::Serve(arguments) => serve::serve(arguments),
        Command::Get(arguments) => match arguments.compat {
            None => get::get(arguments),
            Some(Compat::Dotnet) => dotnet::get(&arguments),
        },
        Command::Stat(arguments) => stat::stat(arguments),
        Command::Ls(arguments) => ls::ls(arguments),
        Command::Sum(arguments) => sum::sum(arguments),
        Command::Whoami(arguments) => whoami::whoami(arguments),
        Command::Explain(arguments) => explain::explain(arguments),
        Command::Demo => demo::demo(),
        Command::Client(arguments) => demo::client::run(arguments),
    }
}

/// A command that failed: what it was about, why, and the exit code.
#[derive(Debug)]
pub(crate) struct Failed {
    code: u8,
    /// Empty if all has been said.
    doing: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
    hint: Option<&'static str>,
}

impl Failed {
    /// `doing` completes "fileserve: cannot …".
    pub(crate) fn new(doing: impl Into<String>, error: impl Into<fileserve::Error>) -> Self {
        let error = error.into();
        let code = match &error {
            fileserve::Error::Incomplete { source, .. } => match source.kind() {
                ipc_core::ErrorKind::TimedOut => exit::TIMED_OUT,
                _ => exit::INCOMPLETE,
            },
            other => exit::code(other.kind()),
        };
        let by_server = matches!(error, fileserve::Error::Call(ipc_core::Error::Remote(_)));
        let hint = match error.kind() {
            ipc_core::ErrorKind::LevelTooLow => Some(exit::GRANT_MORE),
            ipc_core::ErrorKind::PermissionDenied | ipc_core::ErrorKind::OutsideRoot
                if by_server =>
            {
                Some(exit::WHY)
            }
            _ => exit::hint(code),
        };
        Self { code, doing: doing.into(), source: Some(Box::new(error)), hint }
    }

    pub(crate) fn system(doing: impl Into<String>, error: io::Error) -> Self {
        let source = Some(Box::from(error));
        Self { code: exit::FAILURE, doing: doing.into(), source, hint: None }
    }

    pub(crate) fn because(code: u8, doing: impl Into<String>) -> Self {
        Self { code, doing: doing.into(), source: None, hint: None }
    }

    /// Ends with `code` a command that has printed already what there is to say.
    pub(crate) fn told(code: u8) -> Self {
        Self::because(code, "")
    }

    /// Says what may help in this very case.
    pub(crate) fn with_hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    /// Prints the whole chain, once, and what may help.
    pub(crate) fn report(self) -> ExitCode {
        if self.doing.is_empty() {
            return ExitCode::from(self.code);
        }
        let mut text = format!("fileserve: cannot {}", self.doing);
        let mut cause = self.source.as_deref().map(|error| error as &dyn StdError);
        while let Some(error) = cause {
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        say(&text);
        if let Some(hint) = self.hint {
            say(&format!("  hint: {hint}"));
        }
        ExitCode::from(self.code)
    }
}

/// Tells the person in front of the terminal. If there is none, nobody is told.
fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints data. A reader that has gone away has read all it wanted: that ends the program well.
/// A standard output that was closed from the start is no error either: before `main`, the standard
/// library opens `/dev/null` in its place, and nothing tells that from what a caller has chosen.
fn print(text: &str) -> Result<(), Failed> {
    let mut out = io::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

fn written(outcome: io::Result<()>) -> Result<(), Failed> {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failed::system("write to standard output", error))
        }
        _ => Ok(()),
    }
}

/// A name as a person typed it, for messages.
fn shown(name: &OsStr) -> String {
    Escaped(name.as_encoded_bytes()).to_string()
}

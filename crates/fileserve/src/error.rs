//! What can go wrong for a client of files, on either side.

use std::path::{Path, PathBuf};
use std::{error, fmt, io};

use ipc_core::ErrorKind;

/// The result of every fallible call of this crate's client.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong for a client of files.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The server failed the call, or could not be reached, or was lost.
    Call(ipc_core::Error),
    /// The content ended before its announced length.
    Incomplete {
        /// How many valid bytes came.
        received: u64,
        /// How many were announced.
        announced: u64,
        /// Why no more came.
        source: ipc_core::Error,
    },
    /// The server answered with something that contradicts the question.
    Contradiction {
        /// What, in a sentence.
        reason: String,
    },
    /// A server of a protocol without words for a refusal has closed in place of an answer.
    Wordless {
        /// Whether it had greeted: then it took this client, and what it did not serve is the file.
        greeted: bool,
    },
    /// The content could not be written where the caller wanted it.
    Output(io::Error),
    /// A file on this side could not be used.
    Local {
        /// What was to be done: completes "could not …".
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The content is there whole, and could not get its final name.
    NotNamed {
        /// Where it is.
        part: PathBuf,
        /// The name that it should have.
        name: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Another transfer is writing the same file.
    InTransfer {
        /// What it has so far.
        part: PathBuf,
    },
}

impl Error {
    /// What a program decides on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Call(error) => error.kind(),
            Self::Incomplete { source, .. } => source.kind(),
            Self::Contradiction { .. } => ErrorKind::Protocol,
            Self::Wordless { .. } => ErrorKind::Refused,
            Self::Output(source) | Self::Local { source, .. }
                if source.kind() == io::ErrorKind::TimedOut =>
            {
                ErrorKind::TimedOut
            }
            Self::Output(_) | Self::Local { .. } | Self::NotNamed { .. } => ErrorKind::DataFailed,
            Self::InTransfer { .. } => ErrorKind::Busy,
        }
    }

    /// `doing` to `path` failed.
    pub(crate) fn local(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Local { doing, path, source }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(error) => error.fmt(f),
            Self::Incomplete { received, announced, .. } => {
                write!(f, "incomplete: {received} of {announced} bytes were received")
            }
            Self::Contradiction { reason } => {
                write!(f, "the server contradicts itself: {reason}")
            }
            Self::Wordless { greeted: true } => f.write_str(
                "the server closed without a word: there is no such file, you may not read it, or it \
                 is none that is served",
            ),
            Self::Wordless { greeted: false } => {
                f.write_str("the server closed without a word: it does not serve you")
            }
            Self::Output(_) => f.write_str("could not write the content"),
            Self::Local { doing, path, .. } => {
                write!(f, "could not {doing} `{}`", path.display())
            }
            Self::NotNamed { part, name, .. } => {
                let (part, name) = (part.display(), name.display());
                write!(f, "the content is whole in `{part}`, and could not be named `{name}`")
            }
            Self::InTransfer { part } => {
                write!(f, "another transfer is writing `{}`", part.display())
            }
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Call(error) => error.source(),
            Self::Incomplete { source, .. } => Some(source),
            Self::Output(source) | Self::Local { source, .. } | Self::NotNamed { source, .. } => {
                Some(source)
            }
            Self::Contradiction { .. } | Self::Wordless { .. } | Self::InTransfer { .. } => None,
        }
    }
}

impl From<ipc_core::Error> for Error {
    fn from(error: ipc_core::Error) -> Self {
        Self::Call(error)
    }
}

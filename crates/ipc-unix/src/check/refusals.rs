//! What a client is told that does not get a file: no more than its own attempt would tell.

use std::io;

use ipc_core::files::{Denial, Finding, Reason, RelativePath};
use ipc_core::peer::UnixIdentity;
use ipc_core::{Error, ErrorKind, Failure, Operation};

use crate::root::{made_up, refusal};
use crate::sys::Errno;

/// Who asks for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) operation: Operation,
    pub(super) path: &'a RelativePath,
    pub(super) client: &'a UnixIdentity,
}

/// The end of a walk that does not reach its file: what the client is told, and what became of it.
#[derive(Debug)]
pub(super) struct Stop {
    pub(super) error: Error,
    pub(super) finding: Finding,
}

/// What comes of a walk.
pub(super) type Walked<T> = std::result::Result<T, Box<Stop>>;

/// What stops a walk, and why.
#[derive(Debug)]
pub(super) enum Obstacle {
    /// The permissions refuse the client.
    Denied(Denial),
    /// The kernel's answer to the client.
    Answer(Errno, Reason),
    /// What the system answered this process.
    Failure(io::Error),
    /// The system refuses it to the client, and the permissions do not.
    Unexplained,
    /// A link as the last component, of somebody who is not trusted there.
    StrangersLink,
    /// It is of no kind that is served.
    NotServed(Error),
    /// The kernel makes it up.
    MadeUp,
    /// Nobody here can tell what the system would answer the client.
    Unknowable(String),
    /// There are more directories on the way than are held open.
    TooDeep(usize),
}

impl Asked<'_> {
    /// The permissions refuse the client; where on the way is not said.
    pub(super) fn denied(&self) -> Error {
        let uid = self.client.uid;
        let text = format!("its permissions, or those on the way to it, refuse it to uid {uid}");
        Error::Remote(Failure::new(ErrorKind::PermissionDenied, text))
    }

    /// What the kernel would answer the client.
    pub(super) fn answer(&self, errno: Errno) -> Error {
        refusal(self.operation, self.path, errno.into())
    }

    /// What the system answered this process, which the client has got as far as.
    pub(super) fn own_failure(&self, source: io::Error) -> Error {
        match source.kind() {
            io::ErrorKind::PermissionDenied => {
                let text = "this server's own user has no right to it";
                Error::Remote(Failure::new(ErrorKind::PermissionDenied, text))
            }
            io::ErrorKind::Unsupported => self.unknowable(&source.to_string()),
            _ => refusal(self.operation, self.path, source),
        }
    }

    /// Nobody here can tell what the system would answer the client.
    pub(super) fn unknowable(&self, why: &str) -> Error {
        let uid = self.client.uid;
        let reason = format!("whether uid {uid} may read the file cannot be told: {why}");
        Error::NotPrivileged { reason }
    }

    /// What the client is told of `obstacle`, and the rule behind it.
    pub(super) fn tell(&self, obstacle: Obstacle) -> (Error, Reason) {
        match obstacle {
            Obstacle::Denied(denial) => (self.denied(), Reason::Permissions(denial)),
            Obstacle::Answer(errno, reason) => (self.answer(errno), reason),
            Obstacle::Failure(error) => {
                let reason = reason_of_failure(&error);
                (self.own_failure(error), reason)
            }
            Obstacle::Unexplained => (self.denied(), Reason::Unexplained),
            Obstacle::StrangersLink => (self.denied(), Reason::LinkNotFollowed),
            Obstacle::NotServed(error) => {
                let reason = match error.kind() {
                    ErrorKind::IsADirectory => Reason::IsADirectory,
                    ErrorKind::NotADirectory => Reason::NotADirectory,
                    _ => Reason::NotRegular,
                };
                (error, reason)
            }
            Obstacle::MadeUp => (made_up(), Reason::MadeUp),
            Obstacle::Unknowable(why) => (self.unknowable(&why), Reason::Unjudged { why }),
            Obstacle::TooDeep(limit) => {
                let what = "directories on the way to the file";
                let why = format!("there are more than {limit} {what}");
                let limit = limit as u64;
                let error = Error::LimitExceeded { what, asked: limit + 1, limit };
                (error, Reason::Unjudged { why })
            }
        }
    }
}

fn reason_of_failure(error: &io::Error) -> Reason {
    match Errno::from_io_error(error) {
        Some(Errno::NOENT) => Reason::Missing,
        Some(Errno::ACCESS) => Reason::ServerHasNoRight,
        Some(Errno::LOOP) => Reason::LinkNotFollowed,
        Some(Errno::NAMETOOLONG) => Reason::BadName,
        Some(Errno::NOTDIR) => Reason::NotADirectory,
        _ => Reason::Unjudged { why: error.to_string() },
    }
}

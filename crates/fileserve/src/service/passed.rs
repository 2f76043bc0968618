//! Files that are passed open: to a client that the server opened them as, and from one that opened
//! them itself.

use std::fmt;
use std::fs::File;

use ipc_core::files::{FileKind, Metadata, Open};
use ipc_core::service::{Context, Reply};
use ipc_core::{ErrorKind, Failure, Peer, Policy};

use super::{FileService, broken, head};
use crate::access::Access;
use crate::platform;
use crate::protocol::{Algorithm, Digest, FileHead, Part, Validator, WirePath};

/// To whom files are handed over.
#[derive(Debug)]
pub(super) struct HandOver {
    to: Policy,
    own: Peer,
}

impl HandOver {
    pub(super) fn new(to: Policy, own: Peer) -> Self {
        Self { to, own }
    }
}

impl FileService {
    /// The most bytes of a file that a client passes which are read: its length is what the client, or
    /// a file system of the client's, says.
    pub const MAX_PASSED: u64 = 1 << 40;

    /// Opens `path` as the client, for the client to have.
    pub(super) fn open_to_pass(
        &self,
        context: &Context<'_>,
        path: &WirePath,
    ) -> Result<Reply<Validator>, Failure> {
        self.check_hand_over(context)?;
        let (file, metadata) = self.open(context, path, Open::Read)?;
        if metadata.kind != FileKind::Regular {
            // With an open directory the client could walk out of what is served.
            return Err(Failure::new(ErrorKind::NotRegular, format!("`{path}`")));
        }
        Ok(Reply::new(Validator::from(&metadata)).with_handle(file))
    }

    /// A handle gives what its opener had: only what was opened with the client's own rights is given
    /// away.
    fn check_hand_over(&self, context: &Context<'_>) -> Result<(), Failure> {
        if !matches!(self.access, Access::Impersonate) {
            let text = format!(
                "it opens files by `--access {}`, and hands over only what it opens as its clients",
                self.access
            );
            return Err(Failure::new(ErrorKind::Unsupported, text));
        }
        let Some(HandOver { to, own }) = &self.hand_over else {
            let text = "this server hands over no open files; ask for the content";
            return Err(Failure::new(ErrorKind::Refused, text));
        };
        to.decide(context.peer()?, own).map_err(|error| {
            let failure = Failure::from(error);
            let text = format!("it hands over no open files: {}", failure.text());
            Failure::new(failure.kind(), text)
        })
    }

    /// A part of the file that the client has passed. It is read on the pool, since a file system of
    /// the client's own may keep whoever reads it waiting.
    pub(super) fn part_of_passed(
        &self,
        context: &Context<'_>,
        part: &Part,
    ) -> Result<Reply<FileHead>, Failure> {
        let (file, metadata) = self.passed(context)?;
        let head = head(Subject::Passed, Validator::from(&metadata), part)?;
        check_length(head.length)?;
        let body = self.read_on_pool(context, None, file, metadata, &head);
        Ok(Reply::new(head).with_body(body))
    }

    /// The checksum of the file that the client has passed.
    pub(super) fn sum_of_passed(
        &self,
        context: &Context<'_>,
        algorithm: Algorithm,
    ) -> Result<Digest, Failure> {
        let (file, metadata) = self.passed(context)?;
        check_length(metadata.length)?;
        self.sum_open(context, Subject::Passed, &file, &metadata, algorithm)
    }

    /// The file that came with the call, once it is known to be one that can be read.
    fn passed(&self, context: &Context<'_>) -> Result<(File, Metadata), Failure> {
        if !matches!(self.access, Access::ClientOpens) {
            let text = "this server opens files itself; ask by path";
            return Err(Failure::new(ErrorKind::Unsupported, text));
        }
        let file = platform::regular_file(context.take_handle()?);
        let file = context.note_passed(file).map_err(Failure::from)?;
        let metadata =
            self.root.metadata(&file).map_err(|error| broken(Subject::Passed, &error))?;
        Ok((file, metadata))
    }
}

fn check_length(length: u64) -> Result<(), Failure> {
    if length <= FileService::MAX_PASSED {
        return Ok(());
    }
    let most = FileService::MAX_PASSED;
    let text = format!("the passed file has {length} bytes, and at most {most} are read");
    Err(Failure::new(ErrorKind::LimitExceeded, text))
}

/// Which file a failure is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject<'a> {
    /// One that the client has named.
    Path(&'a WirePath),
    /// One that the client has passed.
    Passed,
    /// One that the server has passed.
    HandedOver,
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "`{path}`"),
            Self::Passed => f.write_str("the passed file"),
            Self::HandedOver => f.write_str("the file"),
        }
    }
}

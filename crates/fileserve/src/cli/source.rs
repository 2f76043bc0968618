//! A file that a person has typed, as the server at hand deals with it.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;

use fileserve::client::{HandedOver, Incoming};
use fileserve::protocol::{Opener, Part, WirePath};
use fileserve::{Error, FileClient, platform};
use ipc_core::{Error as IpcError, ErrorKind};

use super::reach::Reached;
use super::{Failed, exit, shown};

/// Who opens it.
#[derive(Debug)]
pub(crate) enum Source {
    /// The server, by this path.
    Named(WirePath),
    /// This program has; the server gets it as it is, on a connection that passes handles.
    Own(File),
}

impl Source {
    /// As the server asks for it; the file itself only if it is known who the server is, or its user
    /// wants to `pass` it in any case: else a stranger would get a file by saying so.
    pub(crate) fn find(reached: &mut Reached, typed: &OsStr, pass: bool) -> Result<Self, Failed> {
        let opener = reached.about()?.opens;
        match opener {
            Opener::Server => reached.path(typed).map(Self::Named),
            Opener::Client if reached.may_be_anybodys() && !pass => {
                let doing = format!("pass `{}` to a server that may be anybody's", shown(typed));
                Err(Failed::because(exit::NOT_TRUSTED, doing).with_hint(NAME_THE_SERVER))
            }
            Opener::Client => {
                let file = platform::open_own(Path::new(typed)).map_err(|error| {
                    Failed::new(format!("open `{}`", shown(typed)), IpcError::Remote(error.into()))
                })?;
                reached.pass_handles()?;
                Ok(Self::Own(file))
            }
        }
    }
}

/// Where its content comes from.
#[derive(Debug)]
pub(crate) enum Content {
    /// From the server, which opens or has been passed it.
    Sent(Source),
    /// From the file itself, which the server has handed over.
    HandedOver(HandedOver),
}

impl Content {
    /// The content of the file that a person typed; of a file that is handed over if so `wanted`.
    pub(crate) fn of(
        source: Source,
        reached: &mut Reached,
        typed: &OsStr,
        wanted: bool,
    ) -> Result<Self, Failed> {
        match source {
            Source::Named(path) if wanted => {
                reached.pass_handles()?;
                let handed = reached.files.hand_over(&path);
                handed.map(Self::HandedOver).map_err(|error| {
                    let is_policy = error.kind() == ErrorKind::Refused;
                    let failed = Failed::new(format!("get `{}`", shown(typed)), error);
                    if is_policy { failed.with_hint(WHO_DECIDES) } else { failed }
                })
            }
            Source::Own(_) if wanted => Err(Failed::because(
                exit::USAGE,
                "have the file handed over: this server opens none; leave out `--handle`",
            )),
            source => Ok(Self::Sent(source)),
        }
    }

    /// Asks for `part` of it.
    pub(crate) fn open<'c>(
        self,
        files: &'c mut FileClient,
        part: &Part,
    ) -> Result<Incoming<'c>, Error> {
        match self {
            Self::Sent(Source::Named(path)) => files.open(&path, part),
            Self::Sent(Source::Own(file)) => files.open_passed(file, part),
            Self::HandedOver(handed) => handed.part(part),
        }
    }
}

const NAME_THE_SERVER: &str = "its clients open the files themselves; say by `--server` who it is, or \
    `--pass` if whoever it is may read this one";

const WHO_DECIDES: &str =
    "the server's operator decides to whom files are handed over, with `--hand-over` of `serve`";

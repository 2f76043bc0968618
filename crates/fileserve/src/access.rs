//! How files are opened for the clients that ask for them: what stands between a client and what it
//! may not read.

use std::fmt;
use std::fs::File;

use ipc_core::audit::Mechanism;
use ipc_core::files::{Finding, Metadata, Open, RelativePath, Root};
use ipc_core::service::Context;
use ipc_core::{Error, ErrorKind, Failure, Peer, Result};

use crate::protocol::Opener;

/// A strategy of opening files for clients.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Access {
    /// As the client: the system decides, by the client's rights and no others. Refuses whom the
    /// server cannot act as.
    #[default]
    Impersonate,
    /// With the server's own rights, if the permissions of the file and of every directory on the
    /// way give the client the right to it as well: what both may read. This process judges, not the
    /// system ([`Root::open_checked`]); it refuses where it cannot know. For servers that may not act
    /// as their clients.
    Check,
    /// With the server's own rights, for clients that have exactly its user and groups
    /// ([`Identity::is_alike`](ipc_core::Identity::is_alike)). Any other is refused.
    ///
    /// # Platform differences
    /// A token on Windows can be restricted by more than groups, so there the files are looked at too,
    /// as by [`Check`](Self::Check).
    SameUser {
        /// The server itself ([`Transport::this_process`](ipc_core::Transport::this_process)).
        own: Peer,
    },
    /// With the server's own rights, whoever asks: every client that is admitted reads what the
    /// server may read. For what is public.
    Server,
    /// Not at all: each client opens its file itself, with all that confines it, and passes the open
    /// handle. The server reads from that, and opens nothing.
    ClientOpens,
}

impl Access {
    /// Whether files can be opened so below `root` by a server that is `own`.
    ///
    /// # Errors
    /// What the root said when its own top was looked at so: [`Error::Unsupported`] for a strategy
    /// that this system does not have.
    pub fn try_on(&self, root: &dyn Root, own: &Peer) -> Result<()> {
        let top = RelativePath::new(b"")?;
        match self {
            Self::Impersonate | Self::ClientOpens => Ok(()),
            Self::Check | Self::SameUser { .. } => root.stat_checked(own, &top).map(drop),
            Self::Server => stat_as_server(root, &top).map(drop),
        }
    }

    pub(crate) fn open(
        &self,
        context: &Context<'_>,
        root: &dyn Root,
        path: &RelativePath,
        how: Open,
    ) -> Result<File> {
        match self {
            Self::Impersonate => context.open_as_peer(root, path, how),
            Self::Check => {
                let client = context.peer();
                let opened = client.and_then(|client| root.open_checked(client, path, how));
                context.note_open(path, Mechanism::Check, opened)
            }
            Self::SameUser { own } => {
                let client = alike(context, own);
                let opened = client.and_then(|client| root.open_checked(client, path, how));
                context.note_open(path, Mechanism::Check, opened)
            }
            Self::Server => {
                context.note_open(path, Mechanism::Server, open_as_server(root, path, how))
            }
            Self::ClientOpens => Err(opens_nothing()),
        }
    }

    pub(crate) fn stat(
        &self,
        context: &Context<'_>,
        root: &dyn Root,
        path: &RelativePath,
    ) -> Result<Metadata> {
        match self {
            Self::Impersonate => context.stat_as_peer(root, path),
            Self::Check => {
                let found = context.peer().and_then(|client| root.stat_checked(client, path));
                context.note_open(path, Mechanism::Check, found)
            }
            Self::SameUser { own } => {
                let client = alike(context, own);
                let found = client.and_then(|client| root.stat_checked(client, path));
                context.note_open(path, Mechanism::Check, found)
            }
            Self::Server => context.note_open(path, Mechanism::Server, stat_as_server(root, path)),
            Self::ClientOpens => Err(opens_nothing()),
        }
    }

    /// Who opens the files.
    pub(crate) fn opener(&self) -> Opener {
        match self {
            Self::ClientOpens => Opener::Client,
            _ => Opener::Server,
        }
    }

    /// Where and by which rule what [`open`](Self::open) has `refused` is refused, as far as the client
    /// could see for itself.
    pub(crate) fn explain(
        &self,
        context: &Context<'_>,
        root: &dyn Root,
        path: &RelativePath,
        how: Open,
        refused: ErrorKind,
    ) -> Result<Option<Finding>> {
        let judged = |client: &Peer| root.explain(None, client, path, how, refused);
        match self {
            Self::Impersonate => {
                let client = context.peer()?;
                context.as_peer(|by| root.explain(Some(by), client, path, how, refused))?
            }
            Self::Check => judged(context.peer()?),
            Self::SameUser { own } => judged(alike(context, own)?),
            // What the server may see, everybody may whom it admits.
            Self::Server => judged(&Peer::this_process(None)),
            Self::ClientOpens => Ok(None),
        }
    }

    /// Whether the system's refusals are meant for the client, and not for the server.
    pub(crate) fn has_clients_rights(&self) -> bool {
        !matches!(self, Self::Server)
    }
}

/// The strategy's name, as on the command line.
impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Impersonate => "impersonate",
            Self::Check => "check",
            Self::SameUser { .. } => "same-user",
            Self::Server => "server",
            Self::ClientOpens => "client-opens",
        })
    }
}

fn opens_nothing() -> Error {
    let text =
        "this server opens no files; its clients open them and pass them, as `get` and `sum` do";
    Error::Remote(Failure::new(ErrorKind::Unsupported, text))
}

/// The client, if it has the server's own user and groups.
fn alike<'a>(context: &Context<'a>, own: &Peer) -> Result<&'a Peer> {
    let client = context.peer()?;
    if let (Some(its), Some(ours)) = (client.identity(), own.identity()) {
        if its.is_alike(ours) {
            return Ok(client);
        }
    }
    let reason = format!("it serves only clients with its own user and groups, {own}");
    Err(Error::NotPrivileged { reason })
}

#[allow(clippy::disallowed_methods, reason = "the strategy was asked for by its name")]
fn open_as_server(root: &dyn Root, path: &RelativePath, how: Open) -> Result<File> {
    root.open_as_server(path, how)
}

#[allow(clippy::disallowed_methods, reason = "the strategy was asked for by its name")]
fn stat_as_server(root: &dyn Root, path: &RelativePath) -> Result<Metadata> {
    root.stat_as_server(path)
}

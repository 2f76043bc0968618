//! `--access`: the strategies by name, and what is said of each at start.

use clap::ValueEnum;
use fileserve::platform::words;
use fileserve::{Access, platform};
use ipc_core::files::Root;
use ipc_core::{Identity, Peer, Transport};

use super::Failed;

/// A strategy of opening files for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AccessName {
    /// As the client who asks: the system decides, by that one's rights
    Impersonate,
    /// What both the server and the client may read, judged by the files' permissions
    Check,
    /// With the server's rights, only for clients with the very same user and groups
    SameUser,
    /// With the server's rights, whoever asks: for what is public
    Server,
    /// Not at all: the client opens each file itself and passes it, with `get` and `sum`
    ClientOpens,
}

impl AccessName {
    /// That strategy, for a server at `transport` that serves what lies below `root`.
    pub(crate) fn access(
        self,
        transport: &dyn Transport,
        root: &dyn Root,
    ) -> Result<Access, Failed> {
        let own = transport.this_process();
        let own = own.map_err(|error| Failed::new("find out who this server is", error))?;
        let access = match self {
            Self::Impersonate => Access::Impersonate,
            Self::Check => Access::Check,
            Self::SameUser => Access::SameUser { own: own.clone() },
            Self::Server => Access::Server,
            Self::ClientOpens => Access::ClientOpens,
        };
        let failed = |error| Failed::new(format!("serve files by `--access {access}`"), error);
        access.try_on(root, &own).map_err(failed)?;
        Ok(access)
    }

    /// How files are opened by a server at `transport`, for the operator.
    pub(crate) fn opens(self, transport: &dyn Transport) -> &'static str {
        match self {
            Self::Impersonate if transport.capabilities().run_as_peer => platform::as_whom(),
            Self::Impersonate => "nothing: this system cannot act as a client",
            Self::Check => {
                "what both this server and the client may read; the client's part is judged here, \
                 by the permissions of the file and of the directories on the way"
            }
            Self::SameUser => {
                "each file with this server's rights, for clients with the same user and groups \
                 only"
            }
            Self::Server => "each file with this server's rights, whoever asks",
            Self::ClientOpens => {
                "nothing: the clients open their files, and this server reads what they pass"
            }
        }
    }

    /// What is dangerous about it for a server that is `own`.
    pub(crate) fn warning(self, own: Option<&Peer>) -> Option<String> {
        let is_root = own.and_then(Peer::identity).is_some_and(Identity::is_system);
        let own = own.map_or_else(|| "this server".to_owned(), Peer::to_string);
        match self {
            Self::Server => Some(format!(
                "fileserve: warning: `--access server`: whoever is admitted reads all that {own} \
                 may read below what is served"
            )),
            Self::Check if is_root => Some(format!(
                "fileserve: warning: `--access check` as {}: only this program's own judgement \
                 keeps clients from what is not theirs; run it as another user, or leave it to the \
                 system by `--access impersonate`",
                words::PRIVILEGED
            )),
            Self::Impersonate if is_root && words::HAS_USER => Some(
                "fileserve: warning: it runs as root: where this program fails to act as a client, \
                 it has all of root's rights; `--user NAME` leaves it none but to act as clients"
                    .to_owned(),
            ),
            Self::Impersonate | Self::Check | Self::SameUser | Self::ClientOpens => None,
        }
    }
}

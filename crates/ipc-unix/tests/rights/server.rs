//! A server with a connection of each user's.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ipc_core::files::{Finding, Open, RelativePath, Root};
use ipc_core::{
    BindOptions, ConnectOptions, Connection, Deadline, Endpoint, ErrorKind, ImpersonationLevel,
    Result, Transport,
};
use ipc_unix::{Mechanism, UnixRoot, UnixTransport};
use tempfile::TempDir;

use crate::questions::{Answer, Question, What};
use crate::users::User;

/// A way to open a file for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The thread becomes the client and opens.
    Thread,
    /// A request with the client's registered credentials, where there are such.
    Request,
    /// The server judges, and opens as itself.
    Check,
}

/// Whether files can be opened by requests here.
pub(crate) fn has_requests() -> bool {
    by_request().opens_by().is_ok()
}

fn by_request() -> UnixTransport {
    UnixTransport::new().mechanism(Mechanism::Request)
}

pub(crate) struct Server {
    root: UnixRoot,
    /// The server's end and the client's, for each user.
    connections: Vec<(Box<dyn Connection>, Box<dyn Connection>)>,
    _place: TempDir,
}

impl Server {
    /// A server of what lies below `root`.
    pub(crate) fn start(root: &Path, users: &[User]) -> Self {
        let root = UnixRoot::open_dir(root).expect("root opens it");
        let place = tempfile::tempdir().expect("a directory");
        fs::set_permissions(place.path(), Permissions::from_mode(0o755)).expect("its owner may");
        let text = format!("unix:{}", place.path().join("socket").display());
        let at: Endpoint = text.parse().expect("an endpoint");
        let transport = if has_requests() { by_request() } else { UnixTransport::new() };
        let listener = transport.mode(0o666).bind(&at, &BindOptions::new()).expect("binds");
        let connect = |user: &User| {
            let options = ConnectOptions::new().deadline(Deadline::NEVER);
            let client = user.run(|| UnixTransport::new().connect(&at, &options));
            let server = listener.accept(Deadline::NEVER).expect("accepts");
            server.state_level(ImpersonationLevel::Impersonation).expect("stated once");
            (server, client.expect("connects"))
        };
        let connections = users.iter().map(connect).collect();
        Self { root, connections, _place: place }
    }

    /// What the client with that number is told.
    pub(crate) fn ask(&self, by: Way, client: usize, asked: &Question) -> Answer {
        // What the kernel says of a path with `..` while anything is renamed anywhere.
        let busy = Answer::Refused(ErrorKind::Busy);
        let answers = std::iter::repeat_with(|| self.ask_once(by, client, asked));
        answers.take(1_000).find(|answer| *answer != busy).unwrap_or(busy)
    }

    fn ask_once(&self, by: Way, client: usize, asked: &Question) -> Answer {
        match asked.what {
            What::Read => Answer::of(self.open(by, client, &asked.name, Open::Read)),
            What::List => Answer::of(self.open(by, client, &asked.name, Open::List)),
            What::Look => Answer::of(self.look(by, client, &asked.name)),
        }
    }

    /// Opens a file for the client with that number.
    pub(crate) fn open(&self, by: Way, client: usize, name: &str, how: Open) -> Result<File> {
        let (path, (connection, _)) = (&path(name), &self.connections[client]);
        match by {
            Way::Thread => connection.as_peer(|by| self.root.open(by, path, how))?,
            Way::Request => connection.open_as_peer(&self.root, path, how),
            Way::Check => self.root.open_checked(connection.peer()?, path, how),
        }
    }

    /// Why the client with that number was `refused` what it asked for.
    pub(crate) fn explain(
        &self,
        by: Way,
        client: usize,
        asked: &Question,
        refused: ErrorKind,
    ) -> Option<Finding> {
        let (path, (connection, _)) = (&path(&asked.name), &self.connections[client]);
        let how = if asked.what == What::List { Open::List } else { Open::Read };
        let peer = connection.peer().expect("known");
        let explain = |by: Option<&_>| self.root.explain(by, peer, path, how, refused);
        let explained = match by {
            Way::Thread | Way::Request => connection.as_peer(|by| explain(Some(by))),
            Way::Check => Ok(explain(None)),
        };
        explained.expect("acts as it").expect("tells")
    }

    fn look(&self, by: Way, client: usize, name: &str) -> Result<()> {
        let (path, (connection, _)) = (&path(name), &self.connections[client]);
        let seen = match by {
            Way::Thread => connection.as_peer(|by| self.root.stat(by, path))?,
            Way::Request => connection.stat_as_peer(&self.root, path),
            Way::Check => self.root.stat_checked(connection.peer()?, path),
        };
        seen.map(drop)
    }
}

fn path(name: &str) -> RelativePath {
    RelativePath::new(name.as_bytes()).expect("a good path")
}

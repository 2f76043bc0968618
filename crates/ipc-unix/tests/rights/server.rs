//! A server with a connection of each user's.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use ipc_core::files::{Open, RelativePath, Root};
use ipc_core::{
    BindOptions, ConnectOptions, Connection, Deadline, Endpoint, ErrorKind, ImpersonationLevel,
    Result, Transport,
};
use ipc_unix::{UnixRoot, UnixTransport};
use tempfile::TempDir;

use crate::questions::{Answer, Question, What};
use crate::users::User;

/// A way to open a file for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// The thread becomes the client and opens.
    Thread,
    /// Whatever way the connection has to open as the client.
    Open,
    /// The server judges, and opens as itself.
    Check,
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
        let transport = UnixTransport::new().mode(0o666);
        let listener = transport.bind(&at, &BindOptions::new()).expect("binds");
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
    pub(crate) fn ask(&self, by: Mechanism, client: usize, asked: &Question) -> Answer {
        // What the kernel says of a path with `..` while anything is renamed anywhere.
        let busy = Answer::Refused(ErrorKind::Busy);
        let answers = std::iter::repeat_with(|| self.ask_once(by, client, asked));
        answers.take(1_000).find(|answer| *answer != busy).unwrap_or(busy)
    }

    fn ask_once(&self, by: Mechanism, client: usize, asked: &Question) -> Answer {
        match asked.what {
            What::Read => Answer::of(self.open(by, client, &asked.name, Open::Read)),
            What::List => Answer::of(self.open(by, client, &asked.name, Open::List)),
            What::Look => Answer::of(self.look(by, client, &asked.name)),
        }
    }

    /// Opens a file for the client with that number.
    pub(crate) fn open(&self, by: Mechanism, client: usize, name: &str, how: Open) -> Result<File> {
        let (path, (connection, _)) = (&path(name), &self.connections[client]);
        match by {
            Mechanism::Thread => connection.as_peer(|by| self.root.open(by, path, how))?,
            Mechanism::Open => connection.open_as_peer(&self.root, path, how),
            Mechanism::Check => self.root.open_checked(connection.peer()?, path, how),
        }
    }

    fn look(&self, by: Mechanism, client: usize, name: &str) -> Result<()> {
        let (path, (connection, _)) = (&path(name), &self.connections[client]);
        let seen = match by {
            Mechanism::Thread => connection.as_peer(|by| self.root.stat(by, path))?,
            Mechanism::Open => connection.stat_as_peer(&self.root, path),
            Mechanism::Check => self.root.stat_checked(connection.peer()?, path),
        };
        seen.map(drop)
    }
}

fn path(name: &str) -> RelativePath {
    RelativePath::new(name.as_bytes()).expect("a good path")
}

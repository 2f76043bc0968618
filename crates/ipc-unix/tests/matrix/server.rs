//! A server with a connection of each user's.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use ipc_core::files::{Open, RelativePath, Root};
use ipc_core::{
    BindOptions, ConnectOptions, Connection, Deadline, Endpoint, ImpersonationLevel, Result,
    Transport,
};
use ipc_unix::{UnixRoot, UnixTransport};
use tempfile::TempDir;

use crate::questions::{Answer, Question, What};
use crate::tree::Tree;
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
    pub(crate) fn start(tree: &Tree, users: &[User]) -> Self {
        let root = UnixRoot::open_dir(tree.root()).expect("root opens it");
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
        let path = RelativePath::new(asked.name.as_bytes()).expect("a good path");
        let (connection, _) = &self.connections[client];
        match asked.what {
            What::Read => Answer::of(self.open(by, &**connection, &path, Open::Read)),
            What::List => Answer::of(self.open(by, &**connection, &path, Open::List)),
            What::Look => Answer::of(self.look(by, &**connection, &path)),
        }
    }

    fn open(
        &self,
        by: Mechanism,
        connection: &dyn Connection,
        path: &RelativePath,
        how: Open,
    ) -> Result<()> {
        let opened = match by {
            Mechanism::Thread => connection.as_peer(|by| self.root.open(by, path, how))?,
            Mechanism::Open => connection.open_as_peer(&self.root, path, how),
            Mechanism::Check => self.root.open_checked(connection.peer()?, path, how),
        };
        opened.map(drop)
    }

    fn look(&self, by: Mechanism, connection: &dyn Connection, path: &RelativePath) -> Result<()> {
        let seen = match by {
            Mechanism::Thread => connection.as_peer(|by| self.root.stat(by, path))?,
            Mechanism::Open => connection.stat_as_peer(&self.root, path),
            Mechanism::Check => self.root.stat_checked(connection.peer()?, path),
        };
        seen.map(drop)
    }
}

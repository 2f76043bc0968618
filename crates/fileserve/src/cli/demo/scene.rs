//! The scene: who takes part, which files there are, and who may read them.
#![allow(clippy::disallowed_methods, reason = "files of the demonstration's own")]

use std::fs;
use std::io;
use std::path::PathBuf;

use fileserve::platform;
use ipc_core::ErrorKind;
use tempfile::TempDir;

use crate::cli::args::Ids;

/// A directory with files and a socket, and the clients that will ask for them.
pub(crate) struct Scene {
    place: TempDir,
    pub(crate) clients: Vec<SceneClient>,
    pub(crate) files: Vec<SceneFile>,
}

/// A client: a process that asks for every file.
pub(crate) struct SceneClient {
    pub(crate) name: &'static str,
    /// Whom it becomes first; `None`: it stays who it is.
    pub(crate) ids: Option<Ids>,
}

/// Something that clients ask for.
pub(crate) struct SceneFile {
    pub(crate) name: &'static str,
    pub(crate) what: What,
    /// Whose it is, in words.
    pub(crate) whose: &'static str,
    /// Which clients may read it, by name.
    readers: &'static [&'static str],
}

pub(crate) enum What {
    /// A file of that content, mode, and owner.
    File { content: &'static str, mode: u32, owner: (u32, u32) },
    /// A link to outside of what is served.
    Link,
    /// A FIFO, which whoever opens it waits at for ever.
    Fifo,
    /// A name that leads out by itself.
    Nothing,
}

impl SceneFile {
    /// What `client` must get: the content, or this refusal.
    pub(crate) fn expected(&self, client: &SceneClient) -> Result<&'static str, ErrorKind> {
        match &self.what {
            What::File { content, .. } if self.readers.contains(&client.name) => Ok(content),
            What::File { .. } => Err(ErrorKind::PermissionDenied),
            What::Link => Err(ErrorKind::OutsideRoot),
            What::Fifo => Err(ErrorKind::NotRegular),
            What::Nothing => Err(ErrorKind::InvalidInput),
        }
    }
}

impl Scene {
    /// Three users that need no account, and root.
    pub(crate) fn of_four_users() -> io::Result<Self> {
        let client = |name, uid, groups: &[u32]| SceneClient {
            name,
            ids: Some(Ids { uid, gid: uid, groups: groups.to_vec() }),
        };
        let clients = vec![
            client("alice", ALICE, &[TEAM]),
            client("bob", BOB, &[TEAM]),
            client("carol", CAROL, &[]),
            client("root", 0, &[]),
        ];
        let file = |name, content, mode, owner, whose, readers| SceneFile {
            name,
            what: What::File { content, mode, owner },
            whose,
            readers,
        };
        let mut files = vec![
            file("welcome.txt", "Come in!\n", 0o644, (0, 0), "everybody's", EVERYBODY),
            file(
                "team/plan.txt",
                "We meet at noon.\n",
                0o640,
                (0, TEAM),
                "root's and the team's",
                &["alice", "bob", "root"],
            ),
            file("alice/diary.txt", "I like Bob.\n", 0o600, (ALICE, ALICE), "alice's", &["alice"]),
            file("bob/diary.txt", "I like Carol.\n", 0o600, (BOB, BOB), "bob's", &["bob"]),
            file("server.key", "5ea1ed\n", 0o600, (0, 0), "root's", &["root"]),
        ];
        files.extend(traps());
        Self::build(clients, files)
    }

    /// One user, four times.
    pub(crate) fn of_one_user() -> io::Result<Self> {
        let names = EVERYBODY_UNPRIVILEGED;
        let clients = names.iter().map(|name| SceneClient { name, ids: None }).collect();
        let file = |name, content, mode, whose, readers| SceneFile {
            name,
            what: What::File { content, mode, owner: (u32::MAX, u32::MAX) },
            whose,
            readers,
        };
        let mut files = vec![
            file("welcome.txt", "Come in!\n", 0o644, "everybody's", names),
            file("diary.txt", "I like IPC.\n", 0o600, "yours", names),
            file("closed.txt", "Not even me.\n", 0o000, "yours, and closed to you", &[]),
        ];
        files.extend(traps());
        Self::build(clients, files)
    }

    /// Where the server listens.
    pub(crate) fn endpoint(&self) -> String {
        format!("unix:{}", self.place.path().join("demo.sock").display())
    }

    /// What the server serves.
    pub(crate) fn root(&self) -> PathBuf {
        self.place.path().join("files")
    }

    /// Whether the clients are different users.
    pub(crate) fn has_other_users(&self) -> bool {
        self.clients.iter().any(|client| client.ids.is_some())
    }

    /// Whether this process, which has the server's rights, can itself read every file. Whoever is
    /// refused one of them is not refused it by a lack of rights of the server's.
    pub(crate) fn is_open_to_the_server(&self) -> bool {
        self.files.iter().all(|file| match &file.what {
            What::File { content, .. } => {
                fs::read(self.root().join(file.name)).is_ok_and(|read| read == content.as_bytes())
            }
            _ => true,
        })
    }

    fn build(clients: Vec<SceneClient>, files: Vec<SceneFile>) -> io::Result<Self> {
        let place = tempfile::Builder::new().prefix("fileserve-demo-").tempdir()?;
        let scene = Self { place, clients, files };
        platform::set_mode(scene.place.path(), 0o755)?;
        fs::write(scene.place.path().join("outside.txt"), "Not served.\n")?;
        fs::create_dir(scene.root())?;
        platform::set_mode(&scene.root(), 0o755)?;
        for file in &scene.files {
            scene.make(file)?;
        }
        Ok(scene)
    }

    fn make(&self, file: &SceneFile) -> io::Result<()> {
        let path = self.root().join(file.name);
        match &file.what {
            What::File { content, mode, owner } => {
                if let Some(directory) = path.parent().filter(|parent| !parent.exists()) {
                    fs::create_dir(directory)?;
                    platform::set_mode(directory, 0o755)?;
                }
                fs::write(&path, content)?;
                platform::set_mode(&path, *mode)?;
                if self.has_other_users() {
                    platform::give(&path, owner.0, owner.1)
                } else {
                    Ok(())
                }
            }
            What::Link => platform::make_link("../outside.txt".as_ref(), &path),
            What::Fifo => platform::make_fifo(&path),
            What::Nothing => Ok(()),
        }
    }
}

/// What nobody gets, whoever they are.
fn traps() -> [SceneFile; 3] {
    let trap = |name, what, whose| SceneFile { name, what, whose, readers: &[] };
    [
        trap("../outside.txt", What::Nothing, "a name that leads out of what is served"),
        trap("way-out", What::Link, "a link that leads out of what is served"),
        trap("fifo", What::Fifo, "no file: whoever opens it waits for ever"),
    ]
}

const EVERYBODY: &[&str] = &["alice", "bob", "carol", "root"];
const EVERYBODY_UNPRIVILEGED: &[&str] = &["one", "two", "three", "four"];

/// Numbers that no account is likely to have.
const ALICE: u32 = 42_001;
const BOB: u32 = 42_002;
const CAROL: u32 = 42_003;
const TEAM: u32 = 42_100;

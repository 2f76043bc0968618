//! The demonstration on Unix: users that need no account, if root plays it; else one user.
#![allow(clippy::disallowed_methods, reason = "files of the demonstration's own")]

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;

use ipc_core::ErrorKind;

use super::super::cast::{Actor, Cast, Prop, What};
use super::particular::{become_user, can_become_others, make_fifo, this_program};

/// A client that was started.
pub type Performer = Child;

/// Where the demonstration's server listens, which has `directory` for itself.
#[must_use]
pub fn demo_endpoint(directory: &Path) -> String {
    format!("unix:{}", directory.join("demo.sock").display())
}

/// Makes a directory that everybody may enter, whatever the umask.
///
/// # Errors
/// What the system said.
pub fn make_directory(path: &Path) -> io::Result<()> {
    fs::create_dir(path)?;
    open_directory(path)
}

/// Lets everybody enter a directory.
///
/// # Errors
/// What the system said.
pub fn open_directory(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(0o755))
}

/// Makes this process the one that `text`, an argument of a client of the demonstration, says. It
/// must have one thread only.
///
/// # Errors
/// Of kind `InvalidInput` for what says nobody; what the system said.
pub fn take_role(text: &str) -> io::Result<()> {
    let ids: Ids = text.parse()?;
    become_user(ids.uid, ids.gid, &ids.groups)
}

/// Whom a client becomes first; `None`: it stays who it is.
pub(crate) type Account = Option<Ids>;

/// Starts this program as `account`.
pub(crate) fn start<S: AsRef<OsStr>>(account: &Account, arguments: &[S]) -> io::Result<Performer> {
    let mut command = Command::new(this_program()?);
    command.args(arguments);
    if let Some(ids) = account {
        command.arg("--as").arg(ids.to_string());
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
}

/// The ids of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ids {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
}

impl fmt::Display for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups: Vec<String> = self.groups.iter().map(u32::to_string).collect();
        write!(f, "{}:{}:{}", self.uid, self.gid, groups.join(","))
    }
}

impl FromStr for Ids {
    type Err = io::Error;

    fn from_str(text: &str) -> io::Result<Self> {
        let number = |text: &str| text.parse::<u32>();
        let parsed = || {
            let mut fields = text.splitn(3, ':');
            let mut field = || fields.next().unwrap_or_default();
            let (uid, gid) = (number(field())?, number(field())?);
            let groups = field().split(',').filter(|group| !group.is_empty()).map(number);
            Ok(Self { uid, gid, groups: groups.collect::<Result<_, _>>()? })
        };
        parsed().map_err(|error: std::num::ParseIntError| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("`{text}`: {error}"))
        })
    }
}

/// The mode and, among several users, the owner and group of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rights {
    mode: u32,
    owner: Option<(u32, u32)>,
}

impl Rights {
    pub(crate) fn set(self, path: &Path) -> io::Result<()> {
        fs::set_permissions(path, Permissions::from_mode(self.mode))?;
        match self.owner {
            Some((uid, gid)) => chown(path, Some(uid), Some(gid)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.mode)
    }
}

impl Cast {
    /// What this process can play.
    ///
    /// # Errors
    /// None here.
    pub fn find() -> io::Result<Self> {
        Ok(if can_become_others() { Self::of_four_users() } else { Self::of_one_user() })
    }

    /// Three users that need no account, and root.
    fn of_four_users() -> Self {
        let actor = |name, uid, groups: &[u32]| {
            let team: String = groups.iter().map(|group| format!(", team {group}")).collect();
            Actor {
                name,
                about: format!("uid {uid}{team}"),
                account: Some(Ids { uid, gid: uid, groups: groups.to_vec() }),
            }
        };
        let file = |name, content, mode, owner, whose, readers| {
            file(name, content, Rights { mode, owner: Some(owner) }, whose, readers)
        };
        let mut props = vec![
            file("welcome.txt", "Come in!\n", 0o644, (0, 0), "everybody's", FOUR_USERS),
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
        props.extend(traps());
        Self {
            actors: vec![
                actor("alice", ALICE, &[TEAM]),
                actor("bob", BOB, &[TEAM]),
                actor("carol", CAROL, &[]),
                actor("root", 0, &[]),
            ],
            props,
            // Root is named, so that kernels that cannot tell a container's root act as ours, too.
            serving: &["--allow", "any", "--allow", "uid:0", "--socket-mode", "0666"],
            moral: "root's client, for one, was refused the diaries",
            left_out: Vec::new(),
        }
    }

    /// One user, four times.
    fn of_one_user() -> Self {
        let actor = |name: &&'static str| Actor { name, about: String::new(), account: None };
        let file = |name, content, mode, whose, readers| {
            file(name, content, Rights { mode, owner: None }, whose, readers)
        };
        let mut props = vec![
            file("welcome.txt", "Come in!\n", 0o644, "everybody's", ONE_USER),
            file("diary.txt", "I like IPC.\n", 0o600, "yours", ONE_USER),
            file("closed.txt", "Not even me.\n", 0o000, "yours, and closed to you", &[]),
        ];
        props.extend(traps());
        Self {
            actors: ONE_USER.iter().map(actor).collect(),
            props,
            serving: &[],
            moral: "",
            left_out: vec![
                "clients of other users, for only root can start them. Run by root, the\n\
                 demonstration keeps alice, bob, carol and root apart",
            ],
        }
    }
}

fn file(
    name: &'static str,
    content: &'static str,
    rights: Rights,
    whose: &'static str,
    readers: &'static [&'static str],
) -> Prop {
    let refusal = ErrorKind::PermissionDenied;
    Prop { name, whose, what: What::File { content, rights, readers, refusal } }
}

/// What nobody gets, whoever they are.
fn traps() -> [Prop; 3] {
    let trap = |name, refusal, plant, whose| {
        let what = What::Trap { refusal, plant };
        Prop { name, whose, what }
    };
    [
        trap(
            "../outside.txt",
            ErrorKind::InvalidInput,
            |_| Ok(()),
            "a name that leads out of what is served",
        ),
        trap(
            "way-out",
            ErrorKind::OutsideRoot,
            |path| symlink("../outside.txt", path),
            "a link that leads out of what is served",
        ),
        trap("fifo", ErrorKind::NotRegular, make_fifo, "no file: whoever opens it waits for ever"),
    ]
}

const FOUR_USERS: &[&str] = &["alice", "bob", "carol", "root"];
const ONE_USER: &[&str] = &["one", "two", "three", "four"];

/// Numbers that no account is likely to have.
const ALICE: u32 = 42_001;
const BOB: u32 = 42_002;
const CAROL: u32 = 42_003;
const TEAM: u32 = 42_100;

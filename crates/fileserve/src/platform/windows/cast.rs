//! The demonstration on Windows: administrators, and the same user without their rights; else one
//! user.
#![allow(clippy::disallowed_methods, reason = "files of the demonstration's own")]

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use ipc_core::peer::{Identity, Sid};
use ipc_core::{ErrorKind, Transport as _};
use ipc_windows::restricted::{self, Restrictions, Stdio};
use ipc_windows::{FileAccess, FileAcl, Group, PipeTransport};

use super::super::cast::{Actor, Cast, Prop, What};
use super::this_program;

/// A client that was started.
pub type Performer = restricted::Child;

/// Where the demonstration's server listens, which has `directory` for itself.
#[must_use]
pub fn demo_endpoint(directory: &Path) -> String {
    let name = directory.file_name().unwrap_or_default();
    format!("pipe:{}", name.to_string_lossy())
}

/// Makes a directory with the rights of what it lies in.
///
/// # Errors
/// What the system said.
pub fn make_directory(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

/// Gives a directory, and all that is made in it, to this user and to administrators.
///
/// # Errors
/// What the system said.
pub fn open_directory(path: &Path) -> io::Result<()> {
    Rights::You.set(path)
}

/// Makes this process another one's, as an argument says.
///
/// # Errors
/// Always: on Windows a process is given its token when it starts.
pub fn take_role(text: &str) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("nobody can become `{text}`")))
}

/// What a client is started with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    /// The token of this process.
    Same,
    /// That token, in which `Administrators` counts only where it denies.
    Restricted,
}

/// Starts this program as `account`.
pub(crate) fn start<S: AsRef<OsStr>>(account: &Account, arguments: &[S]) -> io::Result<Performer> {
    let restrictions = match account {
        Account::Same => Restrictions::default(),
        Account::Restricted => Restrictions::without_administrators(),
    };
    let command = restricted::Command::new(this_program()?, restrictions).args(arguments);
    command.stdin(Stdio::Piped).stdout(Stdio::Piped).spawn()
}

/// Who may read a file, beside the system and administrators.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rights {
    Everybody,
    You,
    Administrators,
}

impl Rights {
    pub(crate) fn set(self, path: &Path) -> io::Result<()> {
        let acl = FileAcl::administrators();
        let acl = match self {
            Self::Everybody => acl.allow(Group::Everyone.sid(), FileAccess::Read),
            Self::You => acl.allow_this_user(FileAccess::Full),
            Self::Administrators => acl,
        };
        acl.apply_to(path)
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Everybody => "all",
            Self::You => "you",
            Self::Administrators => "admin",
        })
    }
}

impl Cast {
    /// What this process can play.
    ///
    /// # Errors
    /// What the system said of this process.
    pub fn find() -> io::Result<Self> {
        if !ipc_windows::can_run_as_peer() {
            return Ok(Self::where_nobody_can_act_as_others());
        }
        let own = PipeTransport::new().this_process().map_err(io::Error::other)?;
        let token = own.identity().and_then(Identity::as_windows);
        let is_administrator = token.is_some_and(|token| token.has(Sid::ADMINISTRATORS));
        Ok(if is_administrator { Self::of_two_identities() } else { Self::of_one_identity() })
    }

    /// Two administrators, and two clients of the same user that are none.
    fn of_two_identities() -> Self {
        let actor = |name, account| {
            let about = match account {
                Account::Same => "an administrator",
                Account::Restricted => "restricted: no administrator",
            };
            Actor { name, about: about.to_owned(), account }
        };
        let mut props = vec![
            file("welcome.txt", "Come in!\n", Rights::Everybody, "everybody's", EVERYBODY),
            file("diary.txt", "I like IPC.\n", Rights::You, "yours", EVERYBODY),
            file(
                "admins/plan.txt",
                "We reboot at noon.\n",
                Rights::Administrators,
                "the administrators'",
                ADMINISTRATORS,
            ),
            file(
                "server.key",
                "5ea1ed\n",
                Rights::Administrators,
                "the administrators', as the server is",
                ADMINISTRATORS,
            ),
        ];
        props.extend(traps());
        Self {
            actors: vec![
                actor("anna", Account::Same),
                actor("arno", Account::Same),
                actor("rita", Account::Restricted),
                actor("rolf", Account::Restricted),
            ],
            props,
            serving: &[],
            moral: "rita and rolf, for two, were refused what is the administrators'",
            left_out: vec![NO_LINK],
        }
    }

    /// One user, who is no administrator, four times.
    fn of_one_identity() -> Self {
        let mut props = vec![
            file("welcome.txt", "Come in!\n", Rights::Everybody, "everybody's", ONE_USER),
            file("diary.txt", "I like IPC.\n", Rights::You, "yours", ONE_USER),
            file("closed.txt", "Not mine.\n", Rights::Administrators, "the administrators'", &[]),
        ];
        props.extend(traps());
        Self {
            actors: same_four_times(),
            props,
            serving: &[],
            moral: "",
            left_out: vec![
                "clients with other rights, for this program has none that they could lack.\n\
                 Run by an elevated administrator, the demonstration keeps two kinds apart",
                NO_LINK,
            ],
        }
    }

    /// Wine as it is released: nobody is served.
    fn where_nobody_can_act_as_others() -> Self {
        let closed = |name, content, rights, whose| {
            let refusal = ErrorKind::Unsupported;
            Prop { name, whose, what: What::File { content, rights, readers: &[], refusal } }
        };
        let mut props = vec![
            closed("welcome.txt", "Come in!\n", Rights::Everybody, "everybody's"),
            closed("diary.txt", "I like IPC.\n", Rights::You, "yours"),
        ];
        // What only the names of files forbid is never looked at: none is opened.
        props.extend(traps().into_iter().take(1));
        Self {
            actors: same_four_times(),
            props,
            serving: &[],
            moral: "",
            left_out: vec![
                "everything else. This system gives a server its own token for its client's, as\n\
                 Wine does when it was not taught better: no file can be opened as a client, so none\n\
                 is opened at all",
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

fn same_four_times() -> Vec<Actor> {
    let actor = |name: &&'static str| Actor { name, about: String::new(), account: Account::Same };
    ONE_USER.iter().map(actor).collect()
}

/// What nobody gets, whoever they are.
fn traps() -> [Prop; 3] {
    let trap = |name, whose| {
        let what = What::Trap { refusal: ErrorKind::InvalidInput, plant: |_| Ok(()) };
        Prop { name, whose, what }
    };
    [
        trap("../outside.txt", "a name that leads out of what is served"),
        trap("nul.txt", "a device's name, which whoever opens it takes for an empty file"),
        trap("diary.txt:x", "a hidden part of a file, not what its name says"),
    ]
}

const EVERYBODY: &[&str] = &["anna", "arno", "rita", "rolf"];
const ADMINISTRATORS: &[&str] = &["anna", "arno"];
const ONE_USER: &[&str] = &["one", "two", "three", "four"];

const NO_LINK: &str = "a link that leads out of what is served, which few may make";

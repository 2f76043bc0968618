//! Unix: sockets, `openat2`, signals.
#![allow(clippy::disallowed_methods, reason = "files of the client's own")]

use std::env;
use std::fs::File;
use std::io;
use std::os::unix::{self, fs::FileExt as _};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;

use ipc_core::files::Root;
use ipc_core::{Endpoint, Error, Policy, Result, Transport};
pub use ipc_unix::UnixAccounts as Accounts;
pub use ipc_unix::files::metadata;
use ipc_unix::privileges::{self, Account};
pub use ipc_unix::regular_file;
use ipc_unix::{ActAs, Fence, OpensBy, UnixRoot, UnixTransport};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator;

use super::{Asked, Mechanism, Serving};

pub(super) mod cast;
mod directory;
mod log;
#[cfg_attr(target_os = "linux", path = "unix/linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "unix/elsewhere.rs")]
mod particular;
mod paths;
mod stream;
pub mod words;

pub(crate) use directory::{Directory, Kind};
pub use log::{can_make_files_in, is_same_file, open_log};
pub use particular::{can_become_others, make_fifo, this_program, thread_id};
pub use paths::{from_top, is_from_top, wire_path};
pub use stream::Stream;

/// This system's own transport, for a client.
#[must_use]
pub fn transport() -> Arc<dyn Transport> {
    Arc::new(UnixTransport::new())
}

/// This system's own transport, for a client that passes open handles.
#[must_use]
pub fn passing_transport() -> Arc<dyn Transport> {
    transport()
}

/// This system's own transport, for a server.
///
/// # Errors
/// None here.
pub fn server_transport(serving: &Serving) -> Result<Arc<dyn Transport>> {
    Ok(Arc::new(unix_transport(serving)))
}

/// How such a server opens files with a client's rights, where it has more than one way.
///
/// # Errors
/// One of kind `Unsupported`: it cannot as it was asked to.
pub fn opens_by(serving: &Serving) -> Result<Option<String>> {
    match unix_transport(serving).opens_by() {
        Ok(OpensBy::Itself) => Ok(None),
        Ok(by) => Ok(Some(by.to_string())),
        Err(Error::Unsupported { .. }) if serving.mechanism != Mechanism::Request => Ok(None),
        Err(error) => Err(error),
    }
}

fn unix_transport(serving: &Serving) -> UnixTransport {
    let mut transport =
        UnixTransport::new().act_as(act_as(serving)).mechanism(match serving.mechanism {
            Mechanism::Auto => ipc_unix::Mechanism::Auto,
            Mechanism::Request => ipc_unix::Mechanism::Request,
            Mechanism::Thread => ipc_unix::Mechanism::Thread,
        });
    if let Some(mode) = serving.socket_mode {
        transport = transport.mode(mode);
    }
    if let Some(group) = serving.socket_group {
        transport = transport.group(group);
    }
    transport
}

/// The id of the group that `text` names or is.
///
/// # Errors
/// [`Error::InvalidInput`] if there is none of that name.
pub fn socket_group(text: &str) -> Result<u32> {
    text.parse().or_else(|_| Accounts.group_id(text))
}

/// What keeps clients from `endpoint` that the server would admit; empty if nothing does. A policy
/// that admits other users is in vain while only this one can reach the socket, or looks where it is.
#[must_use]
pub fn whom_it_reaches(serving: &Serving, endpoint: &Endpoint) -> &'static str {
    let is_own = |term: &Policy| [Policy::same_user(), Policy::same_process()].contains(term);
    let admits_others = serving.admits.as_ref().is_some_and(|policy| {
        policy.candidates().is_none_or(|candidates| !candidates.iter().all(is_own))
    });
    if !admits_others {
        return "";
    }
    if endpoint.scheme().is_none() && !rustix::process::geteuid().is_root() {
        return "; but others look for a bare name among root's and their own, not this user's: \
                serve at `unix:/PATH`";
    }
    let is_opened = serving.socket_mode.is_some() || serving.socket_group.is_some();
    let has_file = !endpoint.name().starts_with('@');
    if has_file && !is_opened {
        return "; but only this user can reach the socket without `--socket-mode 0666` or \
                `--socket-group`";
    }
    ""
}

/// As whom a server that can act as clients opens files.
#[must_use]
pub fn as_whom() -> &'static str {
    if privileges::can_become_others() {
        "each file as the client who asks, with that user's and groups' rights and no others"
    } else {
        "each file as the client who asks; without root's rights that is only this user with the \
         same groups, and any other is refused"
    }
}

/// What becomes of clients in a sandbox, where the server acts as its clients: their users and groups
/// do not carry it.
#[must_use]
pub fn sandboxes(serving: &Serving) -> Option<&'static str> {
    if !ipc_unix::can_run_as_peer() {
        return None;
    }
    Some(match (serving.act_as_sandboxed, ipc_unix::sees_namespaces()) {
        (true, _) => "left by acting as a client, as it was asked for (`sandboxed`)",
        (false, true) => {
            "clients in other user namespaces are refused; Landlock rules, system-call filters and \
             mounts of a client's own do not hold for what is served to it"
        }
        (false, false) => {
            "not seen: this kernel does not tell in which namespaces a client lives (Linux 6.11 \
             does), so none is refused"
        }
    })
}

/// Makes this process that of `user`, for good, and leaves it only what acting as clients takes. It
/// must have one thread only.
///
/// # Errors
/// There is no such user, it takes more rights than there are, or one that was given up could be had
/// back. The process may be half-changed then and must end.
pub fn keep_only_switching(user: &str) -> io::Result<()> {
    privileges::keep_only_switching(Account::find(user)?)
}

/// Fences this process in: it may read what lies below `root`, if it reads anything, make and write files below the
/// directories `logs`, and free the name of `endpoint`, which is bound. It must have one thread only.
/// Tells by what it is kept.
///
/// # Errors
/// [`io::ErrorKind::Unsupported`] where there is no such fence, and nothing has changed; after any
/// other the process may be fenced in and must end.
pub fn fence_in(root: Option<&Path>, logs: &[&Path], endpoint: &Endpoint) -> io::Result<String> {
    let fence = Fence::new().free_name_of(endpoint)?;
    let fence = root.into_iter().try_fold(fence, Fence::read_below)?;
    let fence = logs.iter().try_fold(fence, |fence, log| fence.append_below(log))?;
    fence.raise().map(|by| by.to_string())
}

/// The directory `directory` as a root below which files are served.
///
/// # Errors
/// [`ipc_core::Error::Io`] if it cannot be opened.
pub fn open_root(directory: &Path, serving: &Serving) -> Result<Arc<dyn Root>> {
    Ok(Arc::new(UnixRoot::open_dir(directory)?.act_as(act_as(serving))))
}

/// Every file of this system as a root: what travels is a path from its top.
///
/// # Errors
/// [`ipc_core::Error::Io`] if it cannot be opened.
pub fn open_everything(serving: &Serving) -> Result<Arc<dyn Root>> {
    open_root(Path::new("/"), serving)
}

fn act_as(serving: &Serving) -> ActAs {
    ActAs::default().root(serving.act_as_root).sandboxed(serving.act_as_sandboxed)
}

/// A file of this user's own, opened to read it. What would keep whoever reads it waiting is opened
/// at once, and its content is refused later.
///
/// # Errors
/// What the system said.
pub fn open_own(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

/// Reads at the position `at` of a file without using the file's own. `Ok(0)` at its end.
///
/// # Errors
/// What the system said.
pub fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Where a program of .NET has the pipe `name`: at the socket `CoreFxPipe_NAME` in the temporary
/// directory, or at the path that an absolute `name` is. Source: .NET, `PipeStream.GetPipePath`.
///
/// # Errors
/// [`Error::InvalidEndpoint`] if it can be no pipe's name.
pub fn dotnet_endpoint(name: &str) -> Result<Endpoint> {
    let refuse = |reason: &str| {
        Err(Error::InvalidEndpoint { text: name.to_owned(), reason: reason.to_owned() })
    };
    if name.starts_with('/') {
        return Endpoint::with_scheme("unix", name);
    }
    if name.is_empty() || name.contains('/') {
        return refuse("the name of a pipe has no `/` in it, unless it is an absolute path");
    }
    let directory = env::var_os("TMPDIR").filter(|directory| !directory.is_empty());
    let place = directory.map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
    match place.join(format!("CoreFxPipe_{name}")).to_str() {
        Some(path) => Endpoint::with_scheme("unix", path),
        None => refuse("TMPDIR, the directory it would lie in, is no UTF-8"),
    }
}

/// The requests to stop that come to this process, Ctrl-C and `SIGTERM`, instead of their deadly
/// effect; and `SIGHUP`, if it is taken too.
#[derive(Debug)]
pub struct Signals(iterator::Signals);

impl Signals {
    /// Takes them from now on.
    ///
    /// # Errors
    /// What the system said.
    pub fn take() -> io::Result<Self> {
        iterator::Signals::new([SIGINT, SIGTERM]).map(Self)
    }

    /// Takes `SIGHUP` as well, for [`Asked::Reopen`].
    ///
    /// # Errors
    /// What the system said.
    pub fn take_reopen(&mut self) -> io::Result<()> {
        self.0.add_signal(SIGHUP)
    }

    /// Waits for the next one.
    pub fn wait(&mut self) -> Asked {
        match self.0.forever().next() {
            Some(SIGHUP) => Asked::Reopen,
            Some(SIGTERM) => Asked::Stop("SIGTERM"),
            _ => Asked::Stop("Ctrl-C"),
        }
    }
}

/// Lets this process open as many files and connections as it may ever, and tells how many that
/// is; `None`: without limit.
pub fn raise_descriptor_limit() -> Option<u64> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // A system may refuse what it promised (macOS, beyond its `OPEN_MAX`): then the limit stays.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    getrlimit(Resource::Nofile).current
}

/// Asks a child to finish what it is doing and end.
///
/// # Errors
/// What the system said.
pub fn ask_to_stop(child: &Child) -> io::Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    Ok(kill_process(pid, Signal::TERM)?)
}

/// Makes a symbolic link at `path` that leads to `to`.
///
/// # Errors
/// What the system said.
pub fn make_link(to: &Path, path: &Path) -> io::Result<()> {
    unix::fs::symlink(to, path)
}

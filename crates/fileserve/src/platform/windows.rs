//! Windows: named pipes, files below a directory's handle, the console's events.
#![allow(clippy::disallowed_methods, reason = "files of the client's own")]

use std::env;
use std::fs::{self, File};
use std::io;
use std::os::windows::fs::{FileExt as _, symlink_dir, symlink_file};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;

use ipc_core::files::Root;
use ipc_core::{Endpoint, Error, Operation, Policy, Result, Transport};
pub use ipc_windows::WindowsAccounts as Accounts;
pub use ipc_windows::files::metadata;
pub use ipc_windows::regular_file;
use ipc_windows::{Acl, Group, PipeTransport, WindowsRoot, process};

use super::{Asked, Mechanism, Serving};

pub(super) mod cast;
mod directory;
mod log;
mod paths;
mod stream;
pub mod words;

pub(crate) use directory::{Directory, Kind};
pub use log::{can_make_files_in, is_same_file, open_log};
pub use paths::{from_top, is_from_top, wire_path};
pub use stream::Stream;

/// This system's own transport, for a client.
#[must_use]
pub fn transport() -> Arc<dyn Transport> {
    Arc::new(PipeTransport::new())
}

/// This system's own transport, for a client that passes open handles.
#[must_use]
pub fn passing_transport() -> Arc<dyn Transport> {
    Arc::new(PipeTransport::new().pass_handles(true))
}

/// This system's own transport, for a server. Whom it admits can reach the pipe, and nobody else.
///
/// # Errors
/// [`Error::InvalidInput`] for what only Unix has.
pub fn server_transport(serving: &Serving) -> Result<Arc<dyn Transport>> {
    let refuse = |reason: &str| Err(Error::InvalidInput { reason: reason.to_owned() });
    if serving.socket_mode.is_some() {
        return refuse("a pipe has no mode: `--allow` says who can reach it");
    }
    if serving.act_as_root || serving.act_as_sandboxed {
        return refuse("`--allow uid:0` and `--allow sandboxed` are about clients on Linux");
    }
    let admits = serving.admits.clone().unwrap_or_else(Policy::same_user);
    let acl = Acl::owner().allow_this_user();
    let acl = match admits.candidates() {
        None => acl.allow(Group::Everyone),
        Some(candidates) => candidates
            .iter()
            .filter_map(Policy::as_sid)
            .fold(acl, |acl, sid| acl.allow_sid(sid.clone())),
    };
    Ok(Arc::new(PipeTransport::new().security(acl).pass_handles(serving.handles)))
}

/// A file of this user's own, opened to read it.
///
/// # Errors
/// What the system said.
pub fn open_own(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Reads at the position `at` of a file. `Ok(0)` at its end.
///
/// # Errors
/// What the system said.
pub fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    file.seek_read(buffer, at)
}

/// Refuses, for a pipe has no group.
///
/// # Errors
/// [`Error::InvalidInput`].
pub fn socket_group(_text: &str) -> Result<u32> {
    let reason = "a pipe has no group: `--allow` says who can reach it".to_owned();
    Err(Error::InvalidInput { reason })
}

/// What keeps clients from `endpoint` that the server would admit: nothing does.
#[must_use]
pub fn whom_it_reaches(_serving: &Serving, _endpoint: &Endpoint) -> &'static str {
    ""
}

/// As whom a server that can act as clients opens files.
#[must_use]
pub fn as_whom() -> &'static str {
    if ipc_windows::can_run_as_others() {
        "each file as the client who asks, with that token's rights and no others"
    } else {
        "each file as the client who asks; without SeImpersonatePrivilege that is only this user, \
         and any other is refused"
    }
}

/// What becomes of clients in a sandbox: a token carries it.
#[must_use]
pub fn sandboxes(_serving: &Serving) -> Option<&'static str> {
    None
}

/// Makes this process that of another user: a service's account says that here.
///
/// # Errors
/// Always.
pub fn keep_only_switching(_user: &str) -> io::Result<()> {
    let text = "a process does not change its user here: run it as a service under an account that \
                has SeImpersonatePrivilege and little else";
    Err(io::Error::new(io::ErrorKind::Unsupported, text))
}

/// Fences this process in: there is nothing of the kind here.
///
/// # Errors
/// Always.
pub fn fence_in(_root: Option<&Path>, _logs: &[&Path], _endpoint: &Endpoint) -> io::Result<String> {
    let text = "this system has no Landlock; only Linux has";
    Err(io::Error::new(io::ErrorKind::Unsupported, text))
}

/// How such a server opens files with a client's rights, where it has more than one way: a thread
/// always becomes the client here.
///
/// # Errors
/// [`Error::Unsupported`]: it was asked for another.
pub fn opens_by(serving: &Serving) -> Result<Option<String>> {
    match serving.mechanism {
        Mechanism::Auto | Mechanism::Thread => Ok(None),
        Mechanism::Request => Err(Error::Unsupported { operation: Operation::Open }),
    }
}

/// The directory `directory` as a root below which files are served.
///
/// # Errors
/// [`ipc_core::Error::Io`] if it cannot be opened.
pub fn open_root(directory: &Path, _serving: &Serving) -> Result<Arc<dyn Root>> {
    Ok(Arc::new(WindowsRoot::open_dir(directory)?))
}

/// Every file of this system as a root: what travels is a path that begins with a drive.
///
/// # Errors
/// [`ipc_core::Error::Io`] if there is no drive that can be opened.
pub fn open_everything(_serving: &Serving) -> Result<Arc<dyn Root>> {
    Ok(Arc::new(WindowsRoot::all_drives()?))
}

/// Where a program of .NET has the pipe `name`. Source: .NET, `PipeStream.GetPipePath`.
///
/// # Errors
/// [`Error::InvalidEndpoint`](ipc_core::Error::InvalidEndpoint) if it can be no pipe's name.
pub fn dotnet_endpoint(name: &str) -> Result<Endpoint> {
    Endpoint::with_scheme("pipe", name)
}

/// The requests to stop that come to this process, Ctrl-C, Ctrl-Break and the end of its console,
/// instead of their deadly effect.
#[derive(Debug)]
pub struct Signals(process::StopRequests);

impl Signals {
    /// Takes them from now on.
    ///
    /// # Errors
    /// What the system said.
    pub fn take() -> io::Result<Self> {
        process::StopRequests::take().map(Self)
    }

    /// Takes [`Asked::Reopen`] as well, of which there is none here.
    ///
    /// # Errors
    /// None here.
    pub fn take_reopen(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Waits for the next one.
    pub fn wait(&mut self) -> Asked {
        Asked::Stop(self.0.wait())
    }
}

/// Lets this process open as many files and connections as it may ever, and tells how many that
/// is; `None`: without limit.
pub fn raise_descriptor_limit() -> Option<u64> {
    None
}

/// Asks a child, which takes [`Signals`], to finish what it is doing and end.
///
/// # Errors
/// What the system said.
pub fn ask_to_stop(child: &Child) -> io::Result<()> {
    process::ask_to_stop(child)
}

/// The number that the system knows this thread by, where it has one.
#[must_use]
pub fn thread_id() -> Option<u32> {
    Some(process::thread_id())
}

/// This program, by its path.
///
/// # Errors
/// What the system said.
pub fn this_program() -> io::Result<PathBuf> {
    env::current_exe()
}

/// Makes a symbolic link at `path` that leads to `to`, which takes a right that few have.
///
/// # Errors
/// What the system said.
pub fn make_link(to: &Path, path: &Path) -> io::Result<()> {
    let is_directory = path.parent().is_some_and(|parent| parent.join(to).is_dir());
    let made = if is_directory { symlink_dir(to, path) } else { symlink_file(to, path) };
    made?;
    // Wine, up to version 8 at least, says that it has made one and has not.
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, "this system makes no links")),
    }
}

//! Windows: named pipes, files below a directory's handle, the console's events.
#![allow(clippy::disallowed_methods, reason = "files of the client's own")]

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::windows::fs::{symlink_dir, symlink_file};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;

use ipc_core::files::Root;
use ipc_core::{Endpoint, Error, Operation, Result, Transport};
use ipc_windows::{PipeTransport, WindowsRoot, console};

use super::{Mechanism, Serving};

pub(super) mod cast;
mod directory;
mod stream;

pub(crate) use directory::{Directory, Kind};
pub use stream::Stream;

/// This system's own transport, for a client.
#[must_use]
pub fn transport() -> Arc<dyn Transport> {
    Arc::new(PipeTransport::new())
}

/// This system's own transport, for a server.
#[must_use]
pub fn server_transport(_serving: Serving) -> Arc<dyn Transport> {
    Arc::new(PipeTransport::new())
}

/// How such a server opens files with a client's rights, where it has more than one way: a thread
/// always becomes the client here.
///
/// # Errors
/// [`Error::Unsupported`]: it was asked for another.
pub fn opens_by(serving: Serving) -> Result<Option<String>> {
    match serving.mechanism {
        Mechanism::Auto | Mechanism::Thread => Ok(None),
        Mechanism::Request => Err(Error::Unsupported { operation: Operation::Open }),
    }
}

/// The directory `directory` as a root below which files are served.
///
/// # Errors
/// [`ipc_core::Error::Io`] if it cannot be opened.
pub fn open_root(directory: &Path) -> Result<Arc<dyn Root>> {
    Ok(Arc::new(WindowsRoot::open_dir(directory)?))
}

/// Every file of this system as a root: what travels is a path that begins with a drive.
///
/// # Errors
/// [`ipc_core::Error::Io`] if there is no drive that can be opened.
pub fn open_everything() -> Result<Arc<dyn Root>> {
    Ok(Arc::new(WindowsRoot::all_drives()?))
}

/// Whether what a person typed names a file from the top of a system, as it travels: `/C:/notes.txt`.
#[must_use]
pub fn is_absolute(typed: &OsStr) -> bool {
    matches!(typed.as_encoded_bytes(), [b'/', letter, b':', ..] if letter.is_ascii_alphabetic())
}

/// A path of this system as it travels: in UTF-8, with `/` between names, and a drive as the first of
/// them. `None` for one that cannot travel.
#[must_use]
pub fn wire_path(path: &OsStr) -> Option<Vec<u8>> {
    let path = path.to_str()?.replace('\\', "/");
    let path = path.strip_prefix("//?/").unwrap_or(&path);
    let has_drive = matches!(path.as_bytes(), [letter, b':', b'/', ..] | [letter, b':'] if letter.is_ascii_alphabetic());
    Some(if has_drive { format!("/{path}") } else { path.to_owned() }.into_bytes())
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
pub struct Signals(console::StopRequests);

impl Signals {
    /// Takes them from now on.
    ///
    /// # Errors
    /// What the system said.
    pub fn take() -> io::Result<Self> {
        console::StopRequests::take().map(Self)
    }

    /// Waits for the next one, and names it.
    pub fn wait(&mut self) -> &'static str {
        self.0.wait()
    }
}

/// Lets this process open as many files and connections as it may ever, and tells how many that
/// is; `None`: without limit.
pub fn raise_descriptor_limit() -> Option<u64> {
    None
}

/// Has what `command` starts be such that it can be asked to stop.
pub fn stoppable(command: &mut Command) {
    console::stoppable(command);
}

/// Asks a child, which was started [`stoppable`], to finish what it is doing and end.
///
/// # Errors
/// What the system said.
pub fn ask_to_stop(child: &Child) -> io::Result<()> {
    console::ask_to_stop(child)
}

/// The number that the system knows this thread by, where it has one.
#[must_use]
pub fn thread_id() -> Option<u32> {
    Some(console::thread_id())
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
    if is_directory { symlink_dir(to, path) } else { symlink_file(to, path) }
}

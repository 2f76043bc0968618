//! A socket's name in the file system, from taking it to freeing it.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use ipc_core::{Endpoint, Error, Operation, Result};
use parking_lot::Mutex;

use super::lock::Lock;
use crate::sys::Errno;
use crate::sys::directory::{self, FileIdentity, ObjectKind, Status};
use crate::sys::socket::{self, Kind, SocketAddress};

/// A name that this process holds; dropping it frees the name.
#[derive(Debug)]
pub(super) struct HeldName {
    endpoint: Endpoint,
    directory: OwnedFd,
    socket_name: PathBuf,
    lock_name: PathBuf,
    lock: Lock,
    /// The socket file that is bound, once there is one and until it was removed.
    bound: Mutex<Option<FileIdentity>>,
}

impl HeldName {
    /// Takes the name `path`: checks its directory, locks it, and removes the socket file that a
    /// server left when it died.
    ///
    /// # Errors
    /// `EndpointInUse`, `EndpointUnsafe`.
    pub(super) fn take(path: &Path, endpoint: &Endpoint) -> Result<Self> {
        let failed = |error: Errno| Error::io(Operation::Bind, endpoint, error.into());
        let parent = path.parent().unwrap_or(Path::new("/"));
        let socket_name = PathBuf::from(path.file_name().unwrap_or_default());
        let lock_name = PathBuf::from(with_suffix(&socket_name));
        let directory = directory::open_directory(parent, true).map_err(failed)?;
        let status = directory::status(directory.as_fd()).map_err(failed)?;
        check_directory(parent, &status, endpoint)?;
        let lock = Lock::take(directory.as_fd(), &lock_name, endpoint)?;
        let bound = Mutex::new(None);
        let held =
            Self { endpoint: endpoint.clone(), directory, socket_name, lock_name, lock, bound };
        held.remove_stale(path)?;
        Ok(held)
    }

    /// Notes the file that was just bound as ours.
    ///
    /// # Errors
    /// `EndpointUnsafe` if something else than our socket lies there.
    pub(super) fn adopt(&self) -> Result<()> {
        let status = self.socket_status()?;
        let (uid, _) = directory::own_ids();
        match status {
            Some(status) if status.kind == ObjectKind::Socket && status.owner == uid => {
                *self.bound.lock() = Some(status.identity);
                Ok(())
            }
            _ => Err(self.refuse("was replaced while it was being bound")),
        }
    }

    /// Gives the bound file to the group `gid`: before its group gets any right to it.
    pub(super) fn set_group(&self, gid: u32) -> Result<()> {
        if self.socket_status()?.is_some_and(|status| status.group == gid) {
            return Ok(());
        }
        directory::change_group(self.directory.as_fd(), &self.socket_name, gid).map_err(|error| {
            let reason = match error {
                Errno::PERM => ", which takes a member of that group, or privilege",
                _ => "",
            };
            let reason = format!("cannot give the socket to the group {gid}{reason}: {error}");
            let source = io::Error::new(io::Error::from(error).kind(), reason);
            Error::io(Operation::Bind, &self.endpoint, source)
        })
    }

    /// Gives the bound file exactly `mode`: binding takes away what the umask says, and on some
    /// systems the mode cannot be given before.
    pub(super) fn set_mode(&self, mode: u32) -> Result<()> {
        if self.socket_status()?.is_some_and(|status| status.mode & 0o777 == mode) {
            return Ok(());
        }
        directory::change_mode(self.directory.as_fd(), &self.socket_name, mode)
            .map_err(|error| Error::io(Operation::Bind, &self.endpoint, error.into()))
    }

    /// Removes the bound file, so that peers find nobody. The name stays held.
    pub(super) fn remove_socket(&self) {
        let Some(bound) = self.bound.lock().take() else { return };
        let there = directory::status_of_name(self.directory.as_fd(), &self.socket_name);
        if there.is_ok_and(|there| there.identity == bound) {
            // Fails only if somebody else was faster.
            let _ = directory::remove(self.directory.as_fd(), &self.socket_name);
        }
    }

    /// Only under the lock is a file left there stale by definition, and even so only if nobody
    /// answers: a program that knows nothing of the lock may serve it.
    fn remove_stale(&self, path: &Path) -> Result<()> {
        let Some(status) = self.socket_status()? else { return Ok(()) };
        let (uid, _) = directory::own_ids();
        match status.kind {
            ObjectKind::Socket if status.owner == uid => {}
            ObjectKind::Socket => {
                return Err(self.refuse(&format!("is a socket of uid {}; remove it", status.owner)));
            }
            ObjectKind::Link => return Err(self.refuse("is a symbolic link; remove it")),
            _ => return Err(self.refuse("is no socket; move it away or bind elsewhere")),
        }
        if somebody_answers(path) {
            let holder = Some("a program that does not lock its name".to_owned());
            return Err(Error::EndpointInUse { endpoint: self.endpoint.clone(), holder });
        }
        let there = self.socket_status()?;
        if there.is_some_and(|there| there.identity == status.identity) {
            directory::remove(self.directory.as_fd(), &self.socket_name)
                .map_err(|error| Error::io(Operation::Bind, &self.endpoint, error.into()))?;
        }
        Ok(())
    }

    fn socket_status(&self) -> Result<Option<Status>> {
        match directory::status_of_name(self.directory.as_fd(), &self.socket_name) {
            Ok(status) => Ok(Some(status)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(Error::io(Operation::Bind, &self.endpoint, error.into())),
        }
    }

    fn refuse(&self, fault: &str) -> Error {
        let reason = format!("`{}` {fault}", self.socket_name.display());
        Error::EndpointUnsafe { endpoint: self.endpoint.clone(), reason }
    }
}

impl Drop for HeldName {
    fn drop(&mut self) {
        self.remove_socket();
        self.lock.remove(self.directory.as_fd(), &self.lock_name);
    }
}

/// A connection that is refused is the only proof that nobody listens: a listener with a full
/// backlog, of another kind or without the right to be connected to answers otherwise. (Linux;
/// elsewhere a full backlog refuses, too.)
fn somebody_answers(path: &Path) -> bool {
    let refused = SocketAddress::path(path).and_then(|address| {
        let probe = socket::socket(Kind::Stream)?;
        socket::connect_at_once(probe.as_fd(), &address)
    });
    refused != Err(Errno::CONNREFUSED)
}

/// Whoever may write a directory may replace what lies in it, unless it is sticky. Group members
/// are trusted if the group is this process's own, as it is with one group for each user.
fn check_directory(path: &Path, status: &Status, endpoint: &Endpoint) -> Result<()> {
    let (uid, gid) = directory::own_ids();
    let sticky = status.mode & 0o1000 != 0;
    let fault = if status.owner != uid && status.owner != 0 {
        format!("belongs to uid {}, who could replace the socket", status.owner)
    } else if status.mode & 0o002 != 0 && !sticky {
        format!("may be written by everybody (mode {:o})", status.mode)
    } else if status.mode & 0o020 != 0 && status.group != gid && !sticky {
        format!("may be written by the group {} (mode {:o})", status.group, status.mode)
    } else {
        return Ok(());
    };
    let reason = format!("the directory `{}` {fault}; bind in one of your own", path.display());
    Err(Error::EndpointUnsafe { endpoint: endpoint.clone(), reason })
}

/// The lock of the socket `path`, which lies beside it.
pub(crate) fn lock_beside(path: &Path) -> PathBuf {
    let name = PathBuf::from(path.file_name().unwrap_or_default());
    path.with_file_name(with_suffix(&name))
}

fn with_suffix(name: &Path) -> OsString {
    let mut name = OsString::from(name);
    name.push(".lock");
    name
}

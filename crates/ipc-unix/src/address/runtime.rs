//! The directories in which bare names lie.

use std::ffi::OsString;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use ipc_core::{Endpoint, Error, Operation, Result};

use crate::sys::Errno;
use crate::sys::directory::{self, ObjectKind, SYSTEM_RUNTIME, Status};

/// A directory for the sockets of one user's servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RuntimeDirectory {
    path: PathBuf,
    owner: u32,
    /// The mode it is made with. Bits that it lacks must be lacking when it is found, too.
    mode: u32,
}

impl RuntimeDirectory {
    /// Where this process binds bare names.
    pub(crate) fn own() -> Self {
        let (uid, _) = directory::own_ids();
        Self::of(uid, std::env::var_os("XDG_RUNTIME_DIR"), &std::env::temp_dir())
    }

    /// Where root's servers bind bare names.
    pub(crate) fn system() -> Self {
        Self { path: SYSTEM_RUNTIME.into(), owner: 0, mode: 0o755 }
    }

    /// Source: XDG Base Directory Specification, «All paths … must be absolute», else ignored.
    fn of(uid: u32, runtime: Option<OsString>, temporary: &Path) -> Self {
        if uid == 0 {
            return Self::system();
        }
        let path = match runtime.map(PathBuf::from).filter(|path| path.is_absolute()) {
            Some(runtime) => runtime.join("ipc"),
            None => temporary.join(format!("ipc-{uid}")),
        };
        Self { path, owner: uid, mode: 0o700 }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the directory if it is missing, and checks it.
    pub(crate) fn make(&self, endpoint: &Endpoint) -> Result<()> {
        match directory::make_directory(&self.path, self.mode) {
            Ok(()) => self.widen(endpoint)?,
            Err(Errno::EXIST) => {}
            Err(error) => return Err(self.failed(endpoint, Operation::Bind, error)),
        }
        match self.check(endpoint, Operation::Bind)? {
            true => Ok(()),
            false => Err(self.failed(endpoint, Operation::Bind, Errno::NOENT)),
        }
    }

    /// `false` if the directory is missing.
    ///
    /// # Errors
    /// `EndpointUnsafe` if somebody else could put a socket there.
    pub(crate) fn check(&self, endpoint: &Endpoint, operation: Operation) -> Result<bool> {
        let refuse = |why: &str| {
            Err(Error::EndpointUnsafe {
                endpoint: endpoint.clone(),
                reason: format!("the directory `{}` {why}", self.path.display()),
            })
        };
        let opened = match directory::open_directory(&self.path, false) {
            Ok(opened) => opened,
            Err(Errno::NOENT) => return Ok(false),
            Err(Errno::LOOP | Errno::NOTDIR) => {
                return refuse("is a symbolic link or no directory; remove it");
            }
            Err(error) => return Err(self.failed(endpoint, operation, error)),
        };
        let status = directory::status(opened.as_fd())
            .map_err(|error| self.failed(endpoint, operation, error))?;
        match self.fault(&status) {
            None => Ok(true),
            Some(fault) => refuse(&fault),
        }
    }

    fn fault(&self, status: &Status) -> Option<String> {
        if status.kind != ObjectKind::Directory {
            return Some("is no directory".to_owned());
        }
        if status.owner != self.owner {
            return Some(format!("belongs to uid {} instead of {}", status.owner, self.owner));
        }
        let surplus = status.mode & 0o777 & !self.mode;
        (surplus != 0)
            .then(|| format!("has mode {:o}; set it to {:o}", status.mode & 0o777, self.mode))
    }

    /// The process's umask may have taken away what clients of other users need.
    fn widen(&self, endpoint: &Endpoint) -> Result<()> {
        let parent = self.path.parent().unwrap_or(Path::new("/"));
        let name = Path::new(self.path.file_name().unwrap_or_default());
        directory::open_directory(parent, true)
            .and_then(|parent| directory::change_mode(parent.as_fd(), name, self.mode))
            .map_err(|error| self.failed(endpoint, Operation::Bind, error))
    }

    fn failed(&self, endpoint: &Endpoint, operation: Operation, error: Errno) -> Error {
        let source = std::io::Error::from(error);
        let at = format!("{endpoint}, in the directory {}", self.path.display());
        Error::Io { operation, at: Some(at), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn own_in(place: &Path) -> RuntimeDirectory {
        let (uid, _) = directory::own_ids();
        RuntimeDirectory { path: place.join("ipc"), owner: uid, mode: 0o700 }
    }

    fn endpoint() -> Endpoint {
        "files".parse().expect("a name")
    }

    #[test]
    fn root_ignores_the_environment_and_others_use_it() {
        let of = |uid, runtime: Option<&str>| {
            RuntimeDirectory::of(uid, runtime.map(OsString::from), Path::new("/tmp")).path
        };
        assert_eq!(of(0, Some("/run/user/0")), Path::new(SYSTEM_RUNTIME));
        assert_eq!(of(7, Some("/run/user/7")), Path::new("/run/user/7/ipc"));
        assert_eq!(of(7, None), Path::new("/tmp/ipc-7"));
        assert_eq!(of(7, Some("relative")), Path::new("/tmp/ipc-7"));
        assert_eq!(of(7, Some("")), Path::new("/tmp/ipc-7"));
    }

    #[test]
    fn a_missing_directory_is_made_private() {
        let place = tempfile::tempdir().expect("a directory");
        let own = own_in(place.path());
        assert!(!own.check(&endpoint(), Operation::Connect).expect("answers"));
        own.make(&endpoint()).expect("made");
        own.make(&endpoint()).expect("found");
        let mode = fs::metadata(own.path()).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn t08_a_directory_that_others_could_use_is_refused_by_name() {
        let place = tempfile::tempdir().expect("a directory");
        let own = own_in(place.path());
        let refusal = || own.make(&endpoint()).expect_err("unsafe").to_string();

        fs::create_dir(own.path()).expect("made");
        fs::set_permissions(own.path(), fs::Permissions::from_mode(0o777)).expect("changed");
        let said = refusal();
        assert!(said.contains("777") && said.contains(&*own.path().to_string_lossy()), "{said}");

        let stranger = RuntimeDirectory { owner: own.owner + 1, ..own.clone() };
        let said = stranger.make(&endpoint()).expect_err("foreign").to_string();
        assert!(said.contains("belongs to uid"), "{said}");

        fs::remove_dir(own.path()).expect("removed");
        symlink("/", own.path()).expect("linked");
        let said = refusal();
        assert!(said.contains("symbolic link"), "{said}");
    }
}

//! The lock that a listener holds on its name for life.
//!
//! A socket file cannot be locked and outlives its server, and asking whether somebody answers at
//! it, removing it and binding again is a race: of four servers that start at once several come to
//! believe that they listen. So beside `NAME` lies `NAME.lock`, and whoever has locked it owns the
//! name. The file holds the owner's process id, for the one who comes too late.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use ipc_core::{Endpoint, Error, Operation, Result};

use crate::sys::Errno;
use crate::sys::directory::{self, ObjectKind, Status};

/// A lock file that this process has locked.
#[derive(Debug)]
pub(super) struct Lock {
    file: OwnedFd,
}

impl Lock {
    /// Locks `name`, making it if it is missing.
    ///
    /// # Errors
    /// `EndpointInUse` with its holder if another process of this user or of root has locked it;
    /// `EndpointUnsafe` if it is not a plain file of this user.
    pub(super) fn take(
        directory: BorrowedFd<'_>,
        name: &Path,
        endpoint: &Endpoint,
    ) -> Result<Self> {
        loop {
            let file = open(directory, name, endpoint)?;
            let failed = |error: Errno| Error::io(Operation::Bind, endpoint, error.into());
            let status = directory::status(file.as_fd()).map_err(failed)?;
            let is_ours = check(&status, name, endpoint);
            if !directory::try_lock(file.as_fd()).map_err(failed)? {
                // A stranger's lock holds no server, and its text is not to be believed.
                if status.owner != ROOT {
                    is_ours?;
                }
                return Err(in_use(endpoint, Some(holder(file.as_fd(), &status))));
            }
            is_ours?;
            // Whoever held it before may have removed it between our opening and our locking; then
            // this is the lock of nothing.
            let current = directory::status_of_name(directory, name);
            if current.is_ok_and(|current| current.identity == status.identity) {
                let text = format!("{}\n", std::process::id());
                directory::write_small(file.as_fd(), text.as_bytes()).map_err(failed)?;
                return Ok(Self { file });
            }
        }
    }

    /// Removes the file while it is still locked, so that whoever opened it before finds out.
    pub(super) fn remove(&self, directory: BorrowedFd<'_>, name: &Path) {
        let ours = directory::status(self.file.as_fd());
        let there = directory::status_of_name(directory, name);
        if let (Ok(ours), Ok(there)) = (ours, there) {
            if ours.identity == there.identity {
                // Without the right to remove it, it stays: unlocked, it harms nobody.
                let _ = directory::remove(directory, name);
            }
        }
    }
}

fn open(directory: BorrowedFd<'_>, name: &Path, endpoint: &Endpoint) -> Result<OwnedFd> {
    directory::open_lock(directory, name).map_err(|error| match error {
        Errno::LOOP => unsafe_name(endpoint, name, "is a symbolic link; remove it"),
        Errno::ISDIR => unsafe_name(endpoint, name, "is a directory; remove it"),
        error @ (Errno::ACCESS | Errno::PERM) => closed(directory, name, endpoint, error),
        error => Error::io(Operation::Bind, endpoint, error.into()),
    })
}

/// Why the file does not open for this user. Root may have the name; whoever else has put a file
/// there need not serve anything.
fn closed(directory: BorrowedFd<'_>, name: &Path, endpoint: &Endpoint, error: Errno) -> Error {
    let status = directory::status_of_name(directory, name);
    match status.map(|status| (status.owner, check(&status, name, endpoint))) {
        Ok((ROOT, Err(_))) => in_use(endpoint, Some("another user".to_owned())),
        Ok((_, Err(foreign))) => foreign,
        _ => Error::io(Operation::Bind, endpoint, error.into()),
    }
}

/// A file that another user owns, or that has a second name elsewhere, was put there by somebody
/// else: nothing may be written into it.
fn check(status: &Status, name: &Path, endpoint: &Endpoint) -> Result<()> {
    let (uid, _) = directory::own_ids();
    if status.kind != ObjectKind::Regular {
        return Err(unsafe_name(endpoint, name, "is no regular file; remove it"));
    }
    if status.owner != uid {
        let fault = format!("belongs to uid {}; remove it, or use another name", status.owner);
        return Err(unsafe_name(endpoint, name, &fault));
    }
    if status.links > 1 {
        return Err(unsafe_name(endpoint, name, "has a second name elsewhere; remove it"));
    }
    Ok(())
}

/// Says who has locked `file`. Between locking it and writing its process id, the holder leaves it
/// empty or with the id of one that has died: then look again, for up to a second.
fn holder(file: BorrowedFd<'_>, status: &Status) -> String {
    let until = Instant::now() + PATIENCE;
    loop {
        let text = directory::read_small(file).unwrap_or_default();
        let pid = std::str::from_utf8(&text).ok().and_then(|text| text.trim_end().parse().ok());
        if let Some(pid) = pid.filter(|pid| directory::process_exists(*pid)) {
            return format!("process {pid}");
        }
        if Instant::now() >= until {
            return format!("a process of uid {} that has not said which", status.owner);
        }
        thread::sleep(PAUSE);
    }
}

/// Source: credentials(7).
const ROOT: u32 = 0;

const PATIENCE: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(5);

fn in_use(endpoint: &Endpoint, holder: Option<String>) -> Error {
    Error::EndpointInUse { endpoint: endpoint.clone(), holder }
}

fn unsafe_name(endpoint: &Endpoint, name: &Path, fault: &str) -> Error {
    let reason = format!("the lock file `{}` {fault}", name.display());
    Error::EndpointUnsafe { endpoint: endpoint.clone(), reason }
}

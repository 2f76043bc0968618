//! The start-up self-test: does the kernel decide requests with the credentials that were registered?

use std::collections::hash_map::RandomState;
use std::fs::{self, Permissions};
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::{env, thread};

use ipc_core::Error;
use ipc_core::files::{RelativePath, ResolveRules};
use ipc_core::peer::UnixIdentity;

use crate::switch::rehearse;
use crate::sys::ring::ThreadRing;
use crate::sys::walk::Wanted;
use crate::sys::{Errno, directory};

/// Whether files can be opened by request here, or why not. Found out once, on a thread of its own.
pub(crate) fn available() -> Result<(), &'static str> {
    static OUTCOME: OnceLock<Result<(), String>> = OnceLock::new();
    OUTCOME.get_or_init(try_out).as_ref().copied().map_err(String::as_str)
}

/// A user that nobody is makes a file and is registered, this process makes another, and one is
/// opened by request and the other is not.
pub(super) fn try_out() -> Result<(), String> {
    let thread = thread::Builder::new().name("ipc self-test".to_owned());
    let thread = thread.spawn(try_out_here).map_err(|error| format!("no thread: {error}"))?;
    thread.join().unwrap_or_else(|_| Err("the self-test panicked".to_owned()))
}

fn try_out_here() -> Result<(), String> {
    let nobody = somebody_else();
    // Before anything is made: where this process cannot switch, that is the reason.
    rehearse(&nobody, || ()).map_err(|error| explain_refusal(&error))?;
    let ring = ThreadRing::new().map_err(|error| explain(&error))?;
    let place = Place::make().map_err(|error| format!("no place for a self-test: {error}"))?;
    let (registration, made) = rehearse(&nobody, || (ring.register(), place.put(THEIRS)))
        .map_err(|error| explain_refusal(&error))?;
    let registration = registration.map_err(|error| format!("registering failed: {error}"))?;
    made.and_then(|()| place.put(OURS)).map_err(|error| format!("no file to try: {error}"))?;
    let open = |name: &[u8]| {
        let path = RelativePath::new(name).map_err(|error| error.chain())?;
        let (root, rules) = (place.inner.as_fd(), ResolveRules::default());
        ring.open_below(&registration, root, &path, Wanted::Content, rules)
            .map_err(|error| format!("a request failed: {error}"))
    };
    match (open(THEIRS)?, open(OURS)?) {
        (Ok(_), Err(Errno::ACCESS)) => Ok(()),
        (Err(error), _) => Err(format!("what the registered user may open was refused: {error}")),
        (_, Ok(_)) => Err("what the registered user may not open was opened".to_owned()),
        (_, Err(error)) => Err(format!("a refusal had the wrong reason: {error}")),
    }
}

/// Ids that are neither this process's nor those that stand for ids without a name.
fn somebody_else() -> UnixIdentity {
    let (own, _) = directory::own_ids();
    let id = if own == SOMEBODY { SOMEBODY - 1 } else { SOMEBODY };
    UnixIdentity { uid: id, gid: id, groups: Some(Vec::new()) }
}

fn explain_refusal(error: &Error) -> String {
    match error {
        Error::NotPrivileged { .. } => {
            "this process may not become other users: it lacks CAP_SETUID and CAP_SETGID".to_owned()
        }
        error => error.chain(),
    }
}

fn explain(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            "io_uring is switched off (sysctl `kernel.io_uring_disabled`) or filtered".to_owned()
        }
        Some(libc::ENOSYS) => "this kernel has no io_uring, or a filter hides it".to_owned(),
        Some(libc::EINVAL) => {
            "this kernel's io_uring cannot be restricted (before Linux 5.10)".to_owned()
        }
        _ => format!("io_uring: {error}"),
    }
}

/// A directory in which everybody may make files and which nobody else can reach.
struct Place {
    outer: PathBuf,
    inner: OwnedFd,
}

impl Place {
    fn make() -> io::Result<Self> {
        let parents = [env::temp_dir(), "/dev/shm".into(), "/run".into()];
        let mut outcome = Err(io::ErrorKind::NotFound.into());
        for parent in parents {
            outcome = Self::make_in(&parent);
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    fn make_in(parent: &Path) -> io::Result<Self> {
        let number = RandomState::new().build_hasher().finish();
        let outer = parent.join(format!(".ipc-self-test-{number:016x}"));
        directory::make_directory(&outer, 0o700)?;
        let inner = outer.join("open to all");
        let opened = fs::create_dir(&inner)
            .and_then(|()| fs::set_permissions(&inner, Permissions::from_mode(0o777)))
            .and_then(|()| Ok(directory::open_directory(&inner, false)?));
        if opened.is_err() {
            let _ = fs::remove_dir_all(&outer);
        }
        Ok(Self { inner: opened?, outer })
    }

    /// Makes a file that is for this thread's user only.
    fn put(&self, name: &[u8]) -> io::Result<()> {
        Ok(directory::create(self.inner.as_fd(), name).map(drop)?)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.outer);
    }
}

const THEIRS: &[u8] = b"theirs";
const OURS: &[u8] = b"ours";

/// Below "nobody", with which it has nothing to do; within what containers commonly have.
const SOMEBODY: u32 = 65_533;

//! Looking at another process, with the rights of the thread that looks.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use ipc_core::peer::Namespace;

use crate::sys::{NamespaceKind, process};

/// The namespaces in which a process lives, compared with those of the asking thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Namespaces {
    pub(crate) user: Told,
    pub(crate) mount: Told,
}

/// What the kernel told about a namespace of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// It is this thread's own.
    Own,
    /// It is another.
    Other,
    /// This kernel cannot tell.
    Untellable,
    /// It does not tell this process.
    Denied,
    /// It could have told, and asking failed: the peer has ended, or the system ran out of
    /// something.
    Failed,
}

/// What is known of the program that a process runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) executable: Option<PathBuf>,
    pub(crate) no_new_privileges: Option<bool>,
}

/// In which namespaces `process` lives, which has that number if it has one here.
pub(crate) fn namespaces(process: BorrowedFd<'_>, pid: Option<u32>) -> Namespaces {
    let own = match process::this_thread() {
        Ok(own) => own,
        Err(error) => return Namespaces::both(Told::from_error(&error)),
    };
    let compare = |kind| compare(own.as_fd(), process, kind);
    let has_same_ids = || by_number(process, pid?, process::has_same_ids);
    let user = match compare(NamespaceKind::User) {
        // A process may hide it, and another user's always does; not so what ids mean there.
        Told::Denied if has_same_ids() == Some(false) => Told::Other,
        told => told,
    };
    Namespaces { user, mount: compare(NamespaceKind::Mount) }
}

/// The program that `process` runs, which has that number.
pub(crate) fn program(process: BorrowedFd<'_>, pid: u32) -> Program {
    Program {
        executable: by_number(process, pid, process::executable),
        no_new_privileges: by_number(process, pid, process::no_new_privileges),
    }
}

/// What `look` finds under the process's number, if the number was its own all the while.
fn by_number<T>(
    process: BorrowedFd<'_>,
    pid: u32,
    look: impl FnOnce(u32) -> Option<T>,
) -> Option<T> {
    look(pid).filter(|_| process::is_alive(process))
}

fn compare(own: BorrowedFd<'_>, peer: BorrowedFd<'_>, kind: NamespaceKind) -> Told {
    match (process::namespace(own, kind), process::namespace(peer, kind)) {
        (Ok(own), Ok(peer)) if own == peer => Told::Own,
        (Ok(_), Ok(_)) => Told::Other,
        (_, Err(error)) | (Err(error), _) => Told::from_error(&error),
    }
}

impl Namespaces {
    /// The same told of both.
    pub(crate) fn both(told: Told) -> Self {
        Self { user: told, mount: told }
    }
}

impl Told {
    pub(crate) fn from_error(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::ENOPROTOOPT | libc::ENOTTY | libc::EOPNOTSUPP | libc::ENOSYS) => {
                Self::Untellable
            }
            Some(libc::EACCES | libc::EPERM) => Self::Denied,
            None if error.kind() == io::ErrorKind::Unsupported => Self::Untellable,
            _ => Self::Failed,
        }
    }

    pub(crate) fn namespace(self) -> Option<Namespace> {
        match self {
            Self::Own => Some(Namespace::Own),
            Self::Other => Some(Namespace::Other),
            Self::Untellable | Self::Denied | Self::Failed => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use rustix::process::{Pid, PidfdFlags, pidfd_open};

    use super::*;

    #[test]
    fn what_is_found_under_a_number_counts_only_while_its_process_lives() {
        let mut child = Command::new("true").spawn().expect("starts");
        let process = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).expect("ours");
        child.wait().expect("ended");
        assert_eq!(by_number(process.as_fd(), child.id(), Some), None, "another may have it now");
        let this = pidfd_open(rustix::process::getpid(), PidfdFlags::empty()).expect("ours");
        assert_eq!(by_number(this.as_fd(), 7, Some), Some(7));
    }
}

//! What is looked up about a peer only when somebody asks.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, Weak};

use ipc_core::peer::{Confinement, Namespace, PeerFacts};

use crate::switch;
use crate::sys::{NamespaceKind, accounts, credentials, process};

/// The facts about one peer. They hold neither its socket open nor a descriptor of their own.
#[derive(Debug)]
pub(crate) struct Facts {
    uid: u32,
    pid: Option<u32>,
    process: Process,
    namespaces: OnceLock<Namespaces>,
}

/// By what the process is known.
#[derive(Debug)]
enum Process {
    /// It is at the other end of this socket. Only the socket tells it safely: by its pid it could
    /// be taken for another one that has it since.
    Peer(Weak<OwnedFd>),
    /// It is this one.
    This,
}

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

/// With whose rights is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AskedAs {
    /// The server's own.
    Server,
    /// The peer's: no better ones will come.
    Peer,
}

impl Facts {
    pub(super) fn of_peer(uid: u32, pid: Option<u32>, socket: &Arc<OwnedFd>) -> Self {
        Self::new(uid, pid, Process::Peer(Arc::downgrade(socket)))
    }

    pub(super) fn of_this_process(uid: u32, pid: Option<u32>) -> Self {
        Self::new(uid, pid, Process::This)
    }

    fn new(uid: u32, pid: Option<u32>, process: Process) -> Self {
        Self { uid, pid, process, namespaces: OnceLock::new() }
    }

    /// In which namespaces the peer lives. An answer that asking again cannot better is kept.
    pub(crate) fn residence(&self, asked: AskedAs) -> Namespaces {
        if let Some(known) = self.namespaces.get() {
            return *known;
        }
        let found = self.ask_namespaces();
        let may_change = |told| match told {
            Told::Own | Told::Other | Told::Untellable => false,
            Told::Denied => asked == AskedAs::Server,
            Told::Failed => true,
        };
        if !may_change(found.user) && !may_change(found.mount) {
            return *self.namespaces.get_or_init(|| found);
        }
        found
    }

    fn ask_namespaces(&self) -> Namespaces {
        let both = |told| Namespaces { user: told, mount: told };
        let own = match process::this_thread() {
            Ok(own) => own,
            Err(error) => return both(Told::from_error(&error)),
        };
        match self.process() {
            Ok(peer) => {
                let compare = |kind| compare(own.as_fd(), peer.as_fd(), kind);
                let user = match compare(NamespaceKind::User) {
                    // A process may hide it, and another user's always does; not so what ids mean
                    // there.
                    Told::Denied if self.by_number(process::has_same_ids) == Some(false) => {
                        Told::Other
                    }
                    told => told,
                };
                Namespaces { user, mount: compare(NamespaceKind::Mount) }
            }
            Err(error) => both(Told::from_error(&error)),
        }
    }

    /// A descriptor of the process itself.
    fn process(&self) -> io::Result<OwnedFd> {
        match &self.process {
            Process::This => process::this_thread(),
            Process::Peer(socket) => {
                let socket = socket.upgrade().ok_or(io::ErrorKind::NotConnected)?;
                credentials::process_of_peer(socket.as_fd())
            }
        }
    }

    /// What `look` finds under the process's number, if the number was its own all the while.
    pub(super) fn by_number<T>(&self, look: impl FnOnce(u32) -> Option<T>) -> Option<T> {
        let pid = self.pid?;
        let process = self.process().ok()?;
        look(pid).filter(|_| process::is_alive(process.as_fd()))
    }

    fn label(&self) -> Option<String> {
        match &self.process {
            Process::This => None,
            Process::Peer(socket) => credentials::label_of_peer(socket.upgrade()?.as_fd()),
        }
    }
}

fn compare(own: BorrowedFd<'_>, peer: BorrowedFd<'_>, kind: NamespaceKind) -> Told {
    match (process::namespace(own, kind), process::namespace(peer, kind)) {
        (Ok(own), Ok(peer)) if own == peer => Told::Own,
        (Ok(_), Ok(_)) => Told::Other,
        (_, Err(error)) | (Err(error), _) => Told::from_error(&error),
    }
}

impl Told {
    fn from_error(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::ENOPROTOOPT | libc::ENOTTY | libc::EOPNOTSUPP | libc::ENOSYS) => {
                Self::Untellable
            }
            Some(libc::EACCES | libc::EPERM) => Self::Denied,
            None if error.kind() == io::ErrorKind::Unsupported => Self::Untellable,
            _ => Self::Failed,
        }
    }

    fn namespace(self) -> Option<Namespace> {
        match self {
            Self::Own => Some(Namespace::Own),
            Self::Other => Some(Namespace::Other),
            Self::Untellable | Self::Denied | Self::Failed => None,
        }
    }
}

impl PeerFacts for Facts {
    /// Not while this thread acts as a peer: the look-up would load modules with that one's rights.
    fn account_name(&self) -> Option<String> {
        if switch::is_acting() {
            return None;
        }
        Some(accounts::account(self.uid).ok()??.name)
    }

    fn executable(&self) -> Option<PathBuf> {
        self.by_number(process::executable)
    }

    fn confinement(&self) -> Confinement {
        let Namespaces { user, mount } = self.residence(AskedAs::Server);
        let mut confinement = Confinement::default();
        confinement.user_namespace = user.namespace();
        confinement.mount_namespace = mount.namespace();
        confinement.cgroup =
            self.process().and_then(|own| process::control_group(own.as_fd())).ok();
        confinement.no_new_privileges = self.by_number(process::no_new_privileges);
        confinement.label = self.label();
        confinement
    }
}

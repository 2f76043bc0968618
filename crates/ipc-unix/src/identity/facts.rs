//! What is looked up about a peer only when somebody asks.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, Weak};

use ipc_core::peer::{Confinement, PeerFacts};

use super::look_up::{Namespaces, Program, Told};
use crate::sys::{accounts, credentials, process};
use crate::{outside, switch};

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
        match self.process() {
            Ok(process) => outside::namespaces(process.as_fd(), self.pid),
            Err(error) => Namespaces::both(Told::from_error(&error)),
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

    /// What is known of the program that the process runs.
    fn program(&self) -> Program {
        let process = self.pid.and_then(|pid| Some((self.process().ok()?, pid)));
        process
            .map_or_else(Program::default, |(process, pid)| outside::program(process.as_fd(), pid))
    }

    fn label(&self) -> Option<String> {
        match &self.process {
            Process::This => None,
            Process::Peer(socket) => credentials::label_of_peer(socket.upgrade()?.as_fd()),
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
        self.program().executable
    }

    fn confinement(&self) -> Confinement {
        let Namespaces { user, mount } = self.residence(AskedAs::Server);
        let mut confinement = Confinement::default();
        confinement.user_namespace = user.namespace();
        confinement.mount_namespace = mount.namespace();
        confinement.cgroup =
            self.process().and_then(|own| process::control_group(own.as_fd())).ok();
        confinement.no_new_privileges = self.program().no_new_privileges;
        confinement.label = self.label();
        confinement
    }
}

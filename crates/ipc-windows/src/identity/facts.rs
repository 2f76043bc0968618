//! What is looked up about a peer only when somebody asks.

use std::path::PathBuf;

use ipc_core::peer::{Confinement, PeerFacts, Sid};

use crate::switch;
use crate::sys::{account, process};

/// By what more about a peer is found.
#[derive(Debug)]
pub(super) struct Facts {
    user: Sid,
    pid: Option<u32>,
}

impl Facts {
    pub(super) fn new(user: Sid, pid: Option<u32>) -> Self {
        Self { user, pid }
    }
}

impl PeerFacts for Facts {
    /// Not while this thread acts as a peer: the look-up may load modules and ask a network, with
    /// that one's rights.
    fn account_name(&self) -> Option<String> {
        if switch::is_acting() { None } else { account::name_of(&self.user) }
    }

    /// By the process's number, so it may be that of another which has the number since.
    fn executable(&self) -> Option<PathBuf> {
        if switch::is_acting() { None } else { process::executable(self.pid?).ok() }
    }

    fn confinement(&self) -> Confinement {
        Confinement::default()
    }
}

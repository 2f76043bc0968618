//! What is looked up about a peer only when somebody asks.

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;

use ipc_core::peer::{Confinement, PeerFacts, Sid};

use crate::switch;
use crate::sys::token::Token;
use crate::sys::{account, process};

/// By what more about a peer is found.
#[derive(Debug)]
pub(super) struct Facts {
    user: Sid,
    pid: Option<u32>,
    token: Option<Arc<Token>>,
}

impl Facts {
    pub(super) fn new(user: Sid, pid: Option<u32>) -> Self {
        Self { user, pid, token: None }
    }

    /// Adds the token, of a client.
    pub(super) fn with_token(mut self, token: Arc<Token>) -> Self {
        self.token = Some(token);
        self
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

    /// The [`Token`] of a client, by which its rights to a file are judged.
    fn kept(&self) -> Option<&dyn Any> {
        self.token.as_deref().map(|token| token as &dyn Any)
    }
}

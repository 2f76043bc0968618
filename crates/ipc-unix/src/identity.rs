//! Who is at the other end of a socket, as the kernel recorded it when that end connected.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use ipc_core::peer::{Assurance, UnixIdentity};
use ipc_core::{Error, Identity, Operation, Peer, Result};

use crate::sys::{Credentials, credentials};

pub(crate) mod facts;
pub(crate) mod look_up;

use facts::Facts;

/// Whom a server may act as beyond those of whom the kernel says that they are what they seem; see
/// [`Connection::run_as_peer`](ipc_core::Connection::run_as_peer).
///
/// # Examples
/// ```
/// let settings = ipc_unix::ActAs::default().sandboxed(true);
/// assert_ne!(settings, ipc_unix::ActAs::default());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActAs {
    root: bool,
    sandboxed: bool,
}

impl ActAs {
    /// Sets whether any peer of uid 0 may be acted as, the root of a container too. Default: only
    /// one that provably lives in this process's own user and mount namespaces. It never brings its
    /// capabilities: it reads what root owns, not what root may override.
    #[must_use]
    pub fn root(mut self, allowed: bool) -> Self {
        self.root = allowed;
        self
    }

    /// Sets whether a peer in another user namespace may be acted as. Default: no, for acting as it
    /// leaves its sandbox: it gets what its user may read outside.
    #[must_use]
    pub fn sandboxed(mut self, allowed: bool) -> Self {
        self.sandboxed = allowed;
        self
    }

    pub(crate) fn is_root(&self) -> bool {
        self.root
    }

    pub(crate) fn is_sandboxed(&self) -> bool {
        self.sandboxed
    }
}

/// A peer, with what this crate can ask about it beyond what every transport tells.
#[derive(Clone, Debug)]
pub(crate) struct UnixPeer {
    peer: Peer,
    facts: Arc<Facts>,
}

impl UnixPeer {
    /// The peer as every transport shows it.
    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.facts
    }
}

/// The facts about the process at the other end of a connected socket. What costs more is asked for
/// later, through the socket, and no longer known once that is closed.
pub(crate) fn peer_of(socket: &Arc<OwnedFd>) -> Result<UnixPeer> {
    let failed = |source| Error::Io { operation: Operation::Identify, at: None, source };
    let Credentials { uid, gid, pid } = credentials::of_peer(socket.as_fd()).map_err(failed)?;
    if uid == u32::MAX || gid == u32::MAX {
        return Err(Error::IdentityUnknown {
            reason: "the socket has no other end whose credentials the kernel keeps".to_owned(),
        });
    }
    let groups = credentials::groups_of_peer(socket.as_fd()).map_err(failed)?.map(tidy);
    let facts = Arc::new(Facts::of_peer(uid, pid, socket));
    let identity = Identity::Unix(UnixIdentity { uid, gid, groups });
    let peer = Peer::new(Some(identity), Assurance::Kernel)
        .with_pid(pid)
        .with_facts(Arc::clone(&facts) as Arc<_>);
    Ok(UnixPeer { peer, facts })
}

/// This process as a peer would see it: its effective ids.
pub(crate) fn this_process() -> Result<Peer> {
    let failed = |source| Error::Io { operation: Operation::Identify, at: None, source };
    let (own, groups) = credentials::own().map_err(failed)?;
    let Credentials { uid, gid, pid } = own;
    let identity = Identity::Unix(UnixIdentity { uid, gid, groups: Some(tidy(groups)) });
    Ok(Peer::this_process(Some(identity)).with_facts(Arc::new(Facts::of_this_process(uid, pid))))
}

/// Whether this system tells this process in which namespaces a client lives, as far as it may look
/// at that client. Where it does not, a client in a user namespace of its own is not known to be
/// sandboxed, and is acted as.
///
/// # Platform differences
/// Linux since 6.11; `false` elsewhere.
#[must_use]
pub fn sees_namespaces() -> bool {
    let Ok((server, _client)) = UnixStream::pair() else { return false };
    let namespaces = peer_of(&Arc::new(server.into()))
        .map(|own| own.facts().residence(facts::AskedAs::Server))
        .map(|found| (found.user, found.mount));
    // Denied it is if this process hides itself, and a kernel that cannot tell would have said so.
    let can_tell = |told| matches!(told, look_up::Told::Own | look_up::Told::Denied);
    namespaces.is_ok_and(|(user, mount)| can_tell(user) && can_tell(mount))
}

fn tidy(mut groups: Vec<u32>) -> Vec<u32> {
    groups.sort_unstable();
    groups.dedup();
    groups
}

#[cfg(test)]
mod tests;

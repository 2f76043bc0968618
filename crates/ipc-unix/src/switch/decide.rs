//! Whether and how a thread may act as a peer: decided on facts alone, without a system call.

use ipc_core::peer::{Assurance, UnixIdentity};
use ipc_core::{Error, Identity, ImpersonationLevel, Operation, Peer, Result};

use super::guard::Change;
use super::thread::{Capabilities, Ids, ThreadState};
use crate::identity::ActAs;
use crate::identity::look_up::{Namespaces, Told};

/// The id of "nobody", which also stands for every id without a name in a user namespace unless the
/// system was told otherwise. Source: Linux `DEFAULT_OVERFLOWUID`.
pub(crate) const NOBODY: u32 = 65_534;

/// What the client granted must be `Impersonation`: less is too little, and `Delegation` means a
/// promise that a Unix socket cannot keep.
pub(super) fn level(granted: Option<ImpersonationLevel>) -> Result<()> {
    match granted {
        Some(ImpersonationLevel::Impersonation) => Ok(()),
        Some(ImpersonationLevel::Delegation) => {
            Err(Error::Unsupported { operation: Operation::RunAsPeer })
        }
        _ => Err(Error::LevelTooLow { needed: ImpersonationLevel::Impersonation, granted }),
    }
}

/// The ids to act with, if they are known and ids of somebody. `overflow` are the user and group
/// that this system shows for ids without a name.
pub(crate) fn identity(peer: &Peer, overflow: [u32; 2]) -> Result<&UnixIdentity> {
    let unknown = |reason: &str| Err(Error::IdentityUnknown { reason: reason.to_owned() });
    let ids = match (peer.identity(), peer.assurance()) {
        (Some(Identity::Unix(ids)), Assurance::Kernel) => ids,
        _ => return unknown("the kernel does not vouch for a user"),
    };
    let Some(groups) = &ids.groups else {
        return unknown("the system does not tell all of its groups");
    };
    let [overflow_uid, overflow_gid] = overflow;
    refuse_id("uid", ids.uid, overflow_uid)?;
    for gid in groups.iter().chain([&ids.gid]) {
        refuse_id("gid", *gid, overflow_gid)?;
    }
    Ok(ids)
}

fn refuse_id(what: &str, id: u32, overflow: u32) -> Result<()> {
    let why = match id {
        u32::MAX => "is no id",
        id if id == overflow || id == NOBODY => {
            "is \"nobody\": it stands for every id that has no name here"
        }
        _ => return Ok(()),
    };
    Err(Error::IdentityRefused { reason: format!("{what} {id} {why}") })
}

/// By which way a thread comes to have the peer's rights and no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It has them already.
    AsIs,
    /// It becomes the peer for a while.
    Become(Change),
}

/// The way from the thread's `own` identity to `peer`'s. A thread that may take on any identity
/// always does, for a peer of its own too: it has more rights than that peer.
pub(super) fn way(own: &ThreadState, peer: &UnixIdentity) -> Result<Way> {
    let refuse = |reason| Err(Error::NotPrivileged { reason });
    if own.capabilities.can_switch() {
        if loses_privileges(own.uid, peer.uid) {
            return refuse(format!(
                "acting as uid {} could not be undone; uid 0 takes a server that is root itself",
                peer.uid
            ));
        }
        return Ok(Way::Become(Change::Identity));
    }
    if !own.has_ids_of(peer) {
        let (peer, own) = (peer.uid, own.uid.effective);
        return refuse(format!(
            "it runs as uid {own}, without CAP_SETUID and CAP_SETGID, and the peer is uid {peer}{}",
            if peer == own { " with other groups" } else { "" }
        ));
    }
    Ok(match own.capabilities {
        Capabilities { effective: 0, .. } => Way::AsIs,
        _ => Way::Become(Change::Capabilities),
    })
}

/// The kernel takes away every capability for good when the last of the three user ids that was 0
/// becomes another. Source: capabilities(7), "Effect of user ID changes on capabilities".
fn loses_privileges(own: Ids, peer: u32) -> bool {
    let keeps_root = own.real == 0 || own.saved == 0;
    !keeps_root && (own.effective == 0 || peer == 0)
}

/// What is known of where the peer lives, as far as it decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Residence {
    /// Nothing speaks against acting as it.
    Admitted,
    /// The kernel told this process nothing; it may tell the peer's own user.
    AskAgain,
}

/// Whether the peer's namespaces speak against acting as it: uid, gid and groups carry none of the
/// confinement that those mean.
///
/// Uid 0 must be this system's own, or named; any other peer must not be known to live in another
/// user namespace, unless sandboxed ones are named. A peer that has ended, or about which asking
/// failed, could have been told and counts as sandboxed.
pub(crate) fn residence(
    peer: &UnixIdentity,
    lives_in: Namespaces,
    settings: &ActAs,
) -> Result<Residence> {
    let Namespaces { user, mount } = lives_in;
    if peer.uid == 0 {
        if settings.is_root() || (user, mount) == (Told::Own, Told::Own) {
            return Ok(Residence::Admitted);
        }
        return Err(Error::IdentityRefused { reason: foreign_root(user, mount) });
    }
    match user {
        _ if settings.is_sandboxed() => Ok(Residence::Admitted),
        Told::Own | Told::Untellable => Ok(Residence::Admitted),
        Told::Denied => Ok(Residence::AskAgain),
        Told::Other => Err(Error::Sandboxed {
            reason: format!(
                "uid {} lives in another user namespace, and acting as it would leave that; \
                 `--allow sandboxed` (`ActAs::sandboxed`) would allow it",
                peer.uid
            ),
        }),
        Told::Failed => Err(Error::Sandboxed {
            reason: format!(
                "uid {}: the process that connected has ended or cannot be looked at, so nobody \
                 can tell whether it was; `--allow sandboxed` (`ActAs::sandboxed`) would allow it",
                peer.uid
            ),
        }),
    }
}

fn foreign_root(user: Told, mount: Told) -> String {
    let why = if user == Told::Other {
        "lives in another user namespace: it is the root of a container"
    } else if mount == Told::Other {
        "lives in another mount namespace: it sees other files under the same names"
    } else if user == Told::Failed || mount == Told::Failed {
        "has ended or cannot be looked at, so nobody can tell whether it is this system's own root"
    } else {
        "cannot be told from the root of a container on this system"
    };
    format!("uid 0 {why}; `--allow uid:0` (`ActAs::root`) would allow it")
}

#[cfg(test)]
mod tests;

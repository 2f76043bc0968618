//! Whether a client's rights can be judged at all, and with which ids.

use std::io;

use ipc_core::peer::{Assurance, Namespace, UnixIdentity};
use ipc_core::{Error, Identity, Operation, Peer, Result};

use crate::identity::ActAs;
use crate::identity::look_up::{Namespaces, Told};
use crate::switch;
use crate::switch::thread::{Ids, ThreadIdentity, ThreadState};
use crate::sys::{credentials, process, thread_identity};

/// How a client's rights are found out.
#[derive(Debug)]
pub(super) enum Standing<'a> {
    /// They are exactly this process's: the kernel's answer to this process is the one to the
    /// client.
    LikeThisProcess,
    /// They are judged, for these ids.
    Judged(&'a UnixIdentity),
}

/// The client's ids, if it has any that permissions know.
pub(super) fn ids(client: &Peer) -> Result<&UnixIdentity> {
    client.identity().and_then(Identity::as_unix).ok_or_else(|| Error::IdentityUnknown {
        reason: "it has no user and groups of this system".to_owned(),
    })
}

/// How `client`'s rights are found out, if they can be.
pub(super) fn standing<'a>(client: &'a Peer, settings: &ActAs) -> Result<Standing<'a>> {
    if *client.assurance() == Assurance::SameProcess {
        return Ok(Standing::LikeThisProcess);
    }
    let ids = switch::identity(client, thread_identity::overflow_ids())?;
    let confinement = client.confinement();
    let namespaces = Namespaces {
        user: told(confinement.user_namespace),
        mount: told(confinement.mount_namespace),
    };
    switch::residence(ids, namespaces, settings)?;
    if !settings.is_sandboxed() {
        refuse_label(confinement.label.as_deref(), process::own_label())?;
    }
    let failed = |source| Error::Io { operation: Operation::Identify, at: None, source };
    let is_alike = has_rights_of_this_process(ids).map_err(failed)?;
    Ok(if is_alike { Standing::LikeThisProcess } else { Standing::Judged(ids) })
}

/// A server without privileges is seldom told where its clients live, and cannot ask as them.
fn told(namespace: Option<Namespace>) -> Told {
    match namespace {
        Some(Namespace::Own) => Told::Own,
        Some(Namespace::Other) => Told::Other,
        None => Told::Denied,
    }
}

/// A label that this process has too confines both alike. AppArmor says of what it does not confine
/// that it is `unconfined`.
fn refuse_label(client: Option<&str>, own: Option<&str>) -> Result<()> {
    match client {
        None | Some("unconfined") => Ok(()),
        label if label == own => Ok(()),
        Some(label) => Err(Error::Sandboxed {
            reason: format!(
                "a security module confines it as `{}`, which no permission of a file tells; \
                 `--allow sandboxed` (`ActAs::sandboxed`) would leave that out of account",
                label.escape_debug()
            ),
        }),
    }
}

/// `true` if this thread has the client's ids and nothing that overrides permissions.
fn has_rights_of_this_process(client: &UnixIdentity) -> io::Result<bool> {
    let mut own = ThreadState::default();
    let overrides = match thread_identity::this_thread() {
        Some(thread) => {
            thread.read(&mut own)?;
            own.capabilities.effective != 0
        }
        None => {
            let (ids, groups) = credentials::own()?;
            own.uid = Ids { effective: ids.uid, ..Ids::default() };
            own.gid = Ids { effective: ids.gid, ..Ids::default() };
            own.groups = groups;
            ids.uid == 0
        }
    };
    Ok(!overrides && own.has_ids_of(client))
}

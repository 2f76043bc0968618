//! The credential check: what a server that may not act as its clients opens for them.
//!
//! Such a server has its own rights and no others. It opens a file for a client if the client could
//! open it too, which it finds out itself, from what it reads of the file and of every directory on
//! the way: owner, group, mode and access control list. So a client gets what *both* may read.
//!
//! # How
//! The path is walked component by component on handles that give no right to any content. Each
//! directory must let the client search it, before the next name is even looked up; the file must
//! let the client read it; and then the very file that was looked at is opened, not what has its
//! name by then. Links are followed within the walk, by their text, where the root's rules say so.
//! The client's groups are those that its process has, never those of a database.
//!
//! # What it cannot know
//! It refuses, with the reason, where the answer depends on more than that:
//! * file systems that ask a server or a program (NFS, SMB, 9P, FUSE), or that may have access
//!   control lists of another kind: what is not on the list of those that are known is refused;
//! * a client whose groups are not all known, or that is "nobody";
//! * a client that is known to live in another user namespace, or that a security module confines
//!   otherwise than this process, unless [`ActAs::sandboxed`] names such; a client of uid 0 that is
//!   not known to be this system's own, unless [`ActAs::root`] does.
//!
//! It does not know of what cannot be seen from outside: a client's Landlock rules, its seccomp
//! filter, its view of the mounts. A client's capabilities are left out of account: it may get less
//! than its own attempt would give it, never more.
//!
//! [`ActAs::sandboxed`]: crate::ActAs::sandboxed
//! [`ActAs::root`]: crate::ActAs::root

use std::fs::File;
use std::os::fd::OwnedFd;

use ipc_core::files::{
    Denial, FileKind, Finding, Metadata, Open, Reason, RelativePath, Right, Root,
};
use ipc_core::peer::UnixIdentity;
use ipc_core::{AsPeer, ErrorKind, Operation, Peer, Result};

use crate::identity;
use crate::root::{UnixRoot, admit_kind, wanted};
use crate::sys::Errno;
use crate::sys::look::Look;

mod access_list;
mod client;
mod permissions;
mod refusals;
mod walk;

use access_list::AccessList;
use client::Standing;
use permissions::{Judge, Permissions};
use refusals::{Asked, Obstacle, Walked};
use walk::{Decider, FinalLink, Walk};

/// Opens `path` below `root` if `client` could, too.
pub(crate) fn open(root: &UnixRoot, client: &Peer, path: &RelativePath, how: Open) -> Result<File> {
    match client::standing(client, root.acts_as())? {
        Standing::LikeThisProcess => root.open_by_this_thread(path, how),
        Standing::Judged(ids) => {
            let asked = Asked { operation: Operation::Open, path, client: ids };
            open_judged(root, &Judge::of_this_system(), &asked, how)
        }
    }
}

/// The metadata of what `path` names below `root` if `client` could get them, too. A final link
/// stands for itself.
pub(crate) fn stat(root: &UnixRoot, client: &Peer, path: &RelativePath) -> Result<Metadata> {
    match client::standing(client, root.acts_as())? {
        Standing::LikeThisProcess => root.stat_by_this_thread(path),
        Standing::Judged(ids) => {
            let asked = Asked { operation: Operation::Inspect, path, client: ids };
            let judge = Judge::of_this_system();
            let walk = Walk::new(root, &judge, &asked, Decider::Judge, FinalLink::Itself);
            let found = walk.and_then(|mut walk| walk.find()).map_err(|stop| stop.error)?;
            Ok(found.metadata)
        }
    }
}

/// Where, and by which rule, `path` below `root` was `refused` to `client`; `None` if nothing is found
/// that refuses it so. With `by` this thread has the client's rights, and the system decides.
pub(crate) fn explain(
    root: &UnixRoot,
    by: Option<&AsPeer>,
    client: &Peer,
    path: &RelativePath,
    how: Open,
    refused: ErrorKind,
) -> Result<Option<Finding>> {
    let own;
    let (client, decider) = match by {
        Some(_) => (client::ids(client)?, Decider::System),
        None => match client::standing(client, root.acts_as())? {
            Standing::Judged(ids) => (ids, Decider::Judge),
            Standing::LikeThisProcess => {
                own = identity::this_process()?;
                (client::ids(&own)?, Decider::System)
            }
        },
    };
    let asked = Asked { operation: Operation::Open, path, client };
    let judge = Judge::of_this_system();
    let stop = match decider {
        Decider::Judge => walk_and_open(root, &judge, &asked, how).err(),
        Decider::System => walk_after(root, &judge, &asked, how, refused).err(),
    };
    let finding = stop.map(|stop| stop.finding);
    Ok(finding.filter(|finding| finding.reason.explains(refused)))
}

/// Goes the client's way with the client's rights, to see where it ends with what was `refused`.
fn walk_after(
    root: &UnixRoot,
    judge: &Judge,
    asked: &Asked<'_>,
    how: Open,
    refused: ErrorKind,
) -> Walked<()> {
    let mut walk = Walk::new(root, judge, asked, Decider::System, FinalLink::Followed)?;
    let found = walk.find()?;
    let stop = |obstacle| Err(walk.stop_at_end(&found, obstacle));
    if how == Open::List && found.metadata.kind != FileKind::Directory {
        return stop(Obstacle::Answer(Errno::NOTDIR, Reason::NotADirectory));
    }
    if refused == ErrorKind::PermissionDenied {
        return stop(walk.denial(&found, Right::Read));
    }
    admit_kind(found.metadata.kind, how).or_else(|error| stop(Obstacle::NotServed(error)))
}

/// What of the permissions that were seen refuses `right` to `client`; `None` if nothing does, or if
/// that cannot be judged.
pub(crate) fn denial(seen: &Look, client: &UnixIdentity, right: Right) -> Option<Denial> {
    permissions::denial(&Permissions::of(seen).ok()?, client, right)
}

/// The access control list that was seen, in words; empty without one.
pub(crate) fn entries(seen: &Look) -> Vec<String> {
    let list = seen.list.as_deref().and_then(AccessList::parse);
    list.map_or_else(Vec::new, |list| list.to_words())
}

fn open_judged(root: &UnixRoot, judge: &Judge, asked: &Asked<'_>, how: Open) -> Result<File> {
    let opened = walk_and_open(root, judge, asked, how);
    root.admit(opened.map_err(|stop| stop.error)?.into(), how)
}

/// In the order of the kernel's own questions: what it is, whether it may be read, and then what
/// is served at all.
fn walk_and_open(root: &UnixRoot, judge: &Judge, asked: &Asked<'_>, how: Open) -> Walked<OwnedFd> {
    let mut walk = Walk::new(root, judge, asked, Decider::Judge, FinalLink::Followed)?;
    let found = walk.find()?;
    let stop = |obstacle| Err(walk.stop_at_end(&found, obstacle));
    let kind = found.metadata.kind;
    if how == Open::List && kind != FileKind::Directory {
        return stop(Obstacle::Answer(Errno::NOTDIR, Reason::NotADirectory));
    }
    if !judge.lets(asked.client, Right::Read, &found.permissions) {
        return stop(walk.denial(&found, Right::Read));
    }
    if let Err(error) = admit_kind(kind, how) {
        return stop(Obstacle::NotServed(error));
    }
    match found.handle.open(wanted(how)) {
        Ok(opened) => Ok(opened),
        Err(error) => stop(Obstacle::Failure(error)),
    }
}

#[cfg(test)]
mod tests;

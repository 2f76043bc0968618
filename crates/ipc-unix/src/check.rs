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

use ipc_core::files::{FileKind, Metadata, Open, RelativePath, Root};
use ipc_core::{Operation, Peer, Result};

use crate::root::{UnixRoot, admit_kind, wanted};
use crate::sys::Errno;

mod access_list;
mod client;
mod permissions;
mod refusals;
mod walk;

use client::Standing;
use permissions::{Judge, Right};
use refusals::Asked;
use walk::{FinalLink, Walk};

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
            let found = Walk::new(root, &judge, &asked, FinalLink::Itself)?.find()?;
            Ok(found.metadata)
        }
    }
}

/// In the order of the kernel's own questions: what it is, whether it may be read, and then what
/// is served at all.
fn open_judged(root: &UnixRoot, judge: &Judge, asked: &Asked<'_>, how: Open) -> Result<File> {
    let found = Walk::new(root, judge, asked, FinalLink::Followed)?.find()?;
    if how == Open::List && found.metadata.kind != FileKind::Directory {
        return Err(asked.answer(Errno::NOTDIR));
    }
    if !judge.lets(asked.client, Right::Read, &found.permissions) {
        return Err(asked.denied());
    }
    admit_kind(found.metadata.kind, how)?;
    let opened = found.handle.open(wanted(how)).map_err(|error| asked.own_failure(error))?;
    root.admit(opened.into(), how)
}

#[cfg(test)]
mod tests;

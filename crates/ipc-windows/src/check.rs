//! The credential check: what a server that may not act as its clients opens for them.
//!
//! Such a server has its own rights and no others. It opens a file for a client if the client could
//! open it too, which it has the system work out: `AccessCheck` of what the very file that was opened
//! says of its rights, for the token that the client brought. So a client gets what *both* may read.
//! Looking at a token is all that this takes: the client need not let the server act as it, and the
//! server needs no privilege.
//!
//! # How
//! As in every resolution below a root, no link is followed. The directory that the file lies in is
//! opened first, and the file below that handle, with the server's rights; then the handles are asked.
//! * The file must give the client what reading, listing or looking takes any program. Attributes may
//!   be seen by whoever may list the directory as well, as the file system has it ([MS-FSA] 2.1.5.1.2.1).
//! * A client whose token does not let it walk unasked (`SeChangeNotifyPrivilege`, which nearly every
//!   token has) must be let through each directory from the root on, before the next name is looked up.
//!
//! # What it cannot know
//! It refuses, with the reason, where the answer depends on more than that:
//! * file systems that ask a server or a program: what is not on the list of those that are known, and
//!   whatever lies on another machine;
//! * files that are encrypted for those who have a key;
//! * a client whose token was not brought by a pipe, and a system that hands out the wrong token or
//!   takes no notice of a token's restrictions, which is tried once.
//!
//! It does not know of programs that watch all files, such as those against viruses.

use std::fs::File;

use ipc_core::files::{Metadata, Open, RelativePath, Root};
use ipc_core::peer::Assurance;
use ipc_core::{Operation, Peer, Result};

use crate::root::{WindowsRoot, wanted};
use crate::sys::files::Wanted;

mod client;
pub(crate) mod judge;
mod refusals;
mod self_test;
mod walk;

use client::Standing;
use judge::Judge;
use refusals::Asked;

/// Opens `path` below `root` if `client` could, too.
pub(crate) fn open(
    root: &WindowsRoot,
    client: &Peer,
    path: &RelativePath,
    how: Open,
) -> Result<File> {
    match client::standing(client)? {
        Standing::LikeThisProcess => root.open_by_this_thread(path, how),
        Standing::Judged(token) => {
            let asked = Asked { operation: Operation::Open, path, client };
            let opened = walk::find(root, &Judge::of(token), &asked, wanted(how))?;
            root.admit(opened.into(), how)
        }
    }
}

/// Who judges for `client` what it may see; `None` for this process, which sees what it may see.
pub(crate) fn judge_of(client: &Peer) -> Result<Option<Judge<'_>>> {
    if *client.assurance() == Assurance::SameProcess {
        return Ok(None);
    }
    Ok(match client::standing(client)? {
        Standing::LikeThisProcess => None,
        Standing::Judged(token) => Some(Judge::of(token)),
    })
}

/// The metadata of what `path` names below `root` if `client` could get them, too. A link stands for
/// itself.
pub(crate) fn stat(root: &WindowsRoot, client: &Peer, path: &RelativePath) -> Result<Metadata> {
    match client::standing(client)? {
        Standing::LikeThisProcess => root.stat_by_this_thread(path),
        Standing::Judged(token) => {
            let asked = Asked { operation: Operation::Inspect, path, client };
            let found = walk::find(root, &Judge::of(token), &asked, Wanted::Metadata)?;
            root.look_at(&found.into(), path)
        }
    }
}

#[cfg(test)]
mod tests;

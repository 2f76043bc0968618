//! What the permissions of one file give to a client, as the kernel would answer a process of the
//! client's that has no capabilities. Source: path_resolution(7), acl(5), "Access check algorithm";
//! Linux `fs/namei.c` and `fs/posix_acl.c` where the two are silent.

use ipc_core::peer::UnixIdentity;

use super::access_list::{AccessList, is_member};
use crate::sys::handle;

/// What decides about one file or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Permissions {
    pub(super) owner: u32,
    pub(super) group: u32,
    /// `0o7777`.
    pub(super) mode: u32,
    pub(super) list: Option<AccessList>,
}

/// What a client wants of a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// To look up names in the directory.
    Search,
    /// To read the file, or to list the directory.
    Read,
}

impl Right {
    /// The permission's bit, in a mode's last digit and in a list's entries.
    pub(super) fn bit(self) -> u16 {
        match self {
            Self::Search => 0o1,
            Self::Read => 0o4,
        }
    }
}

/// The rules by which this system's kernel decides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judge {
    pub(super) gives: fn(&Permissions, &UnixIdentity, Right) -> bool,
    /// Whether not everybody's links are followed in directories that everybody writes to.
    pub(super) protects_links: fn() -> bool,
}

impl Judge {
    pub(super) fn of_this_system() -> Self {
        Self { gives, protects_links: handle::protects_links }
    }

    /// Whether the file's permissions let the client do that.
    pub(super) fn lets(&self, client: &UnixIdentity, right: Right, file: &Permissions) -> bool {
        (self.gives)(file, client, right)
    }

    /// Whether the client follows a link as the last component of a path: in a sticky directory
    /// that everybody writes to only its own, and those of the directory's owner.
    /// Source: proc(5), `/proc/sys/fs/protected_symlinks`.
    pub(super) fn lets_follow(
        &self,
        client: &UnixIdentity,
        link: &Permissions,
        directory: &Permissions,
    ) -> bool {
        let for_everybody = directory.mode & STICKY_AND_FOR_ALL == STICKY_AND_FOR_ALL;
        !for_everybody
            || link.owner == client.uid
            || link.owner == directory.owner
            || !(self.protects_links)()
    }
}

/// The owner's digit of the mode decides for the owner alone, however much the others would give.
/// Then comes the list, unless the group's digit is empty: that digit is the list's mask, and the
/// kernel then looks at the mode alone, where everybody else's digit may give what the list's mask
/// would not.
pub(super) fn gives(file: &Permissions, client: &UnixIdentity, right: Right) -> bool {
    let bit = right.bit();
    let digit = |shift: u32| file.mode >> shift & u32::from(bit) != 0;
    if client.uid == file.owner {
        return digit(6);
    }
    match &file.list {
        Some(list) if file.mode & 0o070 != 0 => list.gives(client, file.group, bit),
        _ if is_member(client, file.group) => digit(3),
        _ => digit(0),
    }
}

const STICKY_AND_FOR_ALL: u32 = 0o1002;

//! What the permissions of one file give to a client, as the kernel would answer a process of the
//! client's that has no capabilities. Source: path_resolution(7), acl(5), "Access check algorithm";
//! Linux `fs/namei.c` and `fs/posix_acl.c` where the two are silent.

use ipc_core::files::{Class, Denial, Right};
use ipc_core::peer::UnixIdentity;

use super::access_list::{AccessList, is_member};
use crate::sys::handle;
use crate::sys::look::Look;

/// What decides about one file or directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Permissions {
    pub(super) owner: u32,
    pub(super) group: u32,
    /// `0o7777`.
    pub(super) mode: u32,
    pub(super) list: Option<AccessList>,
}

impl Permissions {
    /// Those that were seen.
    ///
    /// # Errors
    /// Why they cannot be judged.
    pub(super) fn of(look: &Look) -> Result<Self, &'static str> {
        let list = match look.list.as_deref().map(AccessList::parse) {
            Some(None) => return Err("its access control list is malformed"),
            list => list.flatten(),
        };
        match (look.metadata.mode, look.metadata.owner) {
            (Some(mode), Some((owner, group))) => Ok(Self { owner, group, mode, list }),
            _ => Err("it has no owner or no mode"),
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

pub(super) fn gives(file: &Permissions, client: &UnixIdentity, right: Right) -> bool {
    denial(file, client, right).is_none()
}

/// What refuses that right to the client, if anything does.
///
/// The owner's digit of the mode decides for the owner alone, however much the others would give.
/// Then comes the list, unless the group's digit is empty: that digit is the list's mask, and the
/// kernel then looks at the mode alone, where everybody else's digit may give what the list's mask
/// would not.
pub(super) fn denial(file: &Permissions, client: &UnixIdentity, right: Right) -> Option<Denial> {
    let digit = |class, shift: u32| {
        let has = (file.mode >> shift & 0o7).to_le_bytes()[0];
        (has & right.bit() == 0).then(|| Denial::new(right, class, has, None))
    };
    let by_list = |list: &AccessList| list.denial(client, file.group, right);
    if client.uid == file.owner {
        return digit(Class::Owner, 6);
    }
    if file.mode & 0o070 != 0 {
        if let Some(list) = &file.list {
            return by_list(list);
        }
    }
    let is_member = is_member(client, file.group);
    let denial = if is_member { digit(Class::Group, 3) } else { digit(Class::Other, 0) }?;
    // Who has an entry, but for the empty mask, is helped by the mask.
    let by_mask = file.list.as_ref().and_then(by_list).filter(Denial::is_by_mask);
    Some(by_mask.unwrap_or(denial))
}

const STICKY_AND_FOR_ALL: u32 = 0o1002;

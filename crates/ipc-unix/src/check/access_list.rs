//! POSIX access control lists as Linux keeps them: read from bytes that may be anything, and asked.
//!
//! ```text
//! u32 version (2) | entry...        entry: u16 tag | u16 permissions | u32 id    little-endian
//! ```
//! Source: Linux `uapi/linux/posix_acl_xattr.h`; which entries there must be, and in which order:
//! acl(5), "Valid ACLs".

use ipc_core::files::{Class, Denial, Right};
use ipc_core::peer::UnixIdentity;

/// Who may do what with a file, beside its owner: a list that is valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AccessList {
    /// Users by number, with their permissions.
    pub(super) users: Vec<(u32, u16)>,
    /// What the file's own group may do.
    pub(super) own_group: u16,
    /// Other groups by number, with their permissions.
    pub(super) groups: Vec<(u32, u16)>,
    /// The most that any of the above may do.
    pub(super) mask: Option<u16>,
    /// What everybody else may do.
    pub(super) other: u16,
}

impl AccessList {
    /// The list in those bytes; `None` if they are no valid list.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (version, entries) = bytes.split_first_chunk()?;
        if u32::from_le_bytes(*version) != VERSION || entries.len() % ENTRY != 0 {
            return None;
        }
        let mut entries = entries.chunks_exact(ENTRY).map(Entry::parse).peekable();
        // The owner's permissions are those of the file's mode, which is what counts.
        entries.next()?.of(OWNER)?;
        let mut named = |tag| {
            let mut found = Vec::new();
            while let Some(entry) = entries.next_if(|entry| entry.tag == tag) {
                found.push((entry.id, entry.of(tag)?));
            }
            Some(found)
        };
        let users = named(USER)?;
        let [own_group] = named(OWN_GROUP)?[..] else { return None };
        let groups = named(GROUP)?;
        let mask = match named(MASK)?[..] {
            [] if users.is_empty() && groups.is_empty() => None,
            [(_, mask)] => Some(mask),
            _ => return None,
        };
        let [(_, other)] = named(OTHER)?[..] else { return None };
        let list = Self { users, own_group: own_group.1, groups, mask, other };
        entries.next().is_none().then_some(list)
    }

    /// What is in it beyond the mode, an entry each: `user 1000: r-x`.
    pub(super) fn to_words(&self) -> Vec<String> {
        let users = self.users.iter().map(|(uid, has)| (format!("user {uid}"), *has));
        let groups = self.groups.iter().map(|(gid, has)| (format!("group {gid}"), *has));
        let own_group = [("its group".to_owned(), self.own_group)];
        let mask = self.mask.map(|mask| ("mask".to_owned(), mask));
        let entries = users.chain(own_group).chain(groups).chain(mask);
        entries.map(|(who, has)| format!("{who}: {}", letters(has))).collect()
    }

    /// What refuses `right` to a client that is not the file's owner; `None` if the list gives it. An
    /// entry for the user decides before any for a group; among groups any one that gives it is
    /// enough; and who is in any of them is not everybody else.
    pub(super) fn denial(
        &self,
        client: &UnixIdentity,
        own_group: u32,
        right: Right,
    ) -> Option<Denial> {
        let refused = |class, permissions: u16, mask: Option<u16>| {
            let gives = permissions & mask.unwrap_or(u16::MAX) & u16::from(right.bit()) != 0;
            let digit = |permissions: u16| permissions.to_le_bytes()[0];
            (!gives).then(|| Denial::new(right, class, digit(permissions), mask.map(digit)))
        };
        if let Some((uid, permissions)) = self.users.iter().find(|(uid, _)| *uid == client.uid) {
            return refused(Class::UserEntry(*uid), *permissions, self.mask);
        }
        let own = (own_group, Class::OwnGroupEntry, self.own_group);
        let named = self.groups.iter().map(|(gid, has)| (*gid, Class::GroupEntry(*gid), *has));
        let mut denial: Option<Denial> = None;
        for (gid, class, permissions) in [own].into_iter().chain(named) {
            if is_member(client, gid) {
                let refused = refused(class, permissions, self.mask)?;
                // Among several, one that only the mask stops says more.
                if denial.is_none_or(|known| !known.is_by_mask() && refused.is_by_mask()) {
                    denial = Some(refused);
                }
            }
        }
        denial.or_else(|| refused(Class::Other, self.other, None))
    }
}

/// A client is judged only if all of its groups are known.
pub(super) fn is_member(client: &UnixIdentity, gid: u32) -> bool {
    client.is_member_of(gid) == Some(true)
}

fn letters(permissions: u16) -> String {
    let letter = |(bit, letter)| if permissions & bit == 0 { '-' } else { letter };
    [(0o4, 'r'), (0o2, 'w'), (0o1, 'x')].map(letter).iter().collect()
}

struct Entry {
    tag: u16,
    permissions: u16,
    id: u32,
}

impl Entry {
    fn parse(bytes: &[u8]) -> Self {
        let number = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let id = u32::from(number(4)) | u32::from(number(6)) << 16;
        Self { tag: number(0), permissions: number(2), id }
    }

    /// The permissions, if the entry is of that kind and they are permissions.
    fn of(&self, tag: u16) -> Option<u16> {
        (self.tag == tag && self.permissions <= 0o7).then_some(self.permissions)
    }
}

const VERSION: u32 = 2;
/// The length of an entry, in bytes.
const ENTRY: usize = 8;

const OWNER: u16 = 0x01;
const USER: u16 = 0x02;
const OWN_GROUP: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHER: u16 = 0x20;

#[cfg(test)]
pub(super) mod tests;

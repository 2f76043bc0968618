//! POSIX access control lists as the credential check reads them: what is no valid list is none, and
//! what a list gives is what acl(5) says, worked out in another way.
#![no_main]

use ipc_core::files::Right;
use ipc_core::peer::UnixIdentity;
use ipc_fuzz::meter::Meter;
use ipc_fuzz::script::Script;
use libfuzzer_sys::fuzz_target;

/// Where it lies nobody else can name it.
#[path = "../../crates/ipc-unix/src/check/access_list.rs"]
#[rustfmt::skip]
mod access_list;

use access_list::AccessList;

fuzz_target!(|input: &[u8]| {
    let (bytes, mut script) = Script::split(input);
    let meter = Meter::begin();
    let Some(list) = AccessList::parse(bytes) else { return };
    let entries: Vec<Entry> = bytes[4..].chunks(8).map(Entry::new).collect();
    assert!(entries.iter().all(|entry| entry.permissions <= 7));
    let mut id = || u32::from(script.decide());
    let client = UnixIdentity { uid: id(), gid: id(), groups: Some(Vec::from_iter(2..id())) };
    let own_group = id();
    for right in [Right::Read, Right::Write, Right::Search] {
        let denial = list.denial(&client, own_group, right);
        let gives = by_the_manual(&entries, &client, own_group, right.bit().into());
        assert_eq!(denial.is_none(), gives, "{right:?}: {denial:?}");
    }
    assert_eq!(list.to_words().len(), entries.len() - 2, "all but the owner and everybody else");
    meter.assert_below(32 * bytes.len() + 4096);
});

struct Entry {
    tag: u8,
    permissions: u16,
    id: u32,
}

impl Entry {
    fn new(bytes: &[u8]) -> Self {
        let permissions = u16::from_le_bytes([bytes[2], bytes[3]]);
        let id = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
        Self { tag: bytes[0], permissions, id }
    }
}

/// Source: acl(5), "Access check algorithm", for who is not the file's owner.
fn by_the_manual(entries: &[Entry], client: &UnixIdentity, own_group: u32, wanted: u16) -> bool {
    let has = |permissions: u16| permissions & wanted == wanted;
    let masked = |permissions: u16| match entries.iter().find(|entry| entry.tag == 0x10) {
        Some(mask) => has(permissions & mask.permissions),
        None => has(permissions),
    };
    let is_member = |gid| client.is_member_of(gid) == Some(true);
    if let Some(user) = entries.iter().find(|entry| entry.tag == 0x02 && entry.id == client.uid) {
        return masked(user.permissions);
    }
    let concerns = |entry: &&Entry| match entry.tag {
        0x04 => is_member(own_group),
        0x08 => is_member(entry.id),
        _ => false,
    };
    if entries.iter().any(|entry| concerns(&entry)) {
        return entries.iter().filter(concerns).any(|entry| masked(entry.permissions));
    }
    entries.iter().any(|entry| entry.tag == 0x20 && has(entry.permissions))
}

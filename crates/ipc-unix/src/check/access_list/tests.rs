use ipc_testkit::random::Random;
use rustix::fs::XattrFlags;
use rustix::io::Errno;

use super::*;
use crate::testing::skip;

/// The bytes of a list; the owner may do what `owner` says.
pub(in crate::check) fn encode(list: &AccessList, owner: u16) -> Vec<u8> {
    const NOBODY_IN_PARTICULAR: u32 = u32::MAX;
    let mut bytes = VERSION.to_le_bytes().to_vec();
    let mut entry = |tag: u16, permissions: u16, id: u32| {
        bytes.extend_from_slice(&tag.to_le_bytes());
        bytes.extend_from_slice(&permissions.to_le_bytes());
        bytes.extend_from_slice(&id.to_le_bytes());
    };
    entry(OWNER, owner, NOBODY_IN_PARTICULAR);
    list.users.iter().for_each(|(uid, permissions)| entry(USER, *permissions, *uid));
    entry(OWN_GROUP, list.own_group, NOBODY_IN_PARTICULAR);
    list.groups.iter().for_each(|(gid, permissions)| entry(GROUP, *permissions, *gid));
    list.mask.into_iter().for_each(|mask| entry(MASK, mask, NOBODY_IN_PARTICULAR));
    entry(OTHER, list.other, NOBODY_IN_PARTICULAR);
    bytes
}

/// A valid list about some of these users and groups, which are some numbers each.
pub(in crate::check) fn random(random: &mut Random, ids: &[u32]) -> AccessList {
    let some = |random: &mut Random| -> Vec<(u32, u16)> {
        let chosen = ids.iter().filter(|_| random.below(3) == 0).copied().collect::<Vec<_>>();
        chosen.into_iter().map(|id| (id, permissions(random))).collect()
    };
    let (users, groups) = (some(random), some(random));
    let needs_mask = !users.is_empty() || !groups.is_empty();
    let mask = (needs_mask || random.below(4) == 0).then(|| permissions(random));
    let (own_group, other) = (permissions(random), permissions(random));
    AccessList { users, own_group, groups, mask, other }
}

fn permissions(random: &mut Random) -> u16 {
    u16::try_from(random.below(8)).expect("below 8")
}

const IDS: [u32; 5] = [0, 41_500, 41_501, 41_502, u32::MAX - 1];

#[test]
fn a_list_is_read_as_it_was_written() {
    let numbers = &mut Random(1);
    for _ in 0..2_000 {
        let list = random(numbers, &IDS);
        assert_eq!(AccessList::parse(&encode(&list, permissions(numbers))), Some(list));
    }
}

#[test]
fn a_list_that_is_cut_or_lengthened_anywhere_is_refused() {
    let numbers = &mut Random(2);
    for _ in 0..200 {
        let bytes = encode(&random(numbers, &IDS), 6);
        for end in 0..bytes.len() {
            assert_eq!(AccessList::parse(&bytes[..end]), None, "{bytes:?} up to {end}");
        }
        for more in 1..=16 {
            let longer = [&bytes[..], &vec![0; more]].concat();
            assert_eq!(AccessList::parse(&longer), None, "{longer:?}");
        }
    }
}

#[test]
fn bytes_that_are_no_list_are_refused_whatever_they_are() {
    let numbers = &mut Random(3);
    let byte = |random: &mut Random| u8::try_from(random.below(256)).expect("below 256");
    for _ in 0..20_000 {
        let length = numbers.below(80);
        let noise: Vec<u8> = (0..length).map(|_| byte(numbers)).collect();
        // None of the right form comes about by chance.
        assert_eq!(AccessList::parse(&noise), None, "{noise:?}");
    }
    let whole = vec![0xff; 65_536];
    assert_eq!(AccessList::parse(&whole), None);
}

#[test]
fn a_changed_byte_makes_another_list_or_none() {
    let numbers = &mut Random(4);
    for _ in 0..300 {
        let list = random(numbers, &IDS);
        let bytes = encode(&list, 6);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << numbers.below(8);
            let Some(read) = AccessList::parse(&changed) else { continue };
            // What does not count: the owner's permissions, and the id of who has none.
            let counts = AccessList::parse(&encode(&read, 6)).expect("it is valid");
            assert_eq!(counts, read);
            if read == list {
                let entry = &changed[at - (at - 4) % ENTRY..];
                let tag = u16::from_le_bytes([entry[0], entry[1]]);
                let is_id = (at - 4) % ENTRY >= 4;
                assert!(tag == OWNER || is_id && ![USER, GROUP].contains(&tag), "{changed:?}");
            }
        }
    }
}

#[test]
fn what_the_kernel_takes_for_a_list_is_one_and_nothing_else() {
    let name = "what_the_kernel_takes_for_a_list_is_one_and_nothing_else";
    let file = tempfile::NamedTempFile::new().expect("a file");
    let set = |bytes: &[u8]| {
        rustix::fs::setxattr(file.path(), "system.posix_acl_access", bytes, XattrFlags::empty())
    };
    if set(&encode(&random(&mut Random(0), &IDS[..1]), 6)) == Err(Errno::OPNOTSUPP) {
        return skip(name, "the temporary directory's file system has no access control lists");
    }
    let numbers = &mut Random(5);
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..4_000 {
        let mut bytes = encode(&random(numbers, &IDS), permissions(numbers));
        mangle(numbers, &mut bytes);
        let is_list = AccessList::parse(&bytes).is_some();
        match set(&bytes) {
            Ok(()) => {
                assert!(is_list, "the kernel takes {bytes:?}");
                taken += 1;
            }
            Err(Errno::INVAL) => {
                assert!(!is_list, "the kernel refuses {bytes:?}");
                refused += 1;
            }
            Err(error) => panic!("{error}: {bytes:?}"),
        }
    }
    assert!(taken > 500 && refused > 500, "{taken} taken, {refused} refused");
}

/// Exchanges, repeats, drops or changes an entry. Never the last: the kernel takes a list without
/// entries for none. Ids stay: the kernel refuses ids without a meaning here.
fn mangle(random: &mut Random, bytes: &mut Vec<u8>) {
    let count = u32::try_from((bytes.len() - 4) / ENTRY).expect("few");
    let mut place = || 4 + ENTRY * usize::try_from(random.below(count)).expect("few");
    let (one, other) = (place(), place());
    match random.below(5) {
        0 => (0..ENTRY).for_each(|at| bytes.swap(one + at, other + at)),
        1 => {
            let entry: Vec<u8> = bytes[one..one + ENTRY].to_vec();
            bytes.splice(other..other, entry);
        }
        2 => drop(bytes.drain(one..one + ENTRY)),
        3 => bytes[one] ^= 1 << random.below(6),
        _ => bytes[one + 2] ^= 1 << random.below(8),
    }
}

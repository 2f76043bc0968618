//! The bytes in `docs/protocol.md` that are this service's, held against what it encodes.

use fileserve::protocol::{
    About, Acting, FileInfo, Kind, Names, Opener, Part, Timestamp, Validator, WhoAmI, WireIdentity,
    WirePath, encode_entry,
};
use ipc_core::Codec;
use ipc_core::files::{DirectoryEntry, FileKind};
use ipc_core::service::Arguments;

const PAGE: &str = include_str!("../../../docs/protocol.md");

/// The bytes of the block that begins with "```hex fileserve-NAME".
fn vector(name: &str) -> Vec<u8> {
    let (_, rest) = PAGE.split_once(&format!("```hex fileserve-{name}\n")).expect(name);
    let (body, _) = rest.split_once("```").expect("an end");
    let bytes = body.split_ascii_whitespace();
    bytes.map(|byte| u8::from_str_radix(byte, 16).expect("two digits")).collect()
}

#[test]
fn the_service_encodes_the_bytes_of_the_page() {
    let mut arguments = Vec::new();
    let path = WirePath::new("a/b").expect("short");
    let part = Part { from: 2, length: Some(3), of: None };
    Arguments::push_value(&mut arguments, &path).expect("has an encoding");
    Arguments::push_value(&mut arguments, &part).expect("has an encoding");
    assert_eq!(arguments, vector("get"));

    let about = About { names: Names::Absolute, opens: Opener::Client };
    assert_eq!(Codec::Bincode.encode(&about).expect("has an encoding"), vector("about"));

    let mut entry = Vec::new();
    let found = DirectoryEntry { name: b"notes".to_vec(), kind: Some(FileKind::Regular) };
    encode_entry(&mut entry, &found);
    assert_eq!(entry, vector("entry"));

    let modified = Some(Timestamp { seconds: 1, nanoseconds: 500_000_000 });
    let info = FileInfo {
        kind: Kind::File,
        file: Validator { device: 1, inode: 2, length: 300, modified },
        mode: Some(0o644),
        owner: Some((1000, 100)),
    };
    assert_eq!(Codec::Bincode.encode(&info).expect("has an encoding"), vector("info"));

    let caller = WhoAmI {
        identity: WireIdentity::Unix { uid: 1000, gid: 100, groups: Some(vec![4]) },
        pid: Some(300),
        assurance: "kernel".to_owned(),
        level: Some(2),
        acting: Acting::Can,
        other_user_namespace: Some(false),
        other_mount_namespace: None,
    };
    assert_eq!(Codec::Bincode.encode(&caller).expect("has an encoding"), vector("caller"));
}

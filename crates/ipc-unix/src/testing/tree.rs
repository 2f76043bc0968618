//! A directory whose files this one, that one and nobody may open.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};

use ipc_core::ErrorKind;
use rustix::fs::XattrFlags;
use tempfile::TempDir;

use super::User;

/// The client; group 41,600 is one of its supplementary ones.
pub(crate) fn client() -> User {
    User::new(41_500, &[41_600])
}

pub(crate) const CLIENT: u32 = 41_500;
pub(crate) const GROUP: u32 = 41_600;
pub(crate) const STRANGER: u32 = 41_700;

/// A file or directory: its name, mode, owner, group and access control list.
pub(crate) type Node = (&'static str, u32, u32, u32, &'static [AclEntry]);

pub(crate) const NODES: [Node; 17] = [
    ("root-0600", 0o600, 0, 0, &[]),
    ("roots-group-0640", 0o640, 0, 0, &[]),
    ("own-0600", 0o600, CLIENT, 0, &[]),
    ("own-0000", 0o000, CLIENT, CLIENT, &[]),
    ("strangers-0600", 0o600, STRANGER, STRANGER, &[]),
    ("own-group-0640", 0o640, 0, CLIENT, &[]),
    ("group-0640", 0o640, 0, GROUP, &[]),
    ("group-excluded-0604", 0o604, 0, GROUP, &[]),
    ("others-0644", 0o644, 0, 0, &[]),
    ("acl-user", 0o600, 0, 0, &[OWNER, (USER, 4, CLIENT), NO_GROUP, MASK_READ, NO_OTHER]),
    ("acl-user-masked", 0o600, 0, 0, &[OWNER, (USER, 4, CLIENT), NO_GROUP, (MASK, 0, 0), NO_OTHER]),
    ("acl-group", 0o600, 0, 0, &[OWNER, NO_GROUP, (A_GROUP, 4, GROUP), MASK_READ, NO_OTHER]),
    (
        "acl-denied-user",
        0o644,
        0,
        0,
        &[OWNER, (USER, 0, CLIENT), (GROUP_OBJ, 4, 0), MASK_READ, (OTHER, 4, 0)],
    ),
    ("unsearchable/", 0o700, 0, 0, &[]),
    ("unsearchable/others-0644", 0o644, 0, 0, &[]),
    ("search-only/", 0o711, 0, 0, &[]),
    ("search-only/others-0644", 0o644, 0, 0, &[]),
];

/// What the client may open, of the nodes above and of what is not there.
pub(crate) const MATRIX: [(&str, Option<ErrorKind>); 17] = [
    ("root-0600", DENIED),
    ("roots-group-0640", DENIED),
    ("own-0600", None),
    ("own-0000", DENIED),
    ("strangers-0600", DENIED),
    ("own-group-0640", None),
    ("group-0640", None),
    ("group-excluded-0604", DENIED),
    ("others-0644", None),
    ("acl-user", None),
    ("acl-user-masked", DENIED),
    ("acl-group", None),
    ("acl-denied-user", DENIED),
    ("unsearchable/others-0644", DENIED),
    ("unsearchable/missing", DENIED),
    ("search-only/others-0644", None),
    ("search-only/missing", Some(ErrorKind::NotFound)),
];

pub(crate) const DENIED: Option<ErrorKind> = Some(ErrorKind::PermissionDenied);

/// Makes the nodes. Takes root.
pub(crate) fn tree() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).expect("root may");
    for (name, mode, owner, group, acl) in NODES {
        let path = directory.path().join(name);
        if name.ends_with('/') {
            fs::create_dir(&path).expect("created");
        } else {
            fs::write(&path, name).expect("written");
        }
        chown(&path, Some(owner), Some(group)).expect("root may");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("root may");
        if !acl.is_empty() {
            let list = encode(acl);
            let name = "system.posix_acl_access";
            rustix::fs::setxattr(&path, name, &list, XattrFlags::empty())
                .expect("the temporary directory's file system has access control lists");
        }
    }
    directory
}

/// Tag, permissions and id. Source: Linux `uapi/linux/posix_acl_xattr.h`, version 2.
type AclEntry = (u16, u16, u32);

const OWNER: AclEntry = (1, 6, 0);
const USER: u16 = 2;
const GROUP_OBJ: u16 = 4;
const NO_GROUP: AclEntry = (GROUP_OBJ, 0, 0);
const A_GROUP: u16 = 8;
const MASK: u16 = 16;
const MASK_READ: AclEntry = (MASK, 4, 0);
const OTHER: u16 = 32;
const NO_OTHER: AclEntry = (OTHER, 0, 0);

fn encode(acl: &[AclEntry]) -> Vec<u8> {
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in acl {
        let id = if [USER, A_GROUP].contains(tag) { *id } else { u32::MAX };
        list.extend_from_slice(&tag.to_le_bytes());
        list.extend_from_slice(&permissions.to_le_bytes());
        list.extend_from_slice(&id.to_le_bytes());
    }
    list
}

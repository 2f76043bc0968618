//! What the kernel lets the acting thread open, held against what it lets the client open.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use ipc_core::files::{Open, RelativePath, Root};
use ipc_core::{ErrorKind, Result};
use rustix::fs::XattrFlags;
use tempfile::TempDir;

use crate::root::UnixRoot;
use crate::testing::{Connected, User, is_root, takes_root};

/// The client; group 41,600 is one of its supplementary ones.
fn client() -> User {
    User::new(41_500, &[41_600])
}

const CLIENT: u32 = 41_500;
const GROUP: u32 = 41_600;
const STRANGER: u32 = 41_700;

/// A file or directory: its name, mode, owner, group and access control list.
type Node = (&'static str, u32, u32, u32, &'static [AclEntry]);

const NODES: [Node; 17] = [
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
const MATRIX: [(&str, Option<ErrorKind>); 17] = [
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

const DENIED: Option<ErrorKind> = Some(ErrorKind::PermissionDenied);

#[test]
fn t01_t02_t54_the_client_gets_what_it_may_open_and_its_own_refusal_for_the_rest() {
    if !takes_root("t01_t02_t54_the_client_gets_what_it_may_open_and_its_own_refusal_for_the_rest")
    {
        return;
    }
    let directory = tree();
    let root = UnixRoot::open_dir(directory.path()).expect("root opens its directory");
    let client = client().connect();
    for (name, refusal) in MATRIX {
        let path = RelativePath::new(name.as_bytes()).expect("a good path");
        let outcome = client.act(|by| root.open(by, &path, Open::Read)).expect("root may");
        assert_eq!(outcome.err().map(|error| error.kind()), refusal, "{name}");
        assert_eq!(of_the_clients_own_process(&directory.path().join(name)), refusal, "{name}");
    }
}

#[test]
fn the_same_holds_below_the_root_of_all_names() {
    if !takes_root("the_same_holds_below_the_root_of_all_names") {
        return;
    }
    let directory = tree();
    let root = UnixRoot::open_dir("/").expect("root opens it");
    let client = client().connect();
    for (name, refusal) in MATRIX {
        let path = directory.path().join(name);
        let path = path.strip_prefix("/").expect("temporary directories have full names");
        let path = RelativePath::new(path.as_os_str().as_encoded_bytes()).expect("a good path");
        let outcome = client.act(|by| root.open(by, &path, Open::Read)).expect("root may");
        assert_eq!(outcome.err().map(|error| error.kind()), refusal, "{name}");
    }
}

#[test]
fn rights_are_checked_above_the_root_only_where_the_root_is_all() {
    if !takes_root("rights_are_checked_above_the_root_only_where_the_root_is_all") {
        return;
    }
    let directory = tree();
    let client = client().connect();
    let open = |root: &UnixRoot, name: &[u8]| {
        let path = RelativePath::new(name).expect("a good path");
        client.act(|by| root.open(by, &path, Open::Read)).expect("root may")
    };
    let outer = UnixRoot::open_dir(directory.path()).expect("opens");
    let inner = UnixRoot::open_dir(directory.path().join("unsearchable")).expect("opens");
    let refusal = open(&outer, b"unsearchable/others-0644").expect_err("the directory is closed");
    assert_eq!(refusal.kind(), ErrorKind::PermissionDenied);
    // The root itself must let the client search it; what lies above is not looked at.
    let refusal = open(&inner, b"others-0644").expect_err("the root is closed");
    assert_eq!(refusal.kind(), ErrorKind::PermissionDenied);
    fs::create_dir(directory.path().join("unsearchable/export")).expect("created");
    fs::write(directory.path().join("unsearchable/export/notes"), "").expect("written");
    let export = UnixRoot::open_dir(directory.path().join("unsearchable/export")).expect("opens");
    open(&export, b"notes").expect("served, as an exported directory is");
}

#[test]
fn t02_an_unprivileged_server_serves_its_own_user() {
    if is_root() {
        // On a server's thread that has given up its privilege for good.
        User::new(42_000, &[]).run(serve_own_files);
    } else {
        serve_own_files();
    }
}

fn serve_own_files() {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, mode) in [("own-0600", 0o600), ("own-0000", 0o000)] {
        let path = directory.path().join(name);
        fs::write(&path, name).expect("written");
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("its owner may");
    }
    let root = UnixRoot::open_dir(directory.path()).expect("opens");
    let open = |name: &str| -> Result<_> {
        let path = RelativePath::new(name.as_bytes())?;
        Connected::with_self().act(|by| root.open(by, &path, Open::Read))?
    };
    open("own-0600").expect("may");
    assert_eq!(open("own-0000").expect_err("may not").kind(), ErrorKind::PermissionDenied);
}

fn tree() -> TempDir {
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

/// What the client's own process is told when it opens the file.
fn of_the_clients_own_process(path: &Path) -> Option<ErrorKind> {
    let User { uid, gid, groups } = client();
    let groups: Vec<_> = groups.iter().map(u32::to_string).collect();
    let output = Command::new("setpriv")
        .args([format!("--reuid={uid}"), format!("--regid={gid}")])
        .arg(format!("--groups={}", groups.join(",")))
        .args(["--", "/bin/cat"])
        .arg(path)
        .env("LC_ALL", "C")
        .output()
        .expect("setpriv runs");
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    match () {
        () if output.status.success() => None,
        () if complaint.contains("Permission denied") => Some(ErrorKind::PermissionDenied),
        () if complaint.contains("No such file") => Some(ErrorKind::NotFound),
        () => panic!("{complaint}"),
    }
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

//! What the kernel lets the acting thread open, held against what it lets the client open.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use ipc_core::files::{Open, RelativePath, Root};
use ipc_core::{ErrorKind, Result};

use crate::root::UnixRoot;
use crate::testing::tree::{MATRIX, client, tree};
use crate::testing::{Connected, User, is_root, takes_root};

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

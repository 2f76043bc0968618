//! Where a walk leads, rights apart: held against the kernel's own resolution.

use std::fs::{self, Permissions as FileMode};
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::os::unix::net::UnixListener;

use rustix::fs::{CWD, FileType, Mode};
use tempfile::TempDir;

use super::*;
use crate::testing::{assert_passed, child_by, part, takes_namespaces, takes_root};

/// A client whose rights are this process's, and a judge who lets it do anything: what is left is
/// where names lead.
fn walked(root: &UnixRoot, name: &str, how: Open) -> Answer {
    let judge = Judge { gives: |_, _, _| true, ..judge(|| false) };
    judged(root, &judge, &somebody(), name, how)
}

fn somebody() -> UnixIdentity {
    UnixIdentity { uid: 41_500, gid: 41_500, groups: Some(Vec::new()) }
}

fn tree() -> TempDir {
    let outer = tempfile::tempdir().expect("a directory");
    let inner = outer.path().join("root");
    fs::create_dir_all(inner.join("docs/more")).expect("created");
    for name in ["../outside", "notes", "docs/deep", "docs/more/deeper"] {
        fs::write(inner.join(name), name).expect("written");
    }
    for (name, text) in LINKS {
        symlink(text, inner.join(name)).expect("linked");
    }
    let fifo = inner.join("fifo");
    rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("made");
    drop(UnixListener::bind(inner.join("socket")).expect("bound"));
    outer
}

const LINKS: [(&str, &str); 21] = [
    ("link", "notes"),
    ("again", "link"),
    ("way", "docs"),
    ("way-slash", "docs/"),
    ("notes-slash", "notes/"),
    ("notes-dot", "notes/."),
    ("docs/up", "../notes"),
    ("docs/more/up", "../../way/deep"),
    ("docs/around", "more/../../docs/./deep"),
    ("docs/through-a-file", "deep/../deep"),
    ("docs/through-nothing", "nothing/../deep"),
    ("here", "."),
    ("docs/parent", ".."),
    ("out", "../outside"),
    ("docs/out", "../../outside"),
    ("docs/far-out", "../../root/notes"),
    ("absolute", "/etc/hostname"),
    ("nowhere", "missing"),
    ("loop", "loop"),
    ("to", "fro"),
    ("fro", "to"),
];

#[test]
fn t29_names_and_links_lead_where_the_kernel_says() {
    let tree = tree();
    let mut names: Vec<String> =
        ["", "notes", "docs", "docs/deep", "missing", "docs/missing", "notes/x", "fifo", "socket"]
            .map(str::to_owned)
            .into();
    for (link, _) in LINKS {
        names.push(link.to_owned());
        names.extend(
            ["notes", "deep", "docs/deep", "parent/here/way/up"].map(|n| format!("{link}/{n}")),
        );
    }
    names.push("x".repeat(300));
    for follow in [true, false] {
        let root = root(&tree.path().join("root")).follow_links(follow);
        for name in &names {
            for how in [Open::Read, Open::List] {
                let expected = by_kernel(&root, name, how);
                assert_eq!(walked(&root, name, how), expected, "{name} {how:?} {follow}");
            }
        }
    }
}

#[test]
fn metadata_are_those_of_a_final_link_itself() {
    let tree = tree();
    let root = root(&tree.path().join("root"));
    let judge = judge(|| false);
    let own = rustix::process::geteuid().as_raw();
    let client = UnixIdentity { uid: own, ..somebody() };
    for (name, kind) in [
        ("", Ok(FileKind::Directory)),
        ("out", Ok(FileKind::Link)),
        ("loop", Ok(FileKind::Link)),
        ("way/up", Ok(FileKind::Link)),
        ("way/deep", Ok(FileKind::Regular)),
        ("fifo", Ok(FileKind::Fifo)),
        ("out/x", Err(ErrorKind::OutsideRoot)),
        ("missing", Err(ErrorKind::NotFound)),
    ] {
        let path = path(name);
        let asked = Asked { operation: Operation::Inspect, path: &path, client: &client };
        let walk = Walk::new(&root, &judge, &asked, Decider::Judge, FinalLink::Itself);
        let found = walk.and_then(|mut walk| walk.find());
        let found = found.map(|f| f.metadata.kind).map_err(|stop| stop.error.kind());
        assert_eq!(found, kind, "{name}");
    }
}

#[test]
fn another_file_system_is_refused_where_mounts_are_not_to_be_crossed() {
    let everything = root("/".as_ref());
    assert_eq!(walked(&everything, "proc/version", Open::Read), Err(ErrorKind::NotRegular));
    let one = root("/".as_ref()).cross_mounts(false);
    assert_eq!(walked(&one, "proc/version", Open::Read), Err(ErrorKind::OutsideRoot));
}

#[test]
fn a_walk_ends_however_many_links_and_directories_there_are() {
    let tree = tempfile::tempdir().expect("a directory");
    let mut deep = tree.path().to_owned();
    (0..130).for_each(|_| deep.push("d"));
    fs::create_dir_all(&deep).expect("created");
    symlink("d/../".repeat(800), tree.path().join("l0")).expect("linked");
    for at in 1..41 {
        let text = format!("l{}/{}", at - 1, "d/../".repeat(700));
        symlink(text, tree.path().join(format!("l{at}"))).expect("linked");
    }
    let root = root(tree.path());
    let down = |depth: usize| vec!["d"; depth].join("/");
    assert_eq!(walked(&root, &down(128), Open::List), Ok(()));
    assert_eq!(walked(&root, &down(129), Open::List), Err(ErrorKind::LimitExceeded));
    assert_eq!(walked(&root, "l0", Open::List), Ok(()));
    assert_eq!(walked(&root, "l39", Open::List), Err(ErrorKind::OutsideRoot));
    assert_eq!(walked(&root, "l40", Open::List), Err(ErrorKind::OutsideRoot));
}

#[test]
fn a_strangers_link_in_a_directory_for_all_is_followed_only_on_the_way_elsewhere() {
    let of = |owner, mode| permissions::Permissions { owner, group: 0, mode, list: None };
    let client = somebody();
    let (sticky, plain) = (of(1, 0o1777), of(1, 0o777));
    let protecting = judge(|| true);
    for (link, directory, follows) in [
        (of(7, 0o777), &sticky, false),
        (of(client.uid, 0o777), &sticky, true),
        (of(1, 0o777), &sticky, true),
        (of(7, 0o777), &plain, true),
        (of(7, 0o777), &of(1, 0o1775), true),
    ] {
        assert_eq!(protecting.lets_follow(&client, &link, directory), follows, "{directory:?}");
        assert!(judge(|| false).lets_follow(&client, &link, directory));
    }
}

#[test]
fn a_strangers_link_counts_where_it_is_the_last_component() {
    if !takes_root("a_strangers_link_counts_where_it_is_the_last_component") {
        return;
    }
    let tree = tree();
    let inner = tree.path().join("root");
    let shared = inner.join("docs");
    fs::set_permissions(&shared, FileMode::from_mode(0o1777)).expect("root may");
    symlink("more", shared.join("strangers")).expect("linked");
    lchown(shared.join("strangers"), Some(7), None).expect("root may");
    let judge = Judge { gives: |_, _, _| true, ..judge(|| true) };
    let answer = |name: &str, how| judged(&root(&inner), &judge, &somebody(), name, how);
    assert_eq!(answer("docs/strangers", Open::List), Err(ErrorKind::PermissionDenied));
    assert_eq!(answer("docs/strangers/deeper", Open::Read), Ok(()));
    assert_eq!(answer("docs/up", Open::Read), Ok(()), "a link of the directory's owner");
}

#[test]
fn nothing_is_judged_on_a_file_system_that_is_not_known() {
    const TEST: &str = "nothing_is_judged_on_a_file_system_that_is_not_known";
    if part().is_some() {
        return judge_beyond_a_mount();
    }
    if takes_namespaces(TEST) {
        let place = tempfile::tempdir().expect("a directory");
        let mount = format!(
            "cd {} && mkdir huge links && mount -t hugetlbfs none huge && \
             mount -t tmpfs -o nosymfollow none links && ln -s nothing links/link && exec \"$0\" \"$@\"",
            place.path().display()
        );
        let wrapper = ["unshare", "--mount", "sh", "-c", &mount];
        let output = child_by(&wrapper, &format!("check::tests::walks::{TEST}"), "server").output();
        assert_passed(&output.expect("runs"));
    }
}

fn judge_beyond_a_mount() {
    let root = root(".".as_ref());
    assert_eq!(walked(&root, "huge", Open::List), Err(ErrorKind::NotPrivileged));
    assert_eq!(walked(&root, "huge/missing", Open::Read), Err(ErrorKind::NotPrivileged));
    assert_eq!(walked(&root, "links", Open::List), Ok(()));
    assert_eq!(walked(&root, "links/link", Open::Read), by_kernel(&root, "links/link", Open::Read));
    assert_eq!(walked(&root, "links/link", Open::Read), Err(ErrorKind::OutsideRoot));
}

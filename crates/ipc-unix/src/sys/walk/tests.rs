use std::fs::{self, File};
use std::os::unix::fs::symlink;

use ipc_core::files::FileKind;
use rustix::fs::{CWD, FileType};
use tempfile::TempDir;

use super::*;
use crate::sys::files::open_directory;

fn tree() -> (TempDir, OwnedFd) {
    let outer = tempfile::tempdir().expect("a directory");
    let inner = outer.path().join("root");
    fs::create_dir_all(inner.join("docs/more")).expect("created");
    fs::write(outer.path().join("outside"), "").expect("written");
    fs::write(inner.join("docs/more/deep"), "").expect("written");
    symlink("docs", inner.join("way")).expect("linked");
    symlink("../outside", inner.join("out")).expect("linked");
    let root = open_directory(&inner).expect("opened");
    (outer, root)
}

fn path(text: &str) -> RelativePath {
    RelativePath::new(text.as_bytes()).expect("a good path")
}

#[test]
fn names_are_resolved_below_the_root_and_links_are_not() {
    let (_tree, root) = tree();
    let rules = ResolveRules::default();
    let open = |name: &str, wanted| open_below(root.as_fd(), &path(name), wanted, rules);
    let opened = File::from(open("docs/more/deep", Wanted::Content).expect("opened"));
    assert!(opened.metadata().expect("told").is_file());
    open("docs/more", Wanted::Directory).expect("opened");
    open("", Wanted::Directory).expect("the root itself");
    for name in ["out", "way", "way/more/deep", "docs/more/deep/x"] {
        open(name, Wanted::Content).expect_err(name);
    }
    let missing = open("docs/missing", Wanted::Content).expect_err("missing");
    assert_eq!(missing.kind(), io::ErrorKind::NotFound);
}

#[test]
fn metadata_is_that_of_the_name_itself() {
    let (_tree, root) = tree();
    let stat = |name: &str| stat_below(root.as_fd(), &path(name), ResolveRules::default());
    for (name, kind) in [
        ("", FileKind::Directory),
        ("docs/more", FileKind::Directory),
        ("docs/more/deep", FileKind::Regular),
        ("out", FileKind::Link),
    ] {
        assert_eq!(stat(name).expect(name).kind, kind, "{name}");
    }
    stat("way/more").expect_err("through a link");
}

#[test]
fn another_volume_is_refused_where_it_must_not_be_entered() {
    let root = open_directory("/".as_ref()).expect("opened");
    let mut rules = ResolveRules::default();
    rules.cross_mounts = false;
    let refused = open_below(root.as_fd(), &path("proc/version"), Wanted::Content, rules);
    assert_eq!(refused.expect_err("elsewhere").raw_os_error(), Some(libc::EXDEV));
    let refused = stat_below(root.as_fd(), &path("proc"), rules);
    assert_eq!(refused.expect_err("elsewhere").raw_os_error(), Some(libc::EXDEV));
    open_below(root.as_fd(), &path(""), Wanted::Directory, rules).expect("the same volume");
}

#[test]
fn nothing_is_waited_for() {
    let (tree, root) = tree();
    let fifo = tree.path().join("root/fifo");
    rustix::fs::mknodat(CWD, fifo, FileType::Fifo, Mode::RUSR, 0).expect("made");
    open_below(root.as_fd(), &path("fifo"), Wanted::Content, ResolveRules::default())
        .expect("opened at once, without a writer");
}

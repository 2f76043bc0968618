//! What comes out of a served directory on every system.
//!
//! What only one has is shown by the tests of its own crate: links and FIFOs, devices and drives,
//! leases and shares.

mod common;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use common::Place;
use ipc::files::{FileKind, Metadata, Open, RelativePath, Root};
use ipc::{AsPeer, Error, ErrorKind, NativeRoot, Result};

/// A directory `root` with files, beside something that is not to be served.
fn tree() -> Place {
    let place = Place::new();
    fs::create_dir_all(place.path("root").join("docs")).expect("created");
    fs::write(place.path("outside"), "OUTSIDE").expect("written");
    fs::write(place.path("root").join("notes"), "inside").expect("written");
    fs::write(place.path("root").join("docs").join("deep"), "deep").expect("written");
    place
}

fn root_of(tree: &Place) -> NativeRoot {
    NativeRoot::open_dir(tree.path("root")).expect("the directory opens")
}

/// Runs `work` with this process's own rights, which are what is served here.
#[allow(clippy::disallowed_methods, reason = "the test serves itself")]
fn as_oneself<R>(work: impl FnOnce(&AsPeer) -> R) -> R {
    AsPeer::attest(work)
}

fn open(root: &NativeRoot, path: &str, how: Open) -> Result<File> {
    let path = RelativePath::new(path.as_bytes())?;
    as_oneself(|by| root.open(by, &path, how))
}

fn stat(root: &NativeRoot, path: &str) -> Result<Metadata> {
    let path = RelativePath::new(path.as_bytes())?;
    as_oneself(|by| root.stat(by, &path))
}

fn refusal(root: &NativeRoot, path: &str, how: Open) -> Option<ErrorKind> {
    open(root, path, how).err().map(|error| error.kind())
}

/// The first bytes of `file`.
fn head(root: &NativeRoot, file: &File) -> Vec<u8> {
    let mut buffer = vec![0; 16];
    let count = root.read_at(file, &mut buffer, 0).expect("read");
    buffer.truncate(count);
    buffer
}

#[test]
fn a_file_below_the_root_is_read() {
    let tree = tree();
    let root = root_of(&tree);
    for (path, content) in [("notes", "inside"), ("docs/deep", "deep"), ("./docs//deep", "deep")] {
        let file = open(&root, path, Open::Read).expect(path);
        assert_eq!(head(&root, &file), content.as_bytes());
    }
}

#[test]
fn what_is_no_file_or_no_directory_is_refused_for_the_same_reason_everywhere() {
    let tree = tree();
    let root = root_of(&tree);
    for (path, how, kind) in [
        ("missing", Open::Read, ErrorKind::NotFound),
        ("missing/x", Open::Read, ErrorKind::NotFound),
        ("notes/x", Open::Read, ErrorKind::NotADirectory),
        (&"x".repeat(300), Open::Read, ErrorKind::InvalidInput),
        ("docs", Open::Read, ErrorKind::IsADirectory),
        ("", Open::Read, ErrorKind::IsADirectory),
        ("notes", Open::List, ErrorKind::NotADirectory),
    ] {
        assert_eq!(refusal(&root, path, how), Some(kind), "{path}");
    }
    assert_eq!(stat(&root, "missing").expect_err("missing").kind(), ErrorKind::NotFound);
}

#[test]
fn t29_no_name_leads_out_of_the_root() {
    let tree = tree();
    let root = root_of(&tree);
    for path in ["../outside", "/etc/hostname", "docs/../../outside", ".."] {
        assert_eq!(refusal(&root, path, Open::Read), Some(ErrorKind::InvalidInput), "{path}");
    }
    // On Windows these are separators and drives, elsewhere names that nothing has.
    for path in [r"..\outside", r"docs\..\..\outside", "C:/Windows/win.ini", r"\\?\C:\"] {
        let refused = refusal(&root, path, Open::Read).expect(path);
        assert!([ErrorKind::InvalidInput, ErrorKind::NotFound].contains(&refused), "{path}");
    }
}

#[test]
fn t37_t38_a_length_is_a_hint_and_reading_stops_where_the_content_does() {
    const LONG: u64 = 1 << 30;
    let tree = tree();
    let root = root_of(&tree);
    let served = open(&root, "notes", Open::Read).expect("opened");
    let owner = File::options().write(true).open(tree.path("root").join("notes")).expect("opened");
    owner.set_len(LONG).expect("long");
    assert_eq!(root.metadata(&served).expect("told").length, LONG);
    let mut buffer = [1; 64];
    assert_eq!(root.read_at(&served, &mut buffer, LONG - 10).expect("read"), 10);
    owner.set_len(1000).expect("cut");
    assert_eq!(root.read_at(&served, &mut buffer, 990).expect("read"), 10);
    assert_eq!(root.read_at(&served, &mut buffer, 5000).expect("read"), 0);
}

#[test]
fn t40_a_file_that_is_replaced_is_still_served_whole() {
    let tree = tree();
    let root = root_of(&tree);
    let served = open(&root, "notes", Open::Read).expect("opened");
    let (new, notes) = (tree.path("root").join("new"), tree.path("root").join("notes"));
    fs::write(&new, "replaced").expect("written");
    // Not every system gives the name of an open file to another in one step.
    fs::rename(&notes, tree.path("root").join("old")).expect("renamed");
    fs::rename(new, notes).expect("renamed");
    assert_eq!(head(&root, &served), b"inside");
    let served = open(&root, "notes", Open::Read).expect("opened");
    assert_eq!(head(&root, &served), b"replaced");
}

#[test]
fn metadata_is_what_the_system_tells() {
    let tree = tree();
    let root = root_of(&tree);
    let early = SystemTime::UNIX_EPOCH - Duration::from_millis(1500);
    let file = File::options().write(true).open(tree.path("root").join("notes")).expect("opened");
    for time in [SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000), early] {
        file.set_modified(time).expect("its owner may");
        let notes = stat(&root, "notes").expect("told");
        assert_eq!((notes.kind, notes.length), (FileKind::Regular, 6));
        assert_eq!(notes.modified, Some(time));
    }
    for path in ["", "docs"] {
        assert_eq!(stat(&root, path).expect(path).kind, FileKind::Directory, "{path}");
    }
    let (notes, deep) = (stat(&root, "notes").expect("told"), stat(&root, "docs/deep"));
    let deep = deep.expect("told");
    assert_ne!((notes.device, notes.inode), (deep.device, deep.inode), "two files");
    let opened = open(&root, "notes", Open::Read).expect("opened");
    let opened = root.metadata(&opened).expect("told");
    assert_eq!((opened.device, opened.inode), (notes.device, notes.inode), "one file");
}

#[test]
fn a_directory_is_listed_from_its_beginning_each_time_and_as_far_as_wanted() {
    let tree = tree();
    let many: Vec<Vec<u8>> = (0..500)
        .map(|number| format!("ä rather long name for entry number {number}").into_bytes())
        .collect();
    for name in &many {
        let name = std::str::from_utf8(name).expect("text");
        fs::write(tree.path("root").join("docs").join(name), "").expect("written");
    }
    let root = root_of(&tree);
    let docs = open(&root, "docs", Open::List).expect("opened");
    for _ in 0..2 {
        let mut found = BTreeMap::new();
        root.entries(&docs, &mut |entry| found.insert(entry.name, entry.kind).is_none())
            .expect("listed");
        let known = many.iter().cloned().chain([b"deep".to_vec()]);
        assert_eq!(found, known.map(|name| (name, Some(FileKind::Regular))).collect());
    }
    let mut count = 0;
    root.entries(&docs, &mut |_| {
        count += 1;
        false
    })
    .expect("listed");
    assert_eq!(count, 1);
    let top = open(&root, "", Open::List).expect("the root itself");
    let mut found = BTreeMap::new();
    root.entries(&top, &mut |entry| found.insert(entry.name, entry.kind).is_none())
        .expect("listed");
    let known = [("docs", FileKind::Directory), ("notes", FileKind::Regular)];
    assert_eq!(found, known.map(|(name, kind)| (name.as_bytes().to_vec(), Some(kind))).into());
}

#[test]
fn a_root_that_cannot_be_opened_is_named() {
    let tree = tree();
    for (name, kind) in [("nowhere", ErrorKind::NotFound), ("outside", ErrorKind::NotADirectory)] {
        let path = tree.path(name);
        let refusal = NativeRoot::open_dir(&path).expect_err(name);
        assert_eq!(refusal.kind(), kind, "{refusal}");
        let path = path.display().to_string();
        assert!(matches!(&refusal, Error::Io { at: Some(at), .. } if *at == path), "{refusal:?}");
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "it is what is tested")]
fn who_asks_for_the_servers_own_rights_by_name_gets_them_below_the_root_only() {
    let tree = tree();
    let root = root_of(&tree);
    let path = |text: &str| RelativePath::new(text.as_bytes()).expect("a good path");
    let served = root.open_as_server(&path("docs/deep"), Open::Read).expect("opened");
    assert_eq!(head(&root, &served), b"deep");
    assert_eq!(root.stat_as_server(&path("notes")).expect("told").length, 6);
    for (name, kind) in [("docs", ErrorKind::IsADirectory), ("missing", ErrorKind::NotFound)] {
        let refused = root.open_as_server(&path(name), Open::Read).expect_err(name);
        assert_eq!(refused.kind(), kind, "{name}");
    }
}

//! What comes out of a served directory and what does not, of what only Windows has: devices, drives,
//! junctions, names that mean something else, shares. What every system has is in `tests/files.rs` of
//! the workspace.
#![cfg(windows)]

use std::fs::{self, File, OpenOptions};
use std::os::windows::fs::OpenOptionsExt as _;
use std::os::windows::io::OwnedHandle;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ipc_core::files::{FileKind, Open, RelativePath, Root};
use ipc_core::{ErrorKind, Result};
use ipc_testkit::skip;
use ipc_windows::WindowsRoot;
use tempfile::TempDir;

mod support;

use support::{as_oneself, head, junction, open, refusal, root, stat};

/// A directory `root` with files, beside something that is not to be served.
fn tree() -> TempDir {
    let outer = tempfile::tempdir().expect("a directory");
    let inner = outer.path().join("root");
    fs::create_dir_all(inner.join("docs")).expect("created");
    fs::write(outer.path().join("outside"), "OUTSIDE").expect("written");
    fs::write(inner.join("notes"), "inside").expect("written");
    fs::write(inner.join("docs/deep"), "deep").expect("written");
    outer
}

#[test]
fn a_name_is_found_whatever_its_case() {
    let tree = tree();
    let root = root(tree.path().join("root"));
    for (path, content) in [("NOTES", "inside"), ("Docs/Deep", "deep")] {
        let file = open(&root, path, Open::Read).expect(path);
        assert_eq!(head(&root, &file), content.as_bytes());
    }
}

#[test]
fn what_cannot_be_opened_is_refused_for_the_same_reason_as_on_unix() {
    let tree = tree();
    let root = root(tree.path().join("root"));
    for (path, kind) in [
        ("missing", ErrorKind::NotFound),
        ("missing/deeper/still", ErrorKind::NotFound),
        ("docs/missing/deeper", ErrorKind::NotFound),
        ("notes/x", ErrorKind::NotADirectory),
        ("docs/deep/x/y/z", ErrorKind::NotADirectory),
        ("docs", ErrorKind::IsADirectory),
        ("", ErrorKind::IsADirectory),
        (&"x".repeat(300), ErrorKind::InvalidInput),
        (&"x/".repeat(2000), ErrorKind::NotFound),
    ] {
        assert_eq!(refusal(&root, path), Some(kind), "{path}");
    }
    for (path, kind) in [("missing", ErrorKind::NotFound), ("notes", ErrorKind::NotADirectory)] {
        let refusal = open(&root, path, Open::List).expect_err(path);
        assert_eq!(refusal.kind(), kind, "{path}");
    }
}

#[test]
fn t29_t33_t34_no_name_leads_out_of_the_root() {
    let tree = tree();
    let root = root(tree.path().join("root"));
    for path in [
        "../outside",
        "docs/../../outside",
        "docs/..",
        "/Windows/win.ini",
        r"..\outside",
        r"docs\..\..\outside",
        r"\Windows\win.ini",
        r"C:\Windows\win.ini",
        "C:/Windows/win.ini",
        "C:",
        "Z:/etc/hostname",
        r"\\?\C:\Windows\win.ini",
        r"\\.\pipe\evil",
        r"\??\pipe\evil",
        r"\\127.0.0.1\share\x",
        r"docs/\\.\pipe\evil",
        r"\\.\unix\etc\hostname",
    ] {
        assert_eq!(refusal(&root, path), Some(ErrorKind::InvalidInput), "{path}");
        let look = stat(&root, path).expect_err(path);
        assert_eq!(look.kind(), ErrorKind::InvalidInput, "{path}");
        let list = open(&root, path, Open::List).expect_err(path);
        assert_eq!(list.kind(), ErrorKind::InvalidInput, "{path}");
    }
    // Names such as these are not asked of the system at all.
    assert_eq!(refusal(&root, "pipe/evil"), Some(ErrorKind::NotFound));
}

#[test]
fn t32_t35_a_name_that_means_something_else_is_refused_even_where_a_file_has_it() {
    let tree = tree();
    let inner = tree.path().join("root").canonicalize().expect("there");
    let root = root(&inner);
    for name in
        ["nul", "nul.txt", "COM1.log", "aux", "con", "LPT9.x", "COM\u{b9}.txt", "notes.", "notes "]
    {
        // By a path that the system reads as it stands, such names can be had.
        let planted = inner.join(name);
        let is_there = fs::write(&planted, "planted").is_ok();
        assert_eq!(refusal(&root, name), Some(ErrorKind::InvalidInput), "{name:?}");
        assert_eq!(refusal(&root, &format!("docs/{name}")), Some(ErrorKind::InvalidInput));
        if is_there {
            fs::remove_file(planted).expect("removed as it was made");
        }
    }
    for name in ["notes:stream", "notes::$DATA", "docs:$I30:$INDEX_ALLOCATION", "a?", "*", "no<"] {
        assert_eq!(refusal(&root, name), Some(ErrorKind::InvalidInput), "{name}");
    }
    assert_eq!(refusal(&root, "notes"), None);
}

#[test]
fn names_that_are_no_unicode_are_refused() {
    let tree = tree();
    let root = root(tree.path().join("root"));
    let path = RelativePath::new(b"docs/\xff").expect("bytes");
    let refusal = as_oneself(|by| root.open(by, &path, Open::Read)).expect_err("no name");
    assert_eq!(refusal.kind(), ErrorKind::InvalidInput);
    assert!(refusal.chain().contains(r"`\xff` is no Unicode"), "{}", refusal.chain());
}

#[test]
fn t29_no_link_is_followed_wherever_it_leads() {
    let tree = tree();
    let inner = tree.path().join("root");
    let root = root(&inner);
    if !junction(&root, &inner.join("way"), &inner.join("docs")) {
        return skip("t29_no_link_is_followed_wherever_it_leads", "there are no junctions here");
    }
    assert!(junction(&root, &inner.join("out"), tree.path()));
    for path in ["way/deep", "way", "out/outside", "out"] {
        assert_eq!(refusal(&root, path), Some(ErrorKind::OutsideRoot), "{path}");
    }
    assert_eq!(stat(&root, "out/outside").expect_err("a link").kind(), ErrorKind::OutsideRoot);
    assert_eq!(stat(&root, "out").expect("told of the link itself").kind, FileKind::Link);
    let list = open(&root, "out", Open::List).expect_err("a link");
    assert_eq!(list.kind(), ErrorKind::OutsideRoot);
}

#[test]
fn t29_a_directory_that_is_swapped_for_a_link_meanwhile_does_not_lead_out() {
    let tree = tree();
    let inner = tree.path().join("root");
    let root = root(&inner);
    let [race, link, aside] = ["race", "link", "aside"].map(|name| inner.join(name));
    fs::create_dir(&race).expect("created");
    fs::write(race.join("outside"), "inside").expect("written");
    if !junction(&root, &link, tree.path()) {
        let test = "t29_a_directory_that_is_swapped_for_a_link_meanwhile_does_not_lead_out";
        return skip(test, "there are no junctions here");
    }
    serve_while(&root, "race/outside", || {
        // Whoever holds the file open meanwhile keeps its directory where it is.
        if fs::rename(&race, &aside).is_ok() {
            fs::rename(&link, &race).expect("the name is free");
            fs::rename(&race, &link).expect("nobody opens a link");
            fs::rename(&aside, &race).expect("the name is free");
        }
    });
}

#[test]
fn t29_a_directory_that_is_moved_meanwhile_does_not_lead_elsewhere() {
    let tree = tree();
    let inner = tree.path().join("root");
    let root = root(&inner);
    let [race, away] = [inner.join("race"), tree.path().join("away")];
    fs::create_dir(&race).expect("created");
    fs::write(race.join("outside"), "inside").expect("written");
    serve_while(&root, "race/outside", || {
        if fs::rename(&race, &away).is_ok() {
            fs::rename(&away, &race).expect("nobody finds it there");
        }
    });
}

/// Reads `path` many times while `meanwhile` runs again and again: it says `inside`, or is refused,
/// and both come to pass.
fn serve_while(root: &WindowsRoot, path: &str, meanwhile: impl Fn() + Sync) {
    const ROUNDS: usize = 2_000;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                meanwhile();
            }
        });
        let _over = Raise(&over);
        let (mut served, mut refused) = (0, 0);
        while served + refused < ROUNDS || served == 0 || refused == 0 {
            match open(root, path, Open::Read) {
                Ok(file) => {
                    assert_eq!(head(root, &file), b"inside");
                    served += 1;
                }
                Err(_) => refused += 1,
            }
        }
    });
}

/// Raises the flag when it is dropped, by a panic too.
struct Raise<'a>(&'a AtomicBool);

impl Drop for Raise<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn t36_a_file_that_somebody_shares_with_nobody_is_busy_and_makes_nobody_wait() {
    let tree = tree();
    let root = root(tree.path().join("root"));
    let held = OpenOptions::new().read(true).share_mode(0).open(tree.path().join("root/notes"));
    let held = held.expect("nobody else has it");
    assert_eq!(refusal(&root, "notes"), Some(ErrorKind::Busy));
    assert_eq!(stat(&root, "notes").expect("can be looked at").length, 6);
    drop(held);
    assert_eq!(refusal(&root, "notes"), None);
}

#[test]
fn a_served_file_can_be_written_renamed_and_removed_meanwhile() {
    let tree = tree();
    let inner = tree.path().join("root");
    let root = root(&inner);
    let writer = OpenOptions::new().write(true).open(inner.join("notes")).expect("opened");
    let served = open(&root, "notes", Open::Read).expect("beside a writer");
    drop(writer);
    fs::write(inner.join("notes"), "longer than before").expect("beside a reader");
    fs::rename(inner.join("notes"), inner.join("docs/renamed")).expect("beside a reader");
    assert_eq!(head(&root, &served), b"longer than befo");
    fs::remove_file(inner.join("docs/renamed")).expect("beside a reader");
    let listed = open(&root, "docs", Open::List).expect("opened");
    fs::rename(inner.join("docs/deep"), inner.join("deep")).expect("beside a listing");
    drop((served, listed));
    assert_eq!(refusal(&root, "docs/renamed"), Some(ErrorKind::NotFound));
}

#[test]
fn a_long_directory_is_listed_whole() {
    const MANY: usize = 1200;
    let tree = tree();
    let docs = tree.path().join("root/docs");
    for number in 0..MANY {
        File::create(docs.join(format!("{number:04} with a name that takes room"))).expect("made");
    }
    let root = root(tree.path().join("root"));
    let listed = open(&root, "docs", Open::List).expect("opened");
    let mut count = 0;
    root.entries(&listed, &mut |_| {
        count += 1;
        true
    })
    .expect("listed");
    assert_eq!(count, MANY + 1);
}

#[test]
fn t32_t33_a_handle_from_elsewhere_is_admitted_by_the_same_rules() {
    let tree = tree();
    let root = root(tree.path().join("root"));
    let kind = |outcome: Result<File>| outcome.map(drop).map_err(|error| error.kind());
    let device = || OpenOptions::new().read(true).open("NUL").expect("always there");
    assert_eq!(kind(root.admit(device(), Open::Read)), Err(ErrorKind::NotRegular));
    assert_eq!(kind(root.admit(device(), Open::List)), Err(ErrorKind::NotADirectory));
    let mut child = Command::new("cmd").args(["/c", "rem"]).stdout(Stdio::piped()).spawn();
    let child = child.as_mut().expect("starts");
    let pipe = File::from(OwnedHandle::from(child.stdout.take().expect("piped")));
    assert_eq!(kind(root.admit(pipe, Open::Read)), Err(ErrorKind::NotRegular));
    child.wait().expect("ends");
    let directory = || open(&root, "docs", Open::List).expect("opened");
    assert_eq!(kind(root.admit(directory(), Open::Read)), Err(ErrorKind::IsADirectory));
    assert_eq!(kind(root.admit(directory(), Open::List)), Ok(()));
}

#[test]
fn a_device_is_no_root() {
    let refusal = WindowsRoot::open_dir("NUL").expect_err("no directory");
    assert_eq!(refusal.kind(), ErrorKind::NotADirectory);
}

#[test]
fn with_all_drives_a_path_begins_with_one_of_this_machine() {
    let tree = tree();
    let all = WindowsRoot::all_drives().expect("there is one");
    let place = tree.path().canonicalize().expect("there");
    let place = place.to_str().expect("text").trim_start_matches(r"\\?\").replace('\\', "/");
    let notes = format!("{place}/root/notes");
    for path in [&notes, &notes.to_lowercase(), &notes.to_uppercase()] {
        assert_eq!(head(&all, &open(&all, path, Open::Read).expect(path)), b"inside");
    }
    let drive = &place[..2];
    assert_eq!(stat(&all, drive).expect("its top").kind, FileKind::Directory);
    open(&all, drive, Open::List).expect("its top");
    for (path, kind) in [
        ("", ErrorKind::InvalidInput),
        ("Windows/win.ini", ErrorKind::InvalidInput),
        ("127.0.0.1/share/x", ErrorKind::InvalidInput),
        ("pipe/evil", ErrorKind::InvalidInput),
        ("C:Windows/win.ini", ErrorKind::InvalidInput),
        ("1:/x", ErrorKind::InvalidInput),
        ("GLOBALROOT/x", ErrorKind::InvalidInput),
        (&format!("{drive}/C:/x"), ErrorKind::InvalidInput),
        (&format!("{drive}/nul"), ErrorKind::InvalidInput),
        (&format!("{drive}/no such file"), ErrorKind::NotFound),
    ] {
        assert_eq!(refusal(&all, path), Some(kind), "{path}");
    }
}

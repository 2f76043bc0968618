//! What comes out of a served directory and what does not, of what only Unix has: links, devices,
//! FIFOs, leases, mounts, names of any bytes.

#![cfg(unix)]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ipc_core::files::{FileKind, Metadata, Open, RelativePath, Root};
use ipc_core::{ErrorKind, Result};
use ipc_testkit::skip;
use ipc_unix::UnixRoot;
use rustix::fs::{CWD, FileType, Mode, RenameFlags};
use tempfile::TempDir;

mod support;

use support::{as_oneself, head, lease, open, refusal, root};

/// A directory `root` with files and links, beside something that is not to be served.
fn tree() -> TempDir {
    let outer = tempfile::tempdir().expect("a directory");
    let inner = outer.path().join("root");
    fs::create_dir_all(inner.join("docs")).expect("created");
    fs::write(outer.path().join("outside"), "OUTSIDE").expect("written");
    fs::write(inner.join("notes"), "inside").expect("written");
    fs::write(inner.join("docs/deep"), "deep").expect("written");
    for (name, target) in [
        ("link", "notes"),
        ("docs/up", "../notes"),
        ("way", "docs"),
        ("out", "../outside"),
        ("far", "/etc/hostname"),
        ("magic", "/proc/self/exe"),
        ("loop", "loop"),
        ("nowhere", "missing"),
    ] {
        symlink(target, inner.join(name)).expect("linked");
    }
    outer
}

fn stat(root: &UnixRoot, path: &str) -> Result<Metadata> {
    let path = RelativePath::new(path.as_bytes())?;
    as_oneself(|by| root.stat(by, &path))
}

const OUTSIDE: Option<ErrorKind> = Some(ErrorKind::OutsideRoot);
const NOT_REGULAR: Option<ErrorKind> = Some(ErrorKind::NotRegular);

#[test]
fn t29_no_name_and_no_link_leads_out_of_the_root() {
    let tree = tree();
    let root = root(tree.path().join("root"));
    for path in ["../outside", "/etc/hostname", "docs/../../outside"] {
        assert_eq!(refusal(&root, path), Some(ErrorKind::InvalidInput), "{path}");
    }
    for path in ["out", "far", "magic", "loop"] {
        assert_eq!(refusal(&root, path), OUTSIDE, "{path}");
    }
    for (path, content) in [("link", "inside"), ("docs/up", "inside"), ("way/deep", "deep")] {
        assert_eq!(head(&root, &open(&root, path, Open::Read).expect(path)), content.as_bytes());
    }
    assert_eq!(refusal(&root, "nowhere"), Some(ErrorKind::NotFound));
}

#[test]
fn links_are_refused_where_they_are_not_to_be_followed() {
    let tree = tree();
    let root = root(tree.path().join("root")).follow_links(false);
    for path in ["link", "docs/up", "way/deep", "out", "nowhere"] {
        assert_eq!(refusal(&root, path), OUTSIDE, "{path}");
    }
    assert_eq!(refusal(&root, "docs/deep"), None);
}

#[test]
fn another_file_system_is_refused_where_mounts_are_not_to_be_crossed() {
    assert_eq!(refusal(&root("/").cross_mounts(false), "proc/version"), OUTSIDE);
    assert_eq!(refusal(&root("/"), "proc/version"), NOT_REGULAR, "for what it is");
}

#[test]
fn t29_a_directory_that_is_swapped_for_a_link_meanwhile_does_not_lead_out() {
    const ROUNDS: usize = 20_000;
    let tree = tree();
    let [race, other] = ["race", "other"].map(|name| tree.path().join("root").join(name));
    fs::create_dir(&race).expect("created");
    fs::write(race.join("outside"), "inside").expect("written");
    symlink(tree.path(), &other).expect("linked");
    let root = root(tree.path().join("root"));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                rustix::fs::renameat_with(CWD, &race, CWD, &other, RenameFlags::EXCHANGE)
                    .expect("exchanged");
            }
        });
        let _over = Raise(&over);
        // On a busy machine it may take a while until both have had their turn.
        let (mut served, mut refused) = (0, 0);
        while served + refused < ROUNDS || served == 0 || refused == 0 {
            match open(&root, "race/outside", Open::Read) {
                Ok(file) => {
                    assert_eq!(head(&root, &file), b"inside");
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
fn t30_t39_what_the_kernel_makes_up_is_not_served() {
    let all = root("/");
    for path in [
        "proc/self/environ",
        "proc/self/maps",
        "proc/self/status",
        "proc/self/mem",
        "proc/thread-self/environ",
        "sys/kernel/mm/transparent_hugepage/enabled",
    ] {
        if Path::new("/").join(path).exists() {
            assert_eq!(refusal(&all, path), NOT_REGULAR, "{path}");
        }
    }
    for path in ["proc/self/exe", "proc/self/cwd/notes", "proc/self/fd/0", "dev/fd/0", "dev/stdin"]
    {
        assert_eq!(refusal(&all, path), OUTSIDE, "{path}");
    }
    let list = open(&all, "proc/self/fd", Open::List).expect_err("refused");
    assert_eq!(list.kind(), ErrorKind::NotRegular);
}

#[test]
fn t31_t32_only_regular_files_are_read_and_nothing_is_waited_for() {
    let tree = tree();
    let inner = tree.path().join("root");
    let fifo = inner.join("fifo");
    rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("made");
    let _socket = UnixListener::bind(inner.join("socket")).expect("bound");
    let root = root(inner);
    assert_eq!(refusal(&root, "fifo"), NOT_REGULAR);
    assert_eq!(refusal(&root, "socket"), NOT_REGULAR);
    assert_eq!(refusal(&root, "docs"), Some(ErrorKind::IsADirectory));
    assert_eq!(refusal(&root, ""), Some(ErrorKind::IsADirectory));
    for path in ["dev/zero", "dev/null", "dev/full"] {
        assert_eq!(refusal(&support::root("/"), path), NOT_REGULAR, "{path}");
    }
}

#[test]
fn t36_a_lease_makes_nobody_wait() {
    let tree = tree();
    let leased = File::open(tree.path().join("root/notes")).expect("opened");
    if let Err(error) = lease(&leased) {
        return skip("t36_a_lease_makes_nobody_wait", &format!("no leases here: {error}"));
    }
    let root = root(tree.path().join("root"));
    assert_eq!(refusal(&root, "notes"), Some(ErrorKind::Busy));
    drop(leased);
    assert_eq!(refusal(&root, "notes"), None);
}

#[test]
fn metadata_is_told_without_opening_and_of_a_link_itself() {
    let tree = tree();
    let inner = tree.path().join("root");
    fs::set_permissions(inner.join("notes"), Permissions::from_mode(0o000)).expect("its owner may");
    let root = root(&inner);
    let notes = stat(&root, "notes").expect("told");
    let known = fs::metadata(inner.join("notes")).expect("told");
    assert_eq!((notes.kind, notes.length, notes.mode), (FileKind::Regular, 6, Some(0)));
    assert_eq!(notes.modified, known.modified().ok());
    for (path, kind) in [
        ("", FileKind::Directory),
        ("docs", FileKind::Directory),
        ("link", FileKind::Link),
        ("out", FileKind::Link),
        ("docs/up", FileKind::Link),
        ("way/deep", FileKind::Regular),
    ] {
        assert_eq!(stat(&root, path).expect(path).kind, kind, "{path}");
    }
    assert_eq!(stat(&support::root("/"), "dev/null").expect("told").kind, FileKind::Device);
    assert_eq!(stat(&root, "missing").expect_err("missing").kind(), ErrorKind::NotFound);
    assert_eq!(stat(&root, "out/x").expect_err("not there").kind(), ErrorKind::OutsideRoot);
}

#[test]
fn a_directory_is_listed_from_its_beginning_each_time_and_as_far_as_wanted() {
    let tree = tree();
    let strange = OsStr::from_bytes(b"a\nb\xff");
    fs::write(tree.path().join("root/docs").join(strange), "").expect("written");
    let root = root(tree.path().join("root"));
    let docs = open(&root, "docs", Open::List).expect("opened");
    for _ in 0..2 {
        let mut found = BTreeMap::new();
        root.entries(&docs, &mut |entry| found.insert(entry.name, entry.kind).is_none())
            .expect("listed");
        let known: [(&[u8], _); 3] = [
            (b"a\nb\xff", FileKind::Regular),
            (b"deep", FileKind::Regular),
            (b"up", FileKind::Link),
        ];
        assert_eq!(found, known.map(|(name, kind)| (name.to_vec(), Some(kind))).into());
    }
    let mut count = 0;
    root.entries(&docs, &mut |_| {
        count += 1;
        false
    })
    .expect("listed");
    assert_eq!(count, 1);
}

#[test]
fn a_handle_from_elsewhere_is_admitted_by_the_same_rules() {
    let root = root("/");
    let admit = |path: &str, how| root.admit(File::open(path).expect(path), how).map(drop);
    let kind = |outcome: Result<()>| outcome.map_err(|error| error.kind());
    assert_eq!(kind(admit("/proc/self/maps", Open::Read)), Err(ErrorKind::NotRegular));
    assert_eq!(kind(admit("/dev/null", Open::Read)), Err(ErrorKind::NotRegular));
    assert_eq!(kind(admit("/", Open::Read)), Err(ErrorKind::IsADirectory));
    assert_eq!(kind(admit("/dev/null", Open::List)), Err(ErrorKind::NotADirectory));
    assert_eq!(kind(admit("/", Open::List)), Ok(()));
}

use std::io::Write as _;

use ipc_windows::{FileAccess, FileAcl, Group};

use super::*;

fn place() -> (tempfile::TempDir, Directory) {
    let place = tempfile::tempdir().expect("a directory");
    let directory = Directory::open(place.path()).expect("opened");
    (place, directory)
}

fn refusal(directory: &Directory) -> String {
    let outcome = directory.open_exclusively(".out.part".as_ref());
    outcome.expect_err("somebody else may have put it there").to_string()
}

#[test]
fn what_is_received_is_this_users_alone_until_it_has_its_name() {
    let (place, directory) = place();
    let mut part = directory.open_exclusively(".out.part".as_ref()).expect("made").expect("free");
    part.write_all(b"content").expect("written");
    assert!(!files::others_may_write(&part).expect("told"));
    assert_eq!(files::owner(&part).expect("told"), Owner::ThisUser);
    let again = directory.open_exclusively(".out.part".as_ref()).expect("looked at");
    assert!(again.is_none(), "one process holds it");
    assert!(File::open(place.path().join(".out.part")).is_err(), "nobody else reads it");
    drop(part);
    let part = directory.open_exclusively(".out.part".as_ref()).expect("free").expect("there");
    directory.replace(&part, ".out.part".as_ref(), "out".as_ref()).expect("named");
    drop(part);
    assert_eq!(fs::read(place.path().join("out")).expect("readable"), b"content");
    let mut names: Vec<_> = fs::read_dir(place.path())
        .expect("readable")
        .map(|entry| entry.expect("readable").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["out"]);
}

#[test]
fn what_is_replaced_bequeaths_its_rights() {
    for shared in [true, false] {
        let (place, directory) = place();
        let out = place.path().join("out");
        fs::write(&out, "older").expect("made as by any program");
        rights(shared).apply_to(&out).expect("its owner may");
        let part = directory.open_exclusively(".out.part".as_ref()).expect("made").expect("free");
        assert!(!files::others_may_write(&part).expect("told"));
        directory.replace(&part, ".out.part".as_ref(), "out".as_ref()).expect("named");
        assert_eq!(files::others_may_write(&part).expect("told"), shared);
    }
}

#[test]
fn a_part_that_others_can_reach_is_not_adopted() {
    let (place, directory) = place();
    let part = place.path().join(".out.part");
    fs::write(&part, "older").expect("made as by any program");
    rights(true).apply_to(&part).expect("its owner may");
    assert!(refusal(&directory).contains("others may write to it; remove it"));
    fs::remove_file(&part).expect("there");
    drop(directory.create(".out.part".as_ref()).expect("made"));
    fs::hard_link(&part, place.path().join("second")).expect("a second name");
    assert!(refusal(&directory).contains("has a second name"));
    fs::remove_file(&part).expect("there");
    fs::create_dir(&part).expect("made");
    assert!(refusal(&directory).contains("is not a regular file"));
}

/// This user's, and everybody's if `shared`.
fn rights(shared: bool) -> FileAcl {
    let acl = FileAcl::administrators().allow_this_user(FileAccess::Full);
    if shared { acl.allow(Group::Everyone.sid(), FileAccess::Full) } else { acl }
}

#[test]
fn a_file_that_is_read_only_is_known_as_such_before_it_is_to_be_replaced() {
    let (place, directory) = place();
    let out = place.path().join("out");
    fs::write(&out, "kept").expect("made");
    let look = || directory.look("out".as_ref()).expect("looked at").expect("there");
    look().check_replaceable().expect("as any file");
    let mut permissions = fs::metadata(&out).expect("there").permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&out, permissions.clone()).expect("its owner may");
    let refusal = look().check_replaceable().expect_err("read-only");
    assert!(refusal.to_string().contains("read-only"), "{refusal}");
    #[allow(clippy::permissions_set_readonly_false, reason = "so that it can be removed")]
    permissions.set_readonly(false);
    fs::set_permissions(&out, permissions).expect("its owner may");
}

#[test]
fn names_in_a_directory_that_is_held_stay_in_it() {
    let (place, _) = place();
    let outer = place.path().join("outer");
    fs::create_dir_all(outer.join("inner")).expect("made");
    let directory = Directory::open(&outer.join("inner")).expect("opened");
    // Its path leads elsewhere now, as that of an empty directory may that becomes a link.
    let directory = Directory { path: place.path().canonicalize().expect("there"), ..directory };
    let part = directory.open_exclusively(".out.part".as_ref()).expect("made").expect("free");
    directory.replace(&part, ".out.part".as_ref(), "out".as_ref()).expect("named");
    drop(directory.create("passing".as_ref()).expect("made"));
    directory.rename("passing".as_ref(), "passed".as_ref()).expect("named");
    directory.remove("passed".as_ref()).expect("removed");
    let names = |path: &Path| fs::read_dir(path).expect("readable").count();
    assert_eq!((names(place.path()), names(&outer.join("inner"))), (1, 1));
    assert!(outer.join("inner/out").exists());
}

#[test]
fn names_that_are_no_files_are_refused() {
    let (_place, directory) = place();
    for name in ["a:b", "nul", "x.", "..", "COM1.part", "a*"] {
        assert!(directory.create(name.as_ref()).is_err(), "{name}");
        assert!(directory.look(name.as_ref()).is_err(), "{name}");
    }
    for path in [r"\\.\pipe", r"\\.\", "NUL"] {
        assert!(Directory::open(path.as_ref()).is_err(), "{path}");
    }
}

#[test]
fn a_directory_that_is_held_keeps_its_path() {
    let (place, _) = place();
    let inner = place.path().join("inner");
    fs::create_dir(&inner).expect("made");
    let directory = Directory::open(&inner).expect("opened");
    assert!(fs::rename(&inner, place.path().join("elsewhere")).is_err());
    drop(directory);
    fs::rename(&inner, place.path().join("elsewhere")).expect("nobody holds it");
}

//! Rights that change while they are looked at.

use std::fs::{self, File, Permissions as FileMode};
use std::os::unix::fs::{FileExt, PermissionsExt, chown};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::fs::XattrFlags;

use super::*;
use crate::check::access_list::AccessList;
use crate::check::access_list::tests::encode;
use crate::testing::{skip, takes_root};

/// The file is the client's group's and gives it nothing, or gives its group something and is
/// another's: half of the one and half of the other would be a right that the client never had.
#[test]
fn what_decides_is_judged_as_it_was_at_one_moment() {
    let name = "what_decides_is_judged_as_it_was_at_one_moment";
    if !takes_root(name) {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    fs::set_permissions(directory.path(), FileMode::from_mode(0o755)).expect("root may");
    let file = directory.path().join("file");
    fs::write(&file, "content").expect("written");
    let give_group = |own_group| {
        let users = vec![(7, 4)];
        let list = AccessList { users, own_group, groups: vec![], mask: Some(4), other: 0 };
        let list = encode(&list, 6);
        rustix::fs::setxattr(&file, "system.posix_acl_access", &list, XattrFlags::empty())
    };
    if give_group(0).is_err() {
        return skip(name, "the temporary directory's file system has no access control lists");
    }
    let client = User::new(41_500, &[]).ids();
    let change = || {
        chown(&file, None, Some(client.gid)).expect("root may");
        chown(&file, None, Some(0)).expect("root may");
        give_group(4).expect("root may");
        give_group(0).expect("root may");
    };
    let answers = answers_while(change, directory.path(), &client, 20_000);
    assert!(!answers.contains(&Ok(())), "a right that the client never had");
}

#[test]
fn a_file_that_is_written_to_all_the_time_is_judged() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = File::create(directory.path().join("file")).expect("created");
    let own = rustix::process::geteuid().as_raw();
    let client = UnixIdentity { uid: own, ..User::new(41_500, &[]).ids() };
    let write = || file.write_all_at(b"more", 0).expect("written");
    let answers = answers_while(write, directory.path(), &client, 2_000);
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

/// Judges `file` so many `times`, with another `change` under way again and again.
fn answers_while(
    change: impl Fn() + Sync,
    directory: &Path,
    client: &UnixIdentity,
    times: usize,
) -> Vec<Answer> {
    let (over, root) = (AtomicBool::new(false), root(directory));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                change();
            }
        });
        let _over = Raise(&over);
        let judge = Judge::of_this_system();
        (0..times).map(|_| judged(&root, &judge, client, "file", Open::Read)).collect()
    })
}

/// Raises the flag when it is dropped, by a panic too.
struct Raise<'a>(&'a AtomicBool);

impl Drop for Raise<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

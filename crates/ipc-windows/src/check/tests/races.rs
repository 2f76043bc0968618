//! The check while somebody exchanges what it looks at.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::*;

#[test]
fn t01_t29_a_file_that_is_exchanged_for_anothers_is_never_served_by_the_rights_of_the_first() {
    const TEST: &str =
        "t01_t29_a_file_that_is_exchanged_for_anothers_is_never_served_by_the_rights_of_the_first";
    if !takes_honest_windows(TEST) || !takes_administrator(TEST) {
        return;
    }
    let directory = Directory::new();
    let root = WindowsRoot::open_dir(directory.path()).expect("a root");
    let names = ["a/file", "b/file"];
    for way in ["a", "b"] {
        fs::create_dir(directory.path().join(way)).expect("made");
    }
    for (name, content) in names.into_iter().zip(["mine", "theirs"]) {
        fs::write(directory.path().join(name), content).expect("written");
    }
    FileAcl::administrators().apply_to(directory.path().join("b/file")).expect("set");
    let client = client_with(&without_administrators(), Grant::FULL);
    let over = AtomicBool::new(false);
    let (mut mine, mut denied) = (0, 0);
    thread::scope(|scope| {
        scope.spawn(|| exchange(directory.path(), &over));
        let _end = Sets(&over);
        for _ in 0..ROUNDS {
            match read(&root, client.peer(), "a/file") {
                Ok(content) => {
                    assert_eq!(content, "mine");
                    mine += 1;
                }
                Err(error) if error.kind() == ErrorKind::PermissionDenied => denied += 1,
                Err(_) => {}
            }
        }
    });
    assert!(mine > 0 && denied > 0, "{mine} and {denied}");
}

/// Gives the directories `a` and `b` each other's names until it is `over`.
fn exchange(directory: &Path, over: &AtomicBool) {
    let at = |name: &str| directory.join(name);
    while !over.load(Ordering::Relaxed) {
        for (from, to) in [("a", "c"), ("b", "a"), ("c", "b")] {
            while fs::rename(at(from), at(to)).is_err() && !over.load(Ordering::Relaxed) {}
        }
    }
}

/// Sets the flag when it is dropped, after a panic too.
struct Sets<'a>(&'a AtomicBool);

impl Drop for Sets<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

const ROUNDS: usize = 2000;

//! The demonstration: what it shows is true, or it fails.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use common::users::{ALICE, fileserve_as, is_root};
use common::{fileserve, run};

#[test]
fn the_demonstration_shows_what_one_user_can_and_says_what_it_leaves_out() {
    let demo = if fileserve::platform::can_become_others() {
        run(fileserve_as(ALICE, ["demo"]))
    } else {
        run(fileserve(["demo"]))
    };
    let text = demo.text();
    assert!(text.contains("24 of 24 answers are what they must be"), "{text}");
    assert!(text.contains("Left out: clients of other users"), "{text}");
}

#[test]
fn the_demonstration_keeps_four_users_apart() {
    if !is_root("the_demonstration_keeps_four_users_apart") {
        return;
    }
    let text = run(fileserve(["demo"])).text();
    assert!(text.contains("32 of 32 answers are what they must be"), "{text}");
    let row = text.lines().find(|line| line.contains("alice/diary.txt") && line.contains(" w"));
    let cells: Vec<_> = row.expect("a row for it").split_whitespace().collect();
    assert_eq!(cells.iter().filter(|cell| **cell == "refused").count(), 3, "{text}");
    assert_eq!(cells.iter().filter(|cell| **cell == "reads").count(), 1, "{text}");
}

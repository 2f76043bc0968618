//! `fileserve explain` of paths: each refusal is told by its place and its rule, to whom it concerns,
//! and tells nobody more than that one could find out.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use common::users::{ALICE, BOB, CAROL, DAVE, TEAM, fileserve_as, is_root, set_mode};
use common::{Place, Run, Server, fileserve, run, skip};
use fileserve::platform;
use rustix::fs::XattrFlags;
use serde_json::{Value, json};

/// A user who asks, with its group.
type Asker = (u32, u32);

const ALONE: Asker = (ALICE, ALICE);
const IN_TEAM: Asker = (ALICE, TEAM);

#[test]
fn each_refusal_is_told_with_its_reason_its_place_and_its_rule() {
    const TEST: &str = "each_refusal_is_told_with_its_reason_its_place_and_its_rule";
    if !is_root(TEST) {
        return;
    }
    let place = Place::new();
    tree(&place);
    let mut cases = CASES.to_vec();
    if !lists(&place) {
        skip(TEST, "there are no access control lists on this file system");
        cases.retain(|case| !case.2.starts_with("acl/"));
    }
    for access in ["impersonate", "check"] {
        let options = ["--access", access, "--allow", "any", "--deny", &format!("uid:{CAROL}")];
        let server = Server::with(&place, [&options[..], &["--socket-mode", "0666"]].concat());
        for (asker, reason, path, at, component, rule) in &cases {
            let told = explain(&server, *asker, path);
            let about = &told["path"];
            let found =
                json!([about["reason"], about["at"], about["component"], about["denial"]["rule"]]);
            let rule = (!rule.is_empty()).then_some(rule);
            assert_eq!(found, json!([reason, at, component, rule]), "{access} {path}: {told:#}");
            assert_eq!(about["served"], false, "{path}");
            same_as_get(&server, *asker, path, &told);
        }
        for (asker, path) in [(ALONE, "mode/open"), (IN_TEAM, "group/teams"), (ALONE, "way/open")] {
            let told = explain(&server, asker, path);
            assert_eq!(told["path"]["served"], true, "{told:#}");
            same_as_get(&server, asker, path, &told);
        }
    }
}

/// Who asks, the reason, of which path, where it fails, at which component, by which rule.
type Case = (Asker, &'static str, &'static str, &'static str, u32, &'static str);

const CASES: [Case; 20] = [
    (ALONE, "unreadable", "mode/bobs", "mode/bobs", 2, "mode"),
    (ALONE, "unreadable", "mode/own", "mode/own", 2, "mode"),
    (IN_TEAM, "unreadable", "group/not-teams", "group/not-teams", 2, "group"),
    (ALONE, "unreadable", "group/teams", "group/teams", 2, "mode"),
    (ALONE, "unreadable", "acl/entry", "acl/entry", 2, "acl-entry"),
    (IN_TEAM, "unreadable", "acl/group-entry", "acl/group-entry", 2, "acl-entry"),
    (ALONE, "unreadable", "acl/masked", "acl/masked", 2, "acl-mask"),
    (ALONE, "unreadable", "acl/empty-mask", "acl/empty-mask", 2, "acl-mask"),
    (ALONE, "unsearchable", "acl/closed/inside", "acl/closed", 2, "acl-entry"),
    (ALONE, "unsearchable", "closed/deeper/inside", "closed", 1, "mode"),
    (ALONE, "unsearchable", "mode/into/inside", "closed", 2, "mode"),
    (ALONE, "link-out-of-root", "mode/out", "mode/out", 2, ""),
    (ALONE, "link-out-of-root", "mode/absolute/passwd", "mode/absolute", 2, ""),
    (ALONE, "not-regular", "mode/fifo", "mode/fifo", 2, ""),
    (ALONE, "is-a-directory", "mode", "mode", 1, ""),
    (ALONE, "not-a-directory", "mode/open/x", "mode/open", 2, ""),
    (ALONE, "not-a-directory", "mode/open/", "mode/open", 2, ""),
    (ALONE, "missing", "mode/missing/x", "mode/missing", 2, ""),
    (ALONE, "missing", "mode/nowhere", "mode/missing", 2, ""),
    (ALONE, "link-not-followed", "mode/loop", "mode/loop", 2, ""),
];

fn tree(place: &Place) {
    place.owned("mode/open", "text", 0o644, BOB, BOB);
    place.owned("mode/bobs", "text", 0o600, BOB, BOB);
    place.owned("mode/own", "text", 0o044, ALICE, BOB);
    place.owned("group/teams", "text", 0o640, BOB, TEAM);
    place.owned("group/not-teams", "text", 0o604, BOB, TEAM);
    place.owned("closed/deeper/inside", "text", 0o644, BOB, BOB);
    set_mode(&place.files().join("closed"), 0o700);
    platform::make_fifo(&place.files().join("mode/fifo")).expect("a FIFO");
    for (text, name) in [
        ("mode", "way"),
        ("../closed/deeper", "mode/into"),
        ("../../x", "mode/out"),
        ("/etc", "mode/absolute"),
        ("missing", "mode/nowhere"),
        ("loop", "mode/loop"),
    ] {
        symlink(text, place.files().join(name)).expect("a link");
    }
}

/// Files with access control lists; `false` where there are none.
fn lists(place: &Place) -> bool {
    let lists = [
        ("acl/entry", list(&[(USER, 0, ALICE)], 4, 4)),
        ("acl/group-entry", list(&[(GROUP, 1, TEAM)], 5, 4)),
        ("acl/masked", list(&[(USER, 4, ALICE)], 1, 0)),
        ("acl/empty-mask", list(&[(USER, 4, ALICE)], 0, 0)),
        ("acl/closed", list(&[(USER, 4, ALICE)], 7, 5)),
    ];
    place.owned("acl/closed/inside", "text", 0o644, BOB, BOB);
    lists.iter().all(|(name, list)| {
        let path = place.files().join(name);
        if !path.is_dir() {
            place.owned(name, "text", 0o644, BOB, BOB);
        }
        rustix::fs::setxattr(&path, "system.posix_acl_access", list, XattrFlags::empty()).is_ok()
    })
}

/// A list in which the file's group has nothing. Source: Linux, `posix_acl_xattr.h`.
fn list(named: &[(u16, u16, u32)], mask: u16, other: u16) -> Vec<u8> {
    const NOBODY_IN_PARTICULAR: u32 = u32::MAX;
    let mut list = 2_u32.to_le_bytes().to_vec();
    let mut add = |(tag, rights, id): (u16, u16, u32)| {
        list.extend_from_slice(&tag.to_le_bytes());
        list.extend_from_slice(&rights.to_le_bytes());
        list.extend_from_slice(&id.to_le_bytes());
    };
    let of = |kind: u16| named.iter().copied().filter(move |entry| entry.0 == kind);
    add((0x01, 6, NOBODY_IN_PARTICULAR)); // the owner
    of(USER).for_each(&mut add);
    add((0x04, 0, NOBODY_IN_PARTICULAR)); // the group
    of(GROUP).for_each(&mut add);
    add((0x10, mask, NOBODY_IN_PARTICULAR));
    add((0x20, other, NOBODY_IN_PARTICULAR));
    list
}

const USER: u16 = 0x02;
const GROUP: u16 = 0x08;

#[test]
fn who_is_refused_by_policy_is_told_so_and_nothing_of_any_file() {
    if !is_root("who_is_refused_by_policy_is_told_so_and_nothing_of_any_file") {
        return;
    }
    let place = Place::new();
    place.file("x", "content");
    let options = ["--allow", "any", "--deny", &format!("uid:{CAROL}"), "--socket-mode", "0666"];
    let server = Server::with(&place, options);
    for path in ["x", "missing"] {
        let told = explain(&server, (CAROL, CAROL), path);
        assert_eq!(told["me"]["connects"], false, "{told:#}");
        assert_eq!(told["me"]["reason"], "policy");
        assert_eq!(told["me"]["known"], Value::Null);
        assert_eq!(told["path"]["reason"], "policy");
        assert_eq!(told["path"]["at"], Value::Null);
        same_as_get(&server, (CAROL, CAROL), path, &told);
    }
    let text = asked(&server, (CAROL, CAROL), &["x"]);
    let said = String::from_utf8_lossy(&text.0.stdout).into_owned();
    assert!(said.contains("its operator decides that, with `--allow`"), "{said}");
}

#[test]
fn a_level_that_is_too_low_is_the_reason_and_no_file_is_looked_at() {
    let place = Place::new();
    place.file("x", "content");
    let server = Server::start(&place);
    for (level, known) in [("identification", true), ("anonymous", false)] {
        for path in ["x", "missing"] {
            let arguments = ["explain", server.endpoint(), path, "--json", "--level", level];
            let answer = run(fileserve(arguments));
            let told: Value = serde_json::from_slice(&answer.0.stdout).expect("JSON");
            assert_eq!(told["path"]["reason"], "level", "{told:#}");
            assert_eq!(told["path"]["served"], false);
            assert_eq!(told["path"].get("at").unwrap_or(&Value::Null), &Value::Null);
            assert_eq!(told["me"]["known"].is_object(), known, "{told:#}");
            let got = run(fileserve(["get", server.endpoint(), path, "--level", level]));
            assert_eq!((answer.code(), got.code()), (14, 14), "{}", got.stderr());
        }
    }
}

#[test]
fn what_is_not_served_here_is_told_apart_from_what_is_not_there() {
    let place = Place::new();
    place.file("x", "content");
    let server = Server::start(&place);
    for path in ["/etc/passwd", "../x", "a/../../x"] {
        let told = explain_as_this_user(&server, path);
        assert_eq!(told["path"]["reason"], "bad-name", "{told:#}");
        assert_eq!(told["exit_code"], 2);
    }
    drop(server);
    let mut command = fileserve(["serve", &place.endpoint(), "--any-path", "--json"]);
    command.stdin(std::process::Stdio::null());
    let server = Server::run(command, place.endpoint());
    for path in ["/proc/version", "/proc/no-such-name", "/sys/kernel"] {
        let told = explain_as_this_user(&server, path);
        assert_eq!(told["path"]["reason"], "made-up", "{told:#}");
    }
}

#[test]
fn t54_behind_a_closed_directory_what_is_there_and_what_is_not_are_told_alike() {
    if !is_root("t54_behind_a_closed_directory_what_is_there_and_what_is_not_are_told_alike") {
        return;
    }
    let askers = [(ALICE, ALICE), (BOB, TEAM), (CAROL, CAROL), (0, 0)];
    let paths = ["closed/name", "closed/name/", "closed/name/below", "into", "into/x", "out"];
    let makers: [fn(&Path); 4] = [
        |path| fs::write(path, "content").expect("written"),
        |path| fs::create_dir_all(path.join("below")).expect("created"),
        |path| symlink("/etc/passwd", path).expect("linked"),
        |path| platform::make_fifo(path).expect("made"),
    ];
    for access in ["impersonate", "check"] {
        let place = Place::new();
        place.owned("closed/other", "text", 0o644, DAVE, DAVE);
        let closed = place.files().join("closed");
        chown(&closed, Some(DAVE), Some(DAVE)).expect("root may");
        set_mode(&closed, 0o700);
        symlink("closed/name", place.files().join("into")).expect("linked");
        symlink("closed/name/../../..", place.files().join("out")).expect("linked");
        let options = ["--access", access, "--allow", "any", "--socket-mode", "0666"];
        let server = Server::with(&place, options);
        let told = || -> Vec<String> {
            let each = askers.iter().flat_map(|asker| paths.map(|path| (*asker, path)));
            each.flat_map(|(asker, path)| {
                let text = asked(&server, asker, &[path]);
                assert_eq!(text.code(), 4, "{}", String::from_utf8_lossy(&text.0.stdout));
                let text = String::from_utf8(text.0.stdout).expect("text");
                let mut json = explain(&server, asker, path);
                // The number of the process that asks is another each time.
                json["me"]["known"]["pid"] = Value::Null;
                [text, json.to_string()]
            })
            .collect()
        };
        let missing = told();
        for make in makers {
            make(&closed.join("name"));
            assert_eq!(told(), missing, "{access}");
            remove(&closed.join("name"));
        }
        // Whose it is may look, and sees that there is nothing.
        let own = explain(&server, (DAVE, DAVE), "closed/name");
        assert_eq!(own["path"]["reason"], "missing");
    }
}

fn remove(path: &Path) {
    match path.is_dir() && !path.is_symlink() {
        true => fs::remove_dir_all(path).expect("removed"),
        false => fs::remove_file(path).expect("removed"),
    }
}

#[test]
fn the_servers_own_lack_of_rights_is_told_as_that() {
    if !is_root("the_servers_own_lack_of_rights_is_told_as_that") {
        return;
    }
    let place = Place::new();
    place.owned("alices", "hers", 0o600, ALICE, ALICE);
    place.owned("hers/x", "hers", 0o644, ALICE, ALICE);
    chown(place.files().join("hers"), Some(ALICE), Some(ALICE)).expect("root may");
    set_mode(&place.files().join("hers"), 0o700);
    chown(place.beside(""), Some(CAROL), None).expect("root may");
    let mut serve =
        fileserve_as(CAROL, ["serve", &place.endpoint(), "--json", "--access", "check"]);
    serve.args(["--allow", "any", "--socket-mode", "0666", "--root"]).arg(place.files());
    let server = Server::run(serve, place.endpoint());
    for (path, at) in [("alices", "alices"), ("hers/x", "hers")] {
        let server_is = format!("--server=uid:{CAROL}");
        let told = asked(&server, ALONE, &[path, "--json", &server_is]);
        let told: Value = serde_json::from_slice(&told.0.stdout).expect("JSON");
        assert_eq!(told["path"]["reason"], "server-has-no-right", "{told:#}");
        assert_eq!(told["path"]["at"], at, "{told:#}");
        assert_eq!(told["path"]["component"], 1);
    }
}

/// Where the client opens the file itself, this system says why it could not.
#[test]
fn what_the_client_itself_cannot_open_is_told_with_its_reason_too() {
    const TEST: &str = "what_the_client_itself_cannot_open_is_told_with_its_reason_too";
    if !is_root(TEST) {
        return;
    }
    let place = Place::new();
    tree(&place);
    let endpoint = place.endpoint();
    let mut serve = fileserve(["serve", &endpoint, "--json", "--any-path"]);
    serve.args(["--access", "client-opens", "--allow", "any", "--socket-mode", "0666"]);
    let server = Server::run(serve, endpoint);
    let path = |name: &str| place.files().join(name).to_str().expect("text").to_owned();
    for (name, reason, at) in [
        ("mode/bobs", "unreadable", "mode/bobs"),
        ("closed/deeper/inside", "unsearchable", "closed"),
        ("mode/missing/x", "missing", "mode/missing"),
        ("mode/fifo", "not-regular", "mode/fifo"),
        ("mode", "is-a-directory", "mode"),
    ] {
        let told = explain(&server, ALONE, &path(name));
        assert_eq!(told["path"]["reason"], reason, "{told:#}");
        assert_eq!(format!("/{}", told["path"]["at"].as_str().expect("told")), path(at));
        assert_eq!(told["path"]["opened_by"], "client");
        same_as_get(&server, ALONE, &path(name), &told);
    }
    let told = explain(&server, ALONE, &path("way/open"));
    assert_eq!(told["path"]["served"], true, "{told:#}");
}

/// The server itself gets nowhere near: it looks as the client.
#[test]
fn a_server_that_keeps_only_the_right_to_act_as_clients_finds_the_reason_where_they_get_to() {
    const TEST: &str =
        "a_server_that_keeps_only_the_right_to_act_as_clients_finds_the_reason_where_they_get_to";
    if !is_root(TEST) {
        return;
    }
    const SERVER: u32 = 42_005;
    let place = Place::new();
    place.owned("hers/bobs", "his", 0o600, BOB, BOB);
    chown(place.files().join("hers"), Some(ALICE), Some(ALICE)).expect("root may");
    set_mode(&place.files().join("hers"), 0o700);
    chown(place.beside(""), Some(SERVER), Some(SERVER)).expect("root may");
    for mechanism in ["auto", "thread"] {
        let options = ["--user", "42005:42005", "--allow", "any", "--socket-mode", "0666"];
        let server = Server::with(&place, [&options[..], &["--mechanism", mechanism]].concat());
        for (asker, reason, at) in
            [(ALONE, "unreadable", "hers/bobs"), ((BOB, BOB), "unsearchable", "hers")]
        {
            let server_is = format!("--server=uid:{SERVER}");
            let told = asked(&server, asker, &["hers/bobs", "--json", &server_is]);
            let told: Value = serde_json::from_slice(&told.0.stdout).expect("JSON");
            assert_eq!(told["path"]["reason"], reason, "{mechanism}: {told:#}");
            assert_eq!(told["path"]["at"], at, "{mechanism}: {told:#}");
            assert_eq!(told["path"]["denial"]["rule"], "mode");
        }
    }
}

/// What is said, and that it ends as fetching the same does.
#[track_caller]
fn same_as_get(server: &Server, (uid, gid): Asker, path: &str, told: &Value) {
    let mut get = fileserve_as(uid, ["get", server.endpoint(), path]);
    get.gid(gid);
    let got = run(get);
    assert_eq!(told["exit_code"], got.code(), "{path}: {}", got.stderr());
}

#[track_caller]
fn explain(server: &Server, asker: Asker, path: &str) -> Value {
    let answer = asked(server, asker, &[path, "--json"]);
    let told: Value = serde_json::from_slice(&answer.0.stdout).expect("JSON");
    assert_eq!(told["exit_code"], answer.code(), "{told:#}");
    assert_eq!(answer.stderr(), "");
    told
}

fn asked(server: &Server, (uid, gid): Asker, arguments: &[&str]) -> Run {
    let mut command = fileserve_as(uid, ["explain", server.endpoint()]);
    command.args(arguments).gid(gid);
    run(command)
}

fn explain_as_this_user(server: &Server, path: &str) -> Value {
    let answer = run(fileserve(["explain", server.endpoint(), path, "--json"]));
    serde_json::from_slice(&answer.0.stdout).expect("JSON")
}

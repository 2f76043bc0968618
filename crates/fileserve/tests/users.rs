//! Who gets what among Unix users: each client its own, and nobody anything by the server's rights.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::users::{ALICE, BOB, CAROL, DAVE, TEAM, fileserve_as, is_root, set_mode};
use common::{Place, Server, fileserve, run, skip};
use rustix::fs::XattrFlags;
use rustix::io::Errno;
use serde_json::{Value, json};

#[test]
fn the_demonstration_shows_what_one_user_can_and_says_what_it_leaves_out() {
    let name = "the_demonstration_shows_what_one_user_can_and_says_what_it_leaves_out";
    if !is_root(name) {
        return;
    }
    let text = run(fileserve_as(ALICE, ["demo"])).text();
    assert!(text.contains("24 of 24 answers are what they must be"), "{text}");
    assert!(text.contains("Left out: clients of other users"), "{text}");
}

#[test]
fn t02_a_client_gets_its_own_file_its_groups_and_what_an_acl_grants_it() {
    let name = "t02_a_client_gets_its_own_file_its_groups_and_what_an_acl_grants_it";
    if !is_root(name) {
        return;
    }
    let place = Place::new();
    place.owned("own", "mine", 0o600, ALICE, ALICE);
    place.owned("group", "ours", 0o640, 0, TEAM);
    let server = Server::for_all(&place);
    assert_eq!(run(fileserve_as(ALICE, ["get", server.endpoint(), "own"])).text(), "mine");
    let answers = Client::start(&server, ALICE, &[TEAM], &["group"], 1).answers();
    assert_eq!(answers, [outcome("group", "ok", 1)]);

    let granted = place.owned("granted", "by name", 0o600, 0, 0);
    match grant(&granted, ALICE) {
        Ok(()) => {
            let get = |uid| run(fileserve_as(uid, ["get", server.endpoint(), "granted"]));
            assert_eq!(get(ALICE).text(), "by name");
            get(BOB).failed(4, "permission denied");
        }
        Err(_) => skip(name, "the file system of the temporary directory has no ACLs"),
    }
}

#[test]
fn t01_a_client_is_refused_what_only_the_server_or_another_may_read() {
    if !is_root("t01_a_client_is_refused_what_only_the_server_or_another_may_read") {
        return;
    }
    let place = Place::new();
    place.owned("key", "secret", 0o600, 0, 0);
    place.owned("group", "secret", 0o640, 0, 0);
    place.owned("bobs", "secret", 0o600, BOB, BOB);
    place.owned("teams", "secret", 0o640, 0, TEAM);
    place.owned("closed/inside", "secret", 0o644, 0, 0);
    set_mode(&place.files().join("closed"), 0o700);
    let server = Server::for_all(&place);
    for path in ["key", "group", "bobs", "teams", "closed/inside", "closed/missing"] {
        for command in ["get", "sum"] {
            run(fileserve_as(ALICE, [command, server.endpoint(), path]))
                .failed(4, &format!("the system refuses `{path}` to uid 42001"));
        }
    }
    run(fileserve_as(ALICE, ["ls", server.endpoint(), "closed"])).failed(4, "permission denied");
    run(fileserve_as(ALICE, ["stat", server.endpoint(), "closed/inside"]))
        .failed(4, "permission denied");
}

#[test]
fn root_reads_what_root_owns_and_overrides_nothing() {
    if !is_root("root_reads_what_root_owns_and_overrides_nothing") {
        return;
    }
    let place = Place::new();
    place.owned("key", "root's", 0o600, 0, 0);
    place.owned("alices", "secret", 0o600, ALICE, ALICE);
    let server = Server::start(&place);
    assert_eq!(run(fileserve(["get", server.endpoint(), "key"])).text(), "root's");
    run(fileserve(["get", server.endpoint(), "alices"])).failed(4, "to uid 0");
}

#[test]
fn t17_the_root_of_a_namespace_is_refused_with_the_term_that_would_allow_it() {
    let name = "t17_the_root_of_a_namespace_is_refused_with_the_term_that_would_allow_it";
    if !is_root(name) {
        return;
    }
    let place = Place::new();
    place.owned("key", "root's", 0o600, 0, 0);
    let get_in_a_namespace = || {
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", env!("CARGO_BIN_EXE_fileserve"), "get"]);
        unshare.args([&place.endpoint(), "key"]);
        run(unshare)
    };
    if !Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|s| s.success()) {
        return skip(name, "`unshare --mount` does not work here");
    }
    let server = Server::start(&place);
    get_in_a_namespace().failed(14, "--allow uid:0");
    drop(server);
    let _server = Server::with(&place, ["--allow", "uid:0"]);
    assert_eq!(get_in_a_namespace().text(), "root's");
}

#[test]
fn t28_four_users_at_once_get_their_own_files_a_thousand_times_and_never_anothers() {
    let name = "t28_four_users_at_once_get_their_own_files_a_thousand_times_and_never_anothers";
    if !is_root(name) {
        return;
    }
    let place = Place::new();
    let users = [(ALICE, "alice"), (BOB, "bob"), (CAROL, "carol"), (DAVE, "dave")];
    for (uid, name) in users {
        place.owned(name, &format!("only {name} reads this"), 0o600, uid, uid);
    }
    place.owned("key", "secret", 0o600, 0, 0);
    let paths = ["alice", "bob", "carol", "dave", "key"];
    let server = Server::for_all(&place);
    // All have connected before the first asks.
    let clients = users.map(|(uid, _)| Client::start(&server, uid, &[], &paths, 200));
    let mut clients: Vec<_> = clients.into_iter().collect();
    clients.iter_mut().for_each(Client::go);
    for (client, (_, own)) in clients.into_iter().zip(users) {
        let expected = paths
            .map(|path| outcome(path, if path == own { "ok" } else { "permission denied" }, 200));
        assert_eq!(client.finish(), expected, "{own}");
    }
}

#[test]
fn who_is_not_admitted_is_refused_by_policy_and_the_operator_is_told() {
    if !is_root("who_is_not_admitted_is_refused_by_policy_and_the_operator_is_told") {
        return;
    }
    let place = Place::new();
    place.file("x", "");
    let server = Server::with(&place, ["--socket-mode", "0666"]);
    run(fileserve_as(ALICE, ["get", server.endpoint(), "x"])).failed(7, "refused by policy");
    server.says("uid 42001 is not admitted by `same-user`");
}

#[test]
fn whom_a_term_denies_is_refused_although_another_allows_it() {
    if !is_root("whom_a_term_denies_is_refused_although_another_allows_it") {
        return;
    }
    let place = Place::new();
    place.file("x", "content");
    let deny = format!("uid:{BOB} or (gid:{TEAM} and not user:root)");
    let server = Server::with(&place, ["--socket-mode", "0666", "--allow", "any", "--deny", &deny]);
    let get = |uid| run(fileserve_as(uid, ["get", server.endpoint(), "x"]));
    assert_eq!(get(ALICE).text(), "content");
    get(BOB).failed(7, "refused by policy");
    server.says("uid 42002 is not admitted by `any and not (uid:42002 or");
    let answers = Client::start(&server, ALICE, &[TEAM], &["x"], 1).answers();
    assert_eq!(answers, [outcome("x", "refused by policy", 1)]);
}

#[test]
fn a_socket_of_a_group_is_reached_by_its_members_alone() {
    if !is_root("a_socket_of_a_group_is_reached_by_its_members_alone") {
        return;
    }
    let place = Place::new();
    place.file("x", "content");
    let group = TEAM.to_string();
    let server = Server::with(&place, ["--socket-group", &group, "--allow", "any"]);
    let answers = Client::start(&server, ALICE, &[TEAM], &["x"], 1).answers();
    assert_eq!(answers, [outcome("x", "ok", 1)]);
    run(fileserve_as(BOB, ["get", server.endpoint(), "x"])).failed(4, "ermission denied");
}

#[test]
fn a_client_names_its_server_by_a_policy_and_looks_before_it_speaks() {
    if !is_root("a_client_names_its_server_by_a_policy_and_looks_before_it_speaks") {
        return;
    }
    let place = Place::new();
    place.file("x", "content");
    let server = Server::for_all(&place);
    let get =
        |policy| run(fileserve_as(ALICE, ["get", server.endpoint(), "x", "--server", policy]));
    for trusted in ["root", "any", "uid:0", "user:root", "system and not uid:5"] {
        assert_eq!(get(trusted).text(), "content", "{trusted}");
    }
    get("same-user").failed(12, "not trusted");
    get("any and not root").failed(12, "not trusted");
    get("user:no-such-name").failed(2, "there is no user `no-such-name`");
}

#[test]
fn a_server_of_another_user_is_not_trusted_unless_named() {
    if !is_root("a_server_of_another_user_is_not_trusted_unless_named") {
        return;
    }
    let place = Place::new();
    place.file("x", "content");
    std::os::unix::fs::chown(place.beside(""), Some(ALICE), None).expect("root gives it away");
    let options = ["--socket-mode", "0666", "--allow", "any"];
    let mut serve = fileserve_as(ALICE, ["serve", &place.endpoint(), "--json"]);
    serve.arg("--root").arg(place.files()).args(options);
    let server = Server::run(serve, place.endpoint());
    let refused = run(fileserve(["get", server.endpoint(), "x"]));
    refused.failed(12, "not trusted");
    assert!(refused.stderr().contains("--server"), "{}", refused.stderr());
    let named = run(fileserve(["get", server.endpoint(), "x", "--server", "uid:42001"]));
    named.failed(14, "not privileged"); // reached: it has no right to act as root
}

#[test]
fn another_user_is_told_its_own_ids_with_or_without_an_account() {
    if !is_root("another_user_is_told_its_own_ids_with_or_without_an_account") {
        return;
    }
    let place = Place::new();
    let server = Server::for_all(&place);
    let who = run(fileserve_as(ALICE, ["whoami", server.endpoint(), "--json"])).json();
    assert_eq!(who["identity"], json!({ "uid": ALICE, "gid": ALICE, "groups": [] }));
    assert_eq!(who["account"], json!(null));
    assert_eq!(who["acts_as_you"], true);
}

/// A client that asks for several paths, several times.
struct Client(Child);

impl Client {
    fn start(server: &Server, uid: u32, groups: &[u32], paths: &[&str], times: u32) -> Self {
        let groups: Vec<String> = groups.iter().map(u32::to_string).collect();
        let ids = format!("{uid}:{uid}:{}", groups.join(","));
        let mut command = Command::new(env!("CARGO_BIN_EXE_fileserve"));
        command.args(["__client", server.endpoint(), "--as", &ids]);
        command.args(["--times", &times.to_string()]).args(paths);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        Self(command.spawn().expect("the program starts"))
    }

    fn answers(mut self) -> Vec<(String, String, u64)> {
        self.go();
        self.finish()
    }

    fn go(&mut self) {
        let mut begin = self.0.stdin.as_ref().expect("piped");
        begin.write_all(b"\n").expect("the client lives");
    }

    /// What came, for each path: the outcome, and how often.
    fn finish(mut self) -> Vec<(String, String, u64)> {
        let mut stdout = BufReader::new(self.0.stdout.take().expect("piped"));
        let mut ready = String::new();
        stdout.read_line(&mut ready).expect("text");
        assert_eq!(ready, "ready\n");
        let mut text = String::new();
        stdout.read_to_string(&mut text).expect("text");
        assert!(self.0.wait().expect("a child").success());
        text.lines().map(|line| answer(&serde_json::from_str(line).expect("JSON"))).collect()
    }
}

fn answer(value: &Value) -> (String, String, u64) {
    let text = |key: &str| value[key].as_str().expect("text").to_owned();
    assert_eq!(value["bytes"] != 0, text("outcome") == "ok", "{value}");
    (text("path"), text("outcome"), value["times"].as_u64().expect("a number"))
}

fn outcome(path: &str, outcome: &str, times: u64) -> (String, String, u64) {
    (path.to_owned(), outcome.to_owned(), times)
}

/// Lets `uid` read `path` beside its owner. Source: Linux, `posix_acl_xattr.h`.
fn grant(path: &Path, uid: u32) -> Result<(), Errno> {
    const NOBODY_IN_PARTICULAR: u32 = u32::MAX;
    let mut acl = 2_u32.to_le_bytes().to_vec();
    for (tag, rights, id) in [
        (0x01_u16, 6_u16, NOBODY_IN_PARTICULAR), // the owner
        (0x02, 4, uid),
        (0x04, 0, NOBODY_IN_PARTICULAR), // the group
        (0x10, 4, NOBODY_IN_PARTICULAR), // the mask
        (0x20, 0, NOBODY_IN_PARTICULAR), // others
    ] {
        acl.extend_from_slice(&tag.to_le_bytes());
        acl.extend_from_slice(&rights.to_le_bytes());
        acl.extend_from_slice(&id.to_le_bytes());
    }
    rustix::fs::setxattr(path, "system.posix_acl_access", &acl, XattrFlags::empty())
}

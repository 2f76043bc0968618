//! A server that has given up every right but to act as its clients.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::fs;
use std::os::unix::fs::chown;
use std::process::Command;

use common::users::{ALICE, BOB, add_program, fileserve_as, is_root, set_mode};
use common::{Place, Run, Server, fileserve, run, skip};

/// The user of the server: of nobody's group, without an account.
const SERVER: u32 = 42_005;

/// A server that was started as root and is its own user since.
fn modest(place: &Place, options: &[&str]) -> Server {
    let endpoint = endpoint(place);
    let mut command = fileserve(["serve", &endpoint, "--json", "--root"]);
    command.arg(place.files()).args(["--user", "42005:42005", "--allow", "any"]);
    command.args(["--socket-mode", "0666"]).args(options);
    Server::run(command, endpoint)
}

fn endpoint(place: &Place) -> String {
    let directory = place.beside("run");
    fs::create_dir_all(&directory).expect("a directory for the socket");
    chown(&directory, Some(SERVER), Some(SERVER)).expect("root gives directories away");
    set_mode(&directory, 0o755);
    format!("unix:{}", directory.join("socket").display())
}

fn ask(server: &Server, uid: u32, command: &str, path: &str) -> Run {
    run(fileserve_as(uid, [command, server.endpoint(), path, "--server", "uid:42005"]))
}

/// Everybody's file, Alice's, Bob's and root's.
fn files() -> Place {
    let place = Place::new();
    place.owned("everybodys", "all", 0o644, 0, 0);
    place.owned("alices", "hers", 0o600, ALICE, ALICE);
    place.owned("bobs", "his", 0o600, BOB, BOB);
    place.owned("roots", "secret", 0o600, 0, 0);
    place
}

#[test]
fn t52_a_server_with_two_capabilities_serves_other_users_by_each_mechanism() {
    const TEST: &str = "t52_a_server_with_two_capabilities_serves_other_users_by_each_mechanism";
    if !is_root(TEST) {
        return;
    }
    for (mechanism, words) in [("thread", "as it was asked for"), ("auto", "")] {
        let place = files();
        let server = modest(&place, &["--mechanism", mechanism]);
        let runs_as = server.says("runs as  ");
        assert!(runs_as.contains("uid 42005"), "{runs_as}");
        server.says("each file as the client who asks, with that user's and groups' rights");
        let by = server.says("by       ");
        assert!(by.contains(words), "{by}");
        if ipc_unix::sees_namespaces() {
            server.says("sandboxes clients in other user namespaces are refused");
        }
        if mechanism == "auto" && !by.contains("requests with") {
            skip(TEST, &by);
        }
        for _ in 0..2 {
            for (user, own, content) in [(ALICE, "alices", "hers"), (BOB, "bobs", "his")] {
                assert_eq!(ask(&server, user, "get", own).text(), content);
                assert_eq!(ask(&server, user, "get", "everybodys").text(), "all");
                ask(&server, user, "get", "roots").failed(4, "permission denied");
                ask(&server, user, "stat", own).stdout();
            }
            ask(&server, ALICE, "get", "bobs").failed(4, "permission denied");
        }
        ask(&server, 0, "get", "everybodys").failed(14, "uid 0 takes a server that is root");
        assert_eq!(threads_with_other_rights(&server), [""; 0]);
    }
}

#[test]
fn t17_a_server_with_two_capabilities_says_of_sandboxes_what_it_does() {
    const TEST: &str = "t17_a_server_with_two_capabilities_says_of_sandboxes_what_it_does";
    if !is_root(TEST) {
        return;
    }
    let place = files();
    for fence in ["auto", "off"] {
        let said = modest(&place, &["--landlock", fence]).says("sandboxes ");
        let as_root = Server::for_all(&place).says("sandboxes ");
        assert_eq!(said, as_root, "what the kernel tells of others is the same: {fence}");
    }
}

#[test]
fn where_others_do_not_get_to_such_a_server_it_says_what_to_do() {
    if !is_root("where_others_do_not_get_to_such_a_server_it_says_what_to_do") {
        return;
    }
    let place = files();
    let serve = |endpoint: &str, options: &[&str]| {
        let mut command = fileserve(["serve", endpoint, "--root"]);
        command.arg(place.files()).args(["--user", "42005:42005", "--allow", "any"]).args(options);
        command
    };
    let own = endpoint(&place);
    let told = "`--socket-mode 0666`, and `--allow group:NAME` chooses";
    run(serve(&own, &["--socket-group", "42007"])).failed(4, told);
    let roots = format!("unix:{}", place.files().join("socket").display());
    run(serve(&roots, &[])).failed(4, "the directory of the socket must be that user's");

    let mut bare = serve("stranger", &["--socket-mode", "0666"]);
    bare.env("XDG_RUNTIME_DIR", place.beside("run"));
    let admits = Server::run(bare, "stranger".to_owned()).says("admits ");
    assert!(admits.contains("serve at `unix:/PATH`"), "{admits}");
}

/// The threads of `server` that are not what all of them must be.
fn threads_with_other_rights(server: &Server) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.pid())).expect("lives");
    let statuses = tasks.map(|task| {
        fs::read_to_string(task.expect("listed").path().join("status")).expect("readable by root")
    });
    let all = ["CapPrm:\t00000000000000c0", "CapBnd:\t00000000000000c0", "NoNewPrivs:\t1"];
    statuses.filter(|status| all.iter().any(|line| !status.contains(line))).collect()
}

#[test]
fn t25_where_acting_as_the_client_is_forgotten_nobodys_private_file_can_be_read() {
    if !is_root("t25_where_acting_as_the_client_is_forgotten_nobodys_private_file_can_be_read") {
        return;
    }
    let place = files();
    // Every handler of it opens with the server's own rights, as one that forgets to act does.
    let server = modest(&place, &["--access", "server"]);
    assert_eq!(ask(&server, ALICE, "get", "everybodys").text(), "all");
    for private in ["alices", "bobs", "roots"] {
        ask(&server, ALICE, "get", private).failed(4, "refuses");
        ask(&server, 0, "get", private).failed(4, "refuses");
    }
}

#[test]
fn t52_a_server_that_runs_as_root_says_what_would_be_better() {
    if !is_root("t52_a_server_that_runs_as_root_says_what_would_be_better") {
        return;
    }
    let place = files();
    Server::for_all(&place).says("warning: it runs as root");
    let server = modest(&place, &[]);
    server.ask_to_stop();
    let said = server.last_words();
    assert!(!said.iter().any(|line| line.contains("warning")), "{said:?}");
}

#[test]
fn a_server_that_begins_with_two_capabilities_as_by_systemd_keeps_them() {
    if !is_root("a_server_that_begins_with_two_capabilities_as_by_systemd_keeps_them") {
        return;
    }
    let place = files();
    let endpoint = endpoint(&place);
    let mut command = Command::new("setpriv");
    command.args(["--reuid=42005", "--regid=42005", "--clear-groups", "--no-new-privs"]);
    for sets in ["--inh-caps", "--ambient-caps", "--bounding-set"] {
        command.arg(format!("{sets}=-all,+setuid,+setgid"));
    }
    command.arg("--");
    add_program(&mut command);
    command.args(["serve", &endpoint, "--json", "--user", "42005:42005", "--allow", "any"]);
    command.args(["--socket-mode", "0666", "--root"]).arg(place.files());
    let server = Server::run(command, endpoint);
    assert_eq!(ask(&server, ALICE, "get", "alices").text(), "hers");
    ask(&server, ALICE, "get", "bobs").failed(4, "permission denied");
    assert_eq!(threads_with_other_rights(&server), [""; 0]);
}

#[test]
fn a_user_that_cannot_be_had_is_not_served_for() {
    let serve = |user: &str| {
        let mut serve = fileserve(["serve", "unix:@fileserve-test-user", "--any-path", "--user"]);
        serve.arg(user);
        run(serve)
    };
    serve("no such user").failed(1, "this system knows no user `no such user`");
    serve("0").failed(1, "choose a user of the server's own");
    if !is_root("a_user_that_cannot_be_had_is_not_served_for") {
        return;
    }
    let arguments = ["serve", "unix:@fileserve-test-user", "--any-path", "--user", "42005:42005"];
    run(fileserve_as(ALICE, arguments)).failed(1, "CAP_SETUID and CAP_SETGID");
}

//! How a server that was told to opens files otherwise than as its client.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::fs;
use std::os::unix::fs::chown;

use common::users::{ALICE, CAROL, fileserve_as, is_root, set_mode};
use common::{Place, Run, Server, fileserve, run};

/// Carol's server for everybody, who has no privileges.
fn carols(place: &Place, options: &[&str]) -> Server {
    let directory = place.beside("carols");
    fs::create_dir(&directory).expect("a directory for the socket");
    chown(&directory, Some(CAROL), Some(CAROL)).expect("root gives directories away");
    set_mode(&directory, 0o711);
    let endpoint = format!("unix:{}", directory.join("socket").display());
    let mut command = fileserve_as(CAROL, ["serve", &endpoint, "--json", "--root"]);
    command.arg(place.files()).args(["--allow", "any", "--socket-mode", "0666"]).args(options);
    Server::run(command, endpoint)
}

/// What that user gets of Carol's server.
fn ask(server: &Server, uid: u32, words: &[&str]) -> Run {
    let [command, path @ ..] = words else { panic!("a command") };
    let mut asking = fileserve_as(uid, [command, server.endpoint()]);
    asking.args(path).args(["--server", "uid:42003"]);
    run(asking)
}

/// Files that Alice, Carol or both may read.
fn files() -> Place {
    let place = Place::new();
    place.owned("everybodys", "all", 0o644, 0, 0);
    place.owned("boths", "both", 0o640, ALICE, CAROL);
    place.owned("alices", "hers", 0o600, ALICE, ALICE);
    place.owned("carols", "hers", 0o600, CAROL, CAROL);
    place.owned("closed/inside", "secret", 0o644, CAROL, CAROL);
    set_mode(&place.files().join("closed"), 0o700);
    chown(place.files().join("closed"), Some(CAROL), Some(CAROL)).expect("root may");
    place
}

#[test]
fn t01_t02_t54_the_check_serves_what_both_may_read() {
    if !is_root("t01_t02_t54_the_check_serves_what_both_may_read") {
        return;
    }
    let place = files();
    let server = carols(&place, &["--access", "check"]);
    for (path, content) in [("everybodys", "all"), ("boths", "both")] {
        assert_eq!(ask(&server, ALICE, &["get", path]).text(), content);
    }
    assert_eq!(ask(&server, CAROL, &["get", "carols"]).text(), "hers");
    let refused = "its permissions, or those on the way to it, refuse it to uid 42001";
    for path in ["carols", "closed/inside", "closed/missing"] {
        ask(&server, ALICE, &["get", path]).failed(4, refused);
        ask(&server, ALICE, &["sum", path]).failed(4, refused);
    }
    ask(&server, ALICE, &["stat", "closed/inside"]).failed(4, refused);
    ask(&server, ALICE, &["ls", "closed"]).failed(4, refused);
    ask(&server, ALICE, &["get", "missing"]).failed(3, "not found");
    ask(&server, ALICE, &["get", "alices"]).failed(4, "this server's own user has no right");
    assert_eq!(ask(&server, ALICE, &["stat", "alices", "--json"]).json()["length"], 4);
    let whoami = ask(&server, ALICE, &["whoami"]).text();
    assert!(whoami.contains("no: it opens files by `--access check`"), "{whoami}");
}

#[test]
fn a_server_for_its_own_user_and_groups_refuses_any_other() {
    if !is_root("a_server_for_its_own_user_and_groups_refuses_any_other") {
        return;
    }
    let place = files();
    let server = carols(&place, &["--access", "same-user"]);
    assert_eq!(ask(&server, CAROL, &["get", "carols"]).text(), "hers");
    ask(&server, CAROL, &["get", "alices"]).failed(4, "the system refuses `alices` to uid 42003");
    for command in ["get", "stat"] {
        ask(&server, ALICE, &[command, "everybodys"]).failed(14, "only clients with its own user");
    }
}

#[test]
fn a_server_that_serves_with_its_own_rights_says_so_at_start() {
    if !is_root("a_server_that_serves_with_its_own_rights_says_so_at_start") {
        return;
    }
    let place = files();
    let server = carols(&place, &["--access", "server"]);
    server.says("warning: `--access server`: whoever is admitted reads all that uid 42003");
    assert_eq!(ask(&server, ALICE, &["get", "carols"]).text(), "hers");
    ask(&server, ALICE, &["get", "alices"]).failed(4, "the system refuses `alices` to the server");
}

#[test]
fn a_check_by_root_warns_that_nothing_else_protects_the_files() {
    if !is_root("a_check_by_root_warns_that_nothing_else_protects_the_files") {
        return;
    }
    let place = files();
    let server =
        Server::with(&place, ["--access", "check", "--allow", "any", "--socket-mode", "0666"]);
    server.says("warning: `--access check` as root");
    let get = |uid, path| run(fileserve_as(uid, ["get", server.endpoint(), path]));
    assert_eq!(get(ALICE, "alices").text(), "hers");
    get(ALICE, "carols").failed(4, "refuse it to uid 42001");
    let own = run(fileserve(["get", server.endpoint(), "carols"]));
    own.failed(4, "refuse it to uid 0"); // root's client is judged without its capabilities
}

//! How a server on Windows that was told to opens files otherwise than as its client, whose token is
//! restricted or not.
#![cfg(windows)]

mod common;

use common::{Place, Run, Server, run, skip};
use ipc_core::Transport as _;
use ipc_core::peer::Sid;
use ipc_windows::restricted::{Command, Restrictions, Stdio};
use ipc_windows::{FileAccess, FileAcl, PipeTransport};

/// `true` if this user's rights can be restricted in a way that counts; says aloud if not.
fn takes_administrator(test: &str) -> bool {
    if !ipc_windows::can_run_as_peer() {
        skip(test, "this Wine gives the server's own token");
        return false;
    }
    let own = PipeTransport::new().this_process().expect("this process has a token");
    let own = own.identity().and_then(|own| own.as_windows());
    let is_administrator = own.is_some_and(|own| own.is_member_of(Sid::ADMINISTRATORS));
    if !is_administrator {
        skip(test, "takes an administrator");
    }
    is_administrator
}

/// A file for everybody of this user, and one for administrators alone.
fn files() -> Place {
    let place = Place::new();
    let own = FileAcl::administrators().allow_this_user(FileAccess::Full);
    own.apply_to(place.files()).expect("set");
    place.file("boths", "both");
    FileAcl::administrators().apply_to(place.file("servers", "its")).expect("set");
    place
}

/// What a client that runs with `restrictions` gets.
fn ask(server: &Server, restrictions: Restrictions, words: &[&str]) -> Run {
    let [command, path @ ..] = words else { panic!("a command") };
    let client = Command::new(env!("CARGO_BIN_EXE_fileserve"), restrictions)
        .args([command, server.endpoint()])
        .args(path)
        .args(["--server", "any"])
        .stdin(Stdio::Null)
        .stdout(Stdio::Piped)
        .stderr(Stdio::Piped);
    Run(client.spawn().expect("starts").wait_with_output().expect("ends"))
}

#[test]
fn t01_t02_t54_the_check_serves_what_both_may_read() {
    if !takes_administrator("t01_t02_t54_the_check_serves_what_both_may_read") {
        return;
    }
    let place = files();
    let server = Server::with(&place, ["--access", "check"]);
    let restricted = Restrictions::without_administrators;
    assert_eq!(ask(&server, restricted(), &["get", "boths"]).text(), "both");
    let refused = "its permissions, or those on the way to it, refuse it to S-1-5";
    ask(&server, restricted(), &["get", "servers"]).failed(4, refused);
    ask(&server, restricted(), &["sum", "servers"]).failed(4, refused);
    ask(&server, restricted(), &["get", "missing"]).failed(3, "not found");
    assert_eq!(ask(&server, Restrictions::default(), &["get", "servers"]).text(), "its");
    let whoami = ask(&server, restricted(), &["whoami"]).text();
    assert!(whoami.contains("no: it opens files by `--access check`"), "{whoami}");
}

#[test]
fn a_server_for_its_own_user_and_groups_refuses_a_client_without_one_of_them() {
    if !takes_administrator(
        "a_server_for_its_own_user_and_groups_refuses_a_client_without_one_of_them",
    ) {
        return;
    }
    let place = files();
    let server = Server::with(&place, ["--access", "same-user"]);
    assert_eq!(ask(&server, Restrictions::default(), &["get", "servers"]).text(), "its");
    let restricted = Restrictions::without_administrators();
    ask(&server, restricted, &["get", "boths"]).failed(14, "only clients with its own user");
}

#[test]
fn a_check_by_an_administrator_warns_that_nothing_else_protects_the_files() {
    const TEST: &str = "a_check_by_an_administrator_warns_that_nothing_else_protects_the_files";
    if !takes_administrator(TEST) {
        return;
    }
    let place = files();
    let server = Server::with(&place, ["--access", "check"]);
    server.says("warning: `--access check` as an administrator");
    assert_eq!(run(common::fileserve(["get", server.endpoint(), "servers"])).text(), "its");
}

#[test]
fn a_policy_names_groups_that_are_looked_up_at_start() {
    let place = files();
    let mut server = Server::with(&place, ["--allow", "group:Administrators"]);
    server.kill();
    let serve = ["serve", &place.endpoint(), "--any-path", "--allow"];
    for (policy, words) in [
        ("group:no-such-name", "there is no group `no-such-name`"),
        ("user:Everyone", "`Everyone` is no user; `sid:S-1-1-0` is what it is"),
    ] {
        run(common::fileserve(serve.into_iter().chain([policy]))).failed(2, words);
    }
}

//! `fileserve explain` on Windows: pipes and their lists, and at which name on the way to a file the
//! system refuses it.
#![cfg(windows)]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::io::Read as _;
use std::thread;

use common::{Place, Server, fileserve, run, skip};
use ipc_core::inspect::State;
use ipc_core::{BindOptions, ConnectOptions, Deadline, Endpoint, Policy, Transport};
use ipc_windows::restricted::{Command, Restrictions, Stdio};
use ipc_windows::{Acl, FileAcl, PipeTransport};
use serde_json::Value;

#[test]
fn where_no_pipe_is_its_whole_name_is_told() {
    let place = Place::new();
    let told = explain(&place, &["x"], 6);
    assert_eq!(told["places"][0]["state"], "missing", "{told:#}");
    let name = format!(r"\\.\pipe\{}", place.pipe());
    assert_eq!(told["places"][0]["name"], name);
    assert_eq!(told["path"]["reason"], "no-server");
}

#[test]
fn a_server_is_named_with_its_process_its_program_and_the_list_of_its_pipe() {
    let place = Place::new();
    place.file("x", "content");
    let server = Server::start(&place);
    let told = explain(&place, &["x"], 0);
    assert_eq!(told["places"][0]["state"], "live", "{told:#}");
    assert_eq!(told["server"]["trusted"], true);
    assert_eq!(told["server"]["pid"], server.pid());
    let program = told["server"]["executable"].as_str().expect("told").to_lowercase();
    assert!(program.ends_with("fileserve.exe"), "{program}");
    let guard = &told["places"][0]["guards"][0];
    assert!(guard["sid"].as_str().expect("told").starts_with("S-1-"), "{told:#}");
    let entries = guard["entries"].to_string();
    for entry in ["deny whoever is here over the network: everything", "allow SYSTEM: everything"] {
        assert!(entries.contains(entry), "{entries}");
    }
    assert_eq!(told["me"]["known"]["acts_as_you"], ipc_windows::can_run_as_peer());
}

#[test]
fn each_refusal_is_told_at_its_name() {
    const TEST: &str = "each_refusal_is_told_at_its_name";
    if !ipc_windows::can_run_as_peer() {
        return skip(TEST, "this Wine gives the server's own token");
    }
    let place = Place::new();
    place.file("docs/notes", "text");
    let server = Server::start(&place);
    for (path, reason, at, component) in [
        ("docs/missing", "missing", "docs/missing", 2),
        ("docs/missing/x", "missing", "docs/missing", 2),
        ("docs/notes/x", "not-a-directory", "docs/notes", 2),
        ("docs", "is-a-directory", "docs", 1),
        ("docs/nul.txt", "bad-name", "docs/nul.txt", 2),
        ("docs/notes:stream/x", "bad-name", "docs/notes:stream", 2),
    ] {
        let answer = run(fileserve(["explain", server.endpoint(), path, "--json"]));
        let told: Value = serde_json::from_slice(&answer.0.stdout).expect("JSON");
        let about = &told["path"];
        assert_eq!(about["reason"], reason, "{told:#}");
        assert_eq!(
            (&about["at"], &about["component"]),
            (&at.into(), &component.into()),
            "{told:#}"
        );
        let got = run(fileserve(["get", server.endpoint(), path]));
        assert_eq!(told["exit_code"], got.code(), "{path}: {}", got.stderr());
    }
    drop(server);
    let mut serve = fileserve(["serve", &place.endpoint(), "--any-path", "--json"]);
    serve.stdin(std::process::Stdio::null());
    let _server = Server::run(serve, place.endpoint());
    let file = place.files().join("docs/missing");
    let told = explain(&place, &[file.to_str().expect("text")], 3);
    assert_eq!(told["path"]["reason"], "missing", "{told:#}");
    assert_eq!(told["path"]["component"], told["path"]["components"]);
}

#[test]
fn what_the_list_of_a_file_does_not_give_is_told_as_unreadable() {
    const TEST: &str = "what_the_list_of_a_file_does_not_give_is_told_as_unreadable";
    if !takes_a_restricted_client(TEST) {
        return;
    }
    let place = Place::new();
    let file = place.file("docs/closed", "text");
    FileAcl::administrators().apply_to(&file).expect("it is ours");
    let server = Server::start(&place);
    let told = explain_restricted(server.endpoint(), "docs/closed");
    assert_eq!(told["path"]["reason"], "unreadable", "{told:#}");
    assert_eq!(told["path"]["at"], "docs/closed");
    assert_eq!(told["exit_code"], 4);
}

#[test]
fn a_pipe_whose_list_lets_this_user_not_in_is_told_as_closed() {
    const TEST: &str = "a_pipe_whose_list_lets_this_user_not_in_is_told_as_closed";
    if !takes_a_restricted_client(TEST) {
        return;
    }
    let place = Place::new();
    let transport = PipeTransport::new().security(Acl::sddl("D:P(A;;GA;;;BA)"));
    let endpoint: Endpoint = place.endpoint().parse().expect("an endpoint");
    let _listener = transport.bind(&endpoint, &BindOptions::new()).expect("bound");
    let told = explain_restricted(&place.endpoint(), "x");
    assert_eq!(told["places"][0]["state"], "closed", "{told:#}");
    assert_eq!(told["me"]["reason"], "permission");
    assert_eq!(told["exit_code"], 4);
}

#[test]
fn t07_a_server_of_a_pipe_that_is_not_trusted_is_named_and_hears_nothing() {
    let place = Place::new();
    let endpoint: Endpoint = place.endpoint().parse().expect("an endpoint");
    let listener = PipeTransport::new().bind(&endpoint, &BindOptions::new()).expect("bound");
    let heard = thread::spawn(move || {
        let visitor = listener.accept(Deadline::NEVER).expect("somebody comes");
        let heard = visitor.read(&mut [0], Deadline::NEVER);
        (heard.unwrap_or(0), listener)
    });
    let told = explain(&place, &["x", "--server", "sid:S-1-5-21-4-5-6-7"], 12);
    let (heard, listener) = heard.join().expect("no panic");
    assert_eq!(heard, 0);
    assert!(listener.accept(Deadline::NOW).is_err(), "it came twice");
    assert_eq!(told["server"]["trusted"], false, "{told:#}");
    assert_eq!(told["server"]["pid"], std::process::id());
    assert_eq!(told["path"]["reason"], "distrust");
}

#[test]
fn a_pipe_is_seen_while_it_is_served_and_no_longer() {
    let place = Place::new();
    let endpoint: Endpoint = place.endpoint().parse().expect("an endpoint");
    let transport = PipeTransport::new();
    let options = ConnectOptions::new().server(Policy::any());
    let state = || transport.inspect(&endpoint, &options).expect("seen")[0].state.clone();
    assert_eq!(state(), State::Missing);
    let listener = transport.bind(&endpoint, &BindOptions::new()).expect("bound");
    assert_eq!(state(), State::Live);
    drop(listener);
    assert_eq!(state(), State::Missing);
}

fn takes_a_restricted_client(test: &str) -> bool {
    let own = PipeTransport::new().this_process().expect("known");
    let is_admin = Policy::admins().decide(&own, &own).is_ok();
    if !is_admin || !ipc_windows::can_run_as_peer() {
        skip(test, "it takes an administrator's process, and a Windows that tells clients apart");
        return false;
    }
    true
}

/// What the program says to a client without the administrators' rights.
fn explain_restricted(endpoint: &str, path: &str) -> Value {
    let restrictions = Restrictions::without_administrators();
    let mut child = Command::new(env!("CARGO_BIN_EXE_fileserve"), restrictions)
        .args(["explain", endpoint, path, "--json", "--server", "any"])
        .stdin(Stdio::Null)
        .stdout(Stdio::Piped)
        .spawn()
        .expect("starts");
    let mut said = Vec::new();
    child.stdout.take().expect("piped").read_to_end(&mut said).expect("readable");
    child.wait().expect("ends");
    serde_json::from_slice(&said).expect("JSON")
}

#[track_caller]
fn explain(place: &Place, arguments: &[&str], code: i32) -> Value {
    let mut command = fileserve(["explain", &place.endpoint()]);
    command.args(arguments).arg("--json");
    let answer = run(command);
    let told: Value = serde_json::from_slice(&answer.0.stdout).expect("JSON");
    assert_eq!(answer.code(), code, "{told:#}");
    told
}

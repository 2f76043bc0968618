//! How far a client lets its server act for it, on the command line.
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use common::{Place, Run, Server, fileserve, run, system};
use serde_json::Value;

/// What is asked of the server, with a level that is granted to it.
fn ask(server: &Server, level: &str, command: &str, path: Option<&str>) -> Run {
    let arguments = [command, server.endpoint()].into_iter().chain(path);
    run(fileserve(arguments.chain(["--level", level])))
}

#[test]
fn a_level_that_is_too_low_is_refused_with_what_is_granted_and_needed_and_what_to_type() {
    let place = Place::new();
    place.file("notes", "hello");
    let server = Server::for_all(&place);
    assert_eq!(ask(&server, "impersonation", "get", Some("notes")).text(), "hello");
    for command in ["get", "stat", "ls", "sum"] {
        let refused = ask(&server, "identification", command, Some("notes"));
        refused.failed(14, "impersonation level too low");
        refused.failed(14, "the client grants identification and this needs impersonation");
        refused
            .failed(14, "hint: `--level impersonation`, the default, lets this server act as you");
        let record = server.record_of(if command == "ls" { "list" } else { command });
        let known = [&record["uid"], &record["peer"]].into_iter().any(|who| !who.is_null());
        assert!(known, "it may be known: {record}");

        let refused = ask(&server, "anonymous", command, Some("notes"));
        refused.failed(14, "the client grants anonymous and this needs impersonation");
    }
}

#[test]
fn what_the_server_says_it_knows_is_what_it_was_let_know() {
    let place = Place::new();
    let server = Server::for_all(&place);
    let who = |level: &str| {
        let command = ["whoami", server.endpoint(), "--json", "--level", level];
        run(fileserve(command))
    };
    let known = who("identification").json();
    assert_eq!((&known["level"], &known["acts_as_you"]), (&"identification".into(), &false.into()));
    let why = known["acts_not_because"].as_str().expect("a reason");
    assert_eq!(why, "the client grants identification and this needs impersonation");
    assert_eq!(who("impersonation").json()["acts_as_you"], true);
    let refused = who("anonymous");
    refused.failed(14, "the client grants anonymous and this needs identification");
    refused.failed(14, "`--level identification` lets it know who you are");
}

#[test]
fn an_anonymous_client_gets_what_is_public_and_no_handler_learns_who_it_is() {
    let place = Place::new();
    place.file("notes", "hello");
    let public = system::SERVE_ALL.into_iter().chain(["--access", "server"]);
    let server = Server::with(&place, public);
    assert_eq!(ask(&server, "anonymous", "get", Some("notes")).text(), "hello");
    let record = server.record_of("get");
    for who in ["peer", "pid", "uid"] {
        assert_eq!(record[who], Value::Null, "{record}");
    }
    assert_eq!(ask(&server, "identification", "get", Some("notes")).text(), "hello");
    assert_ne!(server.record_of("get")["peer"], Value::Null);
    drop(server);

    let alike = system::SERVE_ALL.into_iter().chain(["--access", "same-user"]);
    if cfg!(unix) {
        let server = Server::with(&place, alike);
        let refused = ask(&server, "anonymous", "get", Some("notes"));
        refused.failed(14, "the client grants anonymous and this needs identification");
        assert_eq!(ask(&server, "identification", "get", Some("notes")).text(), "hello");
    }
}

#[test]
fn a_level_that_the_system_cannot_carry_is_refused_and_never_lowered() {
    let place = Place::new();
    let path = place.file("notes", "hello");
    let server = Server::for_all(&place);
    let delegated = ask(&server, "delegation", "get", Some("notes"));
    if cfg!(windows) {
        assert_eq!(delegated.text(), "hello");
    } else {
        delegated.failed(9, "cannot do it on this system");
        delegated.failed(9, "hint: no server here acts for its clients on other machines");
        drop(server);
        let server = Server::for_dotnet(&place, [""; 0]);
        let mut get = fileserve(["get", server.endpoint(), "--compat", "dotnet"]);
        get.arg(&path).args(["--level", "identification"]);
        run(get).failed(2, "this protocol has no place for a level");
    }
}

//! A server that opens nothing: its clients open their files and pass them.
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::fs;
use std::path::Path;

use common::{Place, Run, Server, fileserve, run};

fn server(place: &Place) -> Server {
    let endpoint = place.endpoint();
    let serve = ["serve", &endpoint, "--json", "--any-path", "--access", "client-opens"];
    Server::run(fileserve(serve), endpoint.clone())
}

/// Whether a server is fenced in here that reads anything.
fn takes_fences() -> bool {
    let place = Place::new();
    let server = Server::start(&place);
    server.ask_to_stop();
    server.last_words().iter().any(|line| line.contains("fenced   by the kernel"))
}

fn ask(server: &Server, command: &str, path: &Path, options: &[&str]) -> Run {
    let mut ask = fileserve([command, server.endpoint()]);
    ask.arg(path).args(options);
    run(ask)
}

#[test]
fn what_a_client_opens_is_served_to_it_in_parts_or_whole() {
    let place = Place::new();
    let digits = place.file("digits", "0123456789");
    let empty = place.file("empty", "");
    let long = place.file("long", vec![7; 3_000_000]);
    let server = server(&place);
    for (range, expected) in [("0-0", "0"), ("2-4", "234"), ("7-", "789"), ("8-99", "89")] {
        assert_eq!(ask(&server, "get", &digits, &["--range", range]).text(), expected, "{range}");
    }
    ask(&server, "get", &digits, &["--range", "11-"]).failed(2, "10 bytes");
    assert_eq!(ask(&server, "get", &empty, &[]).text(), "");
    assert_eq!(ask(&server, "get", &long, &[]).stdout(), vec![7; 3_000_000]);
    let out = place.beside("out").display().to_string();
    ask(&server, "get", &long, &["-o", &out]).stdout();
    assert_eq!(fs::read(&out).expect("whole"), vec![7; 3_000_000]);
    assert_eq!(place.names(), ["out"]);
    let record = server.record_of("get-passed");
    assert_eq!((&record["bytes"], &record["outcome"]), (&1.into(), &"ok".into()));
    assert!(record["name"].is_null(), "the server knows no name: {record}");
}

#[test]
fn who_may_be_anybody_gets_no_file_unless_that_is_wanted() {
    let place = Place::new();
    let notes = place.file("notes", "private");
    let server = server(&place);
    for command in ["get", "sum"] {
        let stranger = ["--server", "any"];
        ask(&server, command, &notes, &stranger).failed(12, "`--pass`");
        ask(&server, command, &notes, &[&stranger[..], &["--pass"]].concat()).text();
        ask(&server, command, &notes, &["--server", "same-user"]).text();
    }
}

#[test]
fn a_relative_path_is_the_clients_own() {
    let place = Place::new();
    place.file("sub/notes", "hello");
    let server = server(&place);
    for path in ["sub/notes", "./sub/../sub/notes"] {
        let mut get = fileserve(["get", server.endpoint(), path]);
        get.current_dir(place.files());
        assert_eq!(run(get).text(), "hello");
    }
}

#[test]
fn a_checksum_is_computed_by_the_server_of_what_the_client_has_opened() {
    let place = Place::new();
    let notes = place.file("notes", "abc");
    let server = server(&place);
    let digest = ask(&server, "sum", &notes, &["--algorithm", "sha256", "--json"]).json();
    // Source: FIPS 180-4, the example of "abc".
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(digest["digest"], expected, "{digest}");
    assert_eq!(server.record_of("sum-passed")["outcome"], "ok");
}

#[test]
fn names_mean_nothing_to_a_server_that_opens_nothing() {
    let place = Place::new();
    let notes = place.file("notes", "hello");
    let server = server(&place);
    server.says("opens    nothing");
    if takes_fences() {
        server.says("by the kernel (");
    }
    for command in ["stat", "ls"] {
        ask(&server, command, &notes, &[]).failed(9, "this server opens no files");
    }
    ask(&server, "get", &notes, &["--handle"]).failed(2, "leave out `--handle`");
    ask(&server, "get", &place.files().join("missing"), &[]).failed(3, "not found");
    let whoami = run(fileserve(["whoami", server.endpoint()])).text();
    assert!(whoami.contains("--access client-opens"), "{whoami}");
}

#[test]
fn a_root_or_a_protocol_without_handles_makes_no_sense_with_it() {
    let place = Place::new();
    let mut serve = fileserve(["serve", &place.endpoint(), "--access", "client-opens", "--root"]);
    serve.arg(place.files());
    run(serve).failed(2, "say `--any-path`");
    let pipe = place.pipe();
    let serve = ["serve", &pipe, "--access", "client-opens", "--any-path", "--compat", "dotnet"];
    run(fileserve(serve)).failed(2, "leave out `--compat`");
}

#[test]
fn a_server_that_opens_files_reads_none_that_is_passed() {
    let place = Place::new();
    place.file("notes", "hello");
    let server = Server::with(&place, [""; 0]);
    let mut calls =
        common::raw::calls(server.endpoint(), ipc_core::ImpersonationLevel::Impersonation);
    let file = fs::File::open(place.files().join("notes")).expect("is there");
    let error = calls.get_passed(file, fileserve::protocol::Part::WHOLE).expect_err("none");
    assert_eq!(error.kind(), ipc_core::ErrorKind::Unsupported, "{error}");
}

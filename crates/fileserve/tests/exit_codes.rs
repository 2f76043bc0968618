//! The interface of the command line: exit codes, and what goes to which stream.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::process::Stdio;
use std::thread;

use common::{ALICE, Place, Server, fileserve, fileserve_as, is_root, run};

#[test]
fn content_goes_to_standard_output_and_nothing_else_does() {
    let place = Place::new();
    place.file("notes.txt", "hello\n");
    let server = Server::start(&place);
    let got = run(fileserve(["get", server.endpoint(), "notes.txt"]));
    assert_eq!(got.stdout(), b"hello\n");
    assert_eq!(got.stderr(), "");
    let record = server.record_of("get");
    assert_eq!(record["name"], "notes.txt");
    assert_eq!((&record["bytes"], &record["outcome"]), (&6.into(), &"ok".into()));
    assert!(record["worker"].as_str().is_some_and(|worker| worker.starts_with("worker ")));
}

#[test]
fn each_failure_has_its_code_and_says_what_and_where() {
    let place = Place::new();
    place.file("sub/x", "");
    std::os::unix::fs::symlink("../../etc/passwd", place.files().join("out")).expect("a link");
    let server = Server::start(&place);
    for (path, code, words) in [
        ("missing", 3, "not found: `missing`"),
        ("sub", 5, "is a directory: `sub`"),
        ("sub/x/y", 5, "not a directory: `sub/x/y`"),
        ("out", 15, "outside the served root: `out`"),
        ("../files/sub/x", 2, "contains `..`"),
        ("/etc/passwd", 2, "is absolute"),
    ] {
        run(fileserve(["get", server.endpoint(), path])).failed(code, words);
    }
    run(fileserve(["ls", server.endpoint(), "sub/x"])).failed(5, "not a directory: `sub/x`");
    run(fileserve(["get", server.endpoint(), "sub/x", "--range", "1-2"])).failed(2, "has 0 bytes");
}

#[test]
fn a_missing_server_a_wrong_endpoint_and_a_wrong_command_say_what_to_do() {
    let place = Place::new();
    let nobody = run(fileserve(["get", &place.endpoint(), "x"]));
    nobody.failed(6, "no server is listening at");
    assert!(nobody.stderr().contains("fileserve serve"), "{}", nobody.stderr());
    run(fileserve(["get", "../x", "x"])).failed(2, "unix:../x");
    run(fileserve(["serve", "x"])).failed(2, "--root");
    run(fileserve(["serve", "x", "--root", "/", "--any-path"])).failed(2, "cannot be used with");
    let nowhere = ["serve", &place.endpoint(), "--root", "/nowhere"];
    run(fileserve(nowhere)).failed(3, "cannot serve `/nowhere`");
    run(fileserve(["serve", "x", "--any-path", "--allow", "friends"])).failed(2, "sandboxed");
}

#[test]
fn a_server_that_does_not_speak_the_protocol_is_a_protocol_error() {
    let place = Place::new();
    let listener = UnixListener::bind(place.beside("socket")).expect("a socket");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").expect("written");
        let _ = stream.read_to_end(&mut Vec::new());
    });
    run(fileserve(["get", &place.endpoint(), "/x"])).failed(9, "protocol");
}

#[test]
fn a_server_that_says_nothing_is_given_up_in_time() {
    let place = Place::new();
    let listener = UnixListener::bind(place.beside("socket")).expect("a socket");
    let silent = run(fileserve(["get", &place.endpoint(), "/x", "--timeout", "200ms"]));
    silent.failed(8, "timed out");
    drop(listener);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::new();
    let file = std::fs::File::create(place.files().join("large")).expect("a file");
    file.set_len(64 << 20).expect("a sparse file");
    let server = Server::start(&place);
    let mut get = fileserve(["get", server.endpoint(), "large"]);
    let mut child = get.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    drop(child.stdout.take()); // as `head` does
    let output = child.wait_with_output().expect("a child");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
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
    assert!(refused.stderr().contains("--trust"), "{}", refused.stderr());
    let named = run(fileserve(["get", server.endpoint(), "x", "--trust", "uid:42001"]));
    named.failed(14, "not privileged"); // reached: it has no right to act as root
}

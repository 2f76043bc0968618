//! The interface of the command line: exit codes, and what goes to which stream.
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::process::Stdio;
use std::thread;

use common::{Place, Server, fileserve, raw, run};

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
    let server = Server::start(&place);
    for (path, code, words) in [
        ("missing", 3, "not found: `missing`"),
        ("sub", 5, "is a directory: `sub`"),
        ("sub/x/y", 5, "not a directory: `sub/x/y`"),
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
    run(fileserve(["serve", "x", "--any-path", "--allow", "uid:1 or friends"]))
        .failed(2, "at byte 10 of the policy: `friends` is no term");
    run(fileserve(["serve", "x", "--any-path", "--deny", "user:no-such-name"])).failed(2, "");
    run(fileserve(["get", "x", "y", "--server", "me"])).failed(2, "`me` is no term");
}

#[test]
fn a_server_that_does_not_speak_the_protocol_is_a_protocol_error() {
    let place = Place::new();
    let listener = raw::listen(&place.endpoint());
    thread::spawn(move || {
        let client = listener.accept(raw::soon()).expect("a client");
        let answer = b"HTTP/1.1 400 Bad Request\r\n\r\n";
        client.write_all(answer, raw::soon()).expect("written");
        while matches!(client.read(&mut [0; 4096], raw::soon()), Ok(1..)) {}
    });
    run(fileserve(["get", &place.endpoint(), "/x"])).failed(9, "protocol");
}

#[test]
fn a_server_that_says_nothing_is_given_up_in_time() {
    let place = Place::new();
    let listener = raw::listen(&place.endpoint());
    let silent = run(fileserve(["get", &place.endpoint(), "/x", "--timeout", "200ms"]));
    silent.failed(8, "timed out");
    drop(listener);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::new();
    place.sparse("large", 64 << 20);
    let server = Server::start(&place);
    let mut get = fileserve(["get", server.endpoint(), "large"]);
    let mut child = get.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    drop(child.stdout.take()); // as `head` does
    let output = child.wait_with_output().expect("a child");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

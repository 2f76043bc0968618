//! Starting, stopping, and who has the name.
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::io::Read as _;
use std::process::Stdio;

use common::{Place, Server, fileserve, run};

#[test]
fn a_server_says_where_it_listens_as_whom_and_how_it_will_act() {
    let place = Place::new();
    let server = Server::with(&place, ["--allow", "any"]);
    let own = fileserve::platform::transport().this_process().expect("is known");
    let own = own.identity().expect("is known").to_string();
    server.says("serves   ");
    server.says(&format!("runs as  {own}"));
    server.says("admits   any");
    server.says("opens    each file as the client who asks");
}

#[test]
fn a_bare_name_is_all_that_both_sides_need() {
    let place = Place::new();
    place.file("x", "content");
    let name = format!("fileserve-test-{}", std::process::id());
    let mut serve = fileserve(["serve", &name, "--root"]);
    serve.arg(place.files());
    let mut server = Server::run(serve, name.clone());
    assert_eq!(run(fileserve(["get", &name, "x"])).text(), "content");
    server.ask_to_stop();
    assert!(server.wait().success());
}

#[test]
fn a_second_server_is_told_who_has_the_name() {
    let place = Place::new();
    place.file("x", "first");
    let first = Server::start(&place);
    let mut second = fileserve(["serve", &place.endpoint(), "--root"]);
    second.arg(place.files());
    let refused = run(second);
    refused.failed(13, "is already served");
    if cfg!(unix) {
        let holder = format!("served by process {}", first.pid());
        assert!(refused.stderr().contains(&holder), "{}", refused.stderr());
    }
    assert_eq!(run(fileserve(["get", first.endpoint(), "x"])).text(), "first");
}

#[test]
fn a_server_that_was_killed_leaves_its_name_to_the_next() {
    let place = Place::new();
    place.file("x", "content");
    for _ in 0..20 {
        let mut server = Server::start(&place);
        assert_eq!(run(fileserve(["get", server.endpoint(), "x"])).text(), "content");
        server.kill();
    }
}

#[test]
fn a_server_that_is_asked_to_stop_finishes_what_was_asked_for() {
    let place = Place::new();
    place.sparse("big", 256 << 20);
    let mut server = Server::start(&place);
    let mut get = fileserve(["get", server.endpoint(), "big"]);
    let mut child = get.stdout(Stdio::piped()).spawn().expect("starts");
    let mut stdout = child.stdout.take().expect("piped");
    stdout.read_exact(&mut [0; 1]).expect("it has begun");
    server.ask_to_stop();
    server.says("finishing what");
    let mut rest = 1;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match stdout.read(&mut buffer).expect("readable") {
            0 => break,
            count => rest += count,
        }
    }
    assert_eq!(rest, 256 << 20);
    assert!(child.wait().expect("a child").success());
    assert!(server.wait().success());
    run(fileserve(["get", server.endpoint(), "big"])).failed(6, "no server is listening");
}

#[test]
fn a_drain_that_takes_too_long_is_cut_and_says_so() {
    let place = Place::new();
    place.sparse("big", 1 << 30);
    let mut server = Server::with(&place, ["--drain", "100ms"]);
    let mut get = fileserve(["get", server.endpoint(), "big"]);
    let mut child = get.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut stdout = child.stdout.take().expect("piped");
    stdout.read_exact(&mut [0; 1]).expect("it has begun"); // and then nobody reads
    server.ask_to_stop();
    assert_eq!(server.wait().code(), Some(8));
    drop(stdout);
    child.wait().expect("a child");
}

#[test]
fn a_second_request_to_stop_does_not_wait() {
    let place = Place::new();
    place.sparse("big", 1 << 30);
    let mut server = Server::with(&place, ["--drain", "1h"]);
    let mut get = fileserve(["get", server.endpoint(), "big"]);
    let mut child = get.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let mut stdout = child.stdout.take().expect("piped");
    stdout.read_exact(&mut [0; 1]).expect("it has begun"); // and then nobody reads
    server.ask_to_stop();
    server.says("finishing what");
    server.ask_to_stop();
    server.says("stopped at once");
    assert_eq!(server.wait().code(), Some(1));
    drop(stdout);
    child.wait().expect("a child");
}

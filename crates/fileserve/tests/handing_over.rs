//! Files that the server opens as the client and hands over.
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use common::{Place, Run, Server, fileserve, run, skip};
use fileserve::protocol::{Part, Timestamp, Validator, WirePath};
use fileserve::{Error, FileClient, platform};
use ipc_core::client::{Client, ClientOptions};
use ipc_core::codec::Codec;
use ipc_core::service::{Arguments, Context, Reply, Service};
use ipc_core::{
    BindOptions, ConnectOptions, Endpoint, ErrorKind, Failure, ImpersonationLevel, MemoryTransport,
    Policy,
};

/// A server that hands files over to its own user; `None`, having said so, where it cannot.
fn generous(test: &str, place: &Place) -> Option<Server> {
    if acts_as_clients() {
        return Some(Server::with(place, ["--hand-over", "same-user"]));
    }
    skip(test, "no server can open files as its clients here");
    None
}

fn acts_as_clients() -> bool {
    platform::transport().capabilities().run_as_peer
}

fn get(server: &Server, path: &str, options: &[&str]) -> Run {
    let mut get = fileserve(["get", server.endpoint(), path, "--handle"]);
    get.args(options);
    run(get)
}

fn get_to(server: &Server, path: &str, to: &Path, options: &[&str]) -> Run {
    let mut get = fileserve(["get", server.endpoint(), path, "--handle", "-o"]);
    get.arg(to).args(options);
    run(get)
}

#[test]
fn what_is_handed_over_is_read_without_the_server() {
    let place = Place::new();
    place.file("digits", "0123456789");
    place.file("empty", "");
    place.file("long", vec![7; 3_000_000]);
    let Some(server) = generous("what_is_handed_over_is_read_without_the_server", &place) else {
        return;
    };
    for (range, expected) in [("0-0", "0"), ("2-4", "234"), ("7-", "789"), ("8-99", "89")] {
        assert_eq!(get(&server, "digits", &["--range", range]).text(), expected, "{range}");
        let record = server.record_of("hand-over");
        assert_eq!((&record["bytes"], &record["name"]), (&0.into(), &"digits".into()));
    }
    get(&server, "digits", &["--range", "11-"]).failed(2, "10 bytes");
    assert_eq!(get(&server, "empty", &[]).text(), "");
    assert_eq!(get(&server, "long", &[]).stdout(), vec![7; 3_000_000]);
    get_to(&server, "long", &place.beside("out"), &[]).stdout();
    assert_eq!(fs::read(place.beside("out")).expect("whole"), vec![7; 3_000_000]);
    assert_eq!(place.names(), ["out"]);
}

/// What another way of fetching has begun.
#[test]
fn a_cut_transfer_goes_on_with_a_handle() {
    let place = Place::new();
    let content: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    let path = place.file("big", &content);
    let Some(server) = generous("a_cut_transfer_goes_on_with_a_handle", &place) else { return };
    let out = place.beside("out");
    begin(&server, "big", &out, 2_000_000);
    let resumed = get_to(&server, "big", &out, &["--resume"]);
    assert!(resumed.stderr().contains("going on after 951424 bytes"), "{}", resumed.stderr());
    assert!(fs::read(&out).expect("whole") == content);

    begin(&server, "big", &out, 2_000_000);
    fs::write(path, "another").expect("written");
    get_to(&server, "big", &out, &["--resume"]).failed(10, "changed; start again");
}

/// Leaves what a transfer that was cut after `count` bytes leaves.
fn begin(server: &Server, path: &str, out: &Path, count: usize) {
    use fileserve::destination::Destination;
    use fileserve::resume::Partial;

    let client = common::raw::client(server.endpoint(), ImpersonationLevel::Impersonation);
    let mut files = FileClient::new(client);
    let destination = Destination::open(out, ipc_core::Deadline::NOW).expect("can be reached");
    let Destination::File(place) = destination else { panic!("no file") };
    let mut partial = Partial::begin(place).expect("begins");
    let mut incoming = files.open(&wire(path), &Part::WHOLE).expect("is sent");
    partial.accept(&Part::WHOLE, incoming.head()).expect("an answer");
    let mut content = Vec::new();
    incoming.copy_to(&mut content, &mut |_| ()).expect("whole");
    partial.write_all(&content[..count]).expect("written");
    assert!(partial.keep_unless_empty());
}

#[test]
fn nothing_is_handed_over_that_would_not_be_sent() {
    let place = Place::new();
    place.file("sub/notes", "hello");
    let Some(server) = generous("nothing_is_handed_over_that_would_not_be_sent", &place) else {
        return;
    };
    for (path, code, words) in [
        ("missing", 3, "not found"),
        ("sub", 5, "is a directory"),
        (".", 5, "is a directory"),
        ("../out", 2, "`..`"),
        ("sub/notes/", 5, "not a directory"),
    ] {
        get(&server, path, &[]).failed(code, words);
    }
}

#[test]
fn nothing_is_handed_over_to_whom_it_was_not_allowed() {
    let place = Place::new();
    place.file("notes", "hello");
    for options in [&[][..], &["--hand-over", "same-user and not same-user"]] {
        let server = Server::with(&place, options);
        let refused = get(&server, "notes", &[]);
        refused.failed(7, "hands over no open files");
        assert!(refused.stderr().contains("hint: ") && refused.stderr().contains("--hand-over"));
        assert_eq!(run(fileserve(["get", server.endpoint(), "notes"])).text(), "hello");
    }
}

#[test]
fn only_what_is_opened_as_the_client_can_be_handed_over() {
    let place = Place::new();
    let endpoint = place.endpoint();
    for access in ["check", "same-user", "server", "client-opens"] {
        let mut serve = fileserve(["serve", &endpoint, "--any-path", "--access", access]);
        serve.args(["--hand-over", "any"]);
        run(serve).failed(2, "`--hand-over` goes with `--access impersonate` only");
    }
    let mut serve = fileserve(["serve", &place.pipe(), "--any-path", "--compat", "dotnet"]);
    serve.args(["--hand-over", "any"]);
    run(serve).failed(2, "leave out `--compat`");
}

/// What docs/security.md promises of a handle, and what it warns of.
#[test]
fn a_handle_reads_and_does_no_more_and_outlives_the_right_to_it() {
    let place = Place::new();
    let path = place.file("notes", "hello");
    let test = "a_handle_reads_and_does_no_more_and_outlives_the_right_to_it";
    let Some(server) = generous(test, &place) else { return };
    let mut client = passing_client(&server);
    let handed = client.hand_over(&wire("notes")).expect("is handed over");
    assert_eq!(handed.validator().length, 5);
    let mut file = handed.into_file();
    assert!(file.write_all(b"x").is_err());
    assert!(file.set_len(0).is_err());
    drop(server);
    fs::remove_file(&path).expect("is ours");
    let mut content = String::new();
    file.read_to_string(&mut content).expect("goes on");
    assert_eq!(content, "hello");
}

fn passing_client(server: &Server) -> FileClient {
    let options = ConnectOptions::new().level(ImpersonationLevel::Impersonation).handles(true);
    let at = server.endpoint().parse().expect("an endpoint");
    let transport = platform::passing_transport();
    let client = Client::connect(&*transport, &at, &options, ClientOptions::new());
    FileClient::new(client.expect("is served"))
}

fn wire(path: &str) -> WirePath {
    WirePath::new(path).expect("short")
}

/// A server that passes something else than it says.
struct Liar {
    says: Validator,
    passes: Option<File>,
}

impl Service for Liar {
    fn call(&self, _: &Context<'_>, _: u32, _: Arguments<'_>) -> Result<Reply<Vec<u8>>, Failure> {
        let reply = Reply::new(Codec::Bincode.encode(&self.says).expect("has an encoding"));
        Ok(match &self.passes {
            Some(file) => reply.with_handle(file.try_clone().expect("a duplicate")),
            None => reply,
        })
    }
}

#[test]
fn a_client_takes_nothing_else_than_what_it_was_told() {
    let place = Place::new();
    let path = place.file("notes", "hello");
    let other = File::open(place.file("other", "hello")).expect("is there");
    let write_only = File::options().write(true).open(&path).expect("is ours");
    let notes = || File::open(&path).expect("is there");
    let truth = Validator::from(&platform::metadata(&notes()).expect("known"));
    let longer = Validator { length: 6, ..truth.clone() };
    for (says, passes, kind) in [
        (truth.clone(), Some(other), ErrorKind::Protocol),
        (truth.clone(), None, ErrorKind::Protocol),
        (truth.clone(), Some(write_only), ErrorKind::PermissionDenied),
        (longer, Some(notes()), ErrorKind::Changed),
    ] {
        let error = asked(Liar { says, passes }).expect_err("is found out");
        assert_eq!(error.kind(), kind, "{error}");
    }
    let handed = asked(Liar { says: truth.clone(), passes: Some(notes()) }).expect("is the truth");
    let mut content = Vec::new();
    let changed = Validator { modified: Some(Timestamp { seconds: 1, nanoseconds: 0 }), ..truth };
    let refused = handed.part(&Part { of: Some(changed), ..Part::WHOLE });
    assert_eq!(refused.expect_err("another state").kind(), ErrorKind::Changed);
    let handed = asked(Liar {
        says: Validator::from(&platform::metadata(&notes()).expect("known")),
        passes: Some(notes()),
    });
    let mut incoming = handed.expect("is the truth").part(&Part::WHOLE).expect("is there");
    File::options().append(true).open(&path).expect("is ours").write_all(b"!").expect("written");
    let error = incoming.copy_to(&mut content, &mut |_| ()).expect_err("has changed");
    assert!(matches!(&error, Error::Call(_)) && error.kind() == ErrorKind::Changed, "{error}");
}

/// What a client makes of that server's answer.
fn asked(liar: Liar) -> Result<fileserve::client::HandedOver, Error> {
    let transport = MemoryTransport::new();
    let at: Endpoint = "mem:liar".parse().expect("an endpoint");
    let _server = ipc_core::server::Server::builder(Arc::new(transport.clone()), at.clone())
        .policy(Policy::any())
        .bind_options(BindOptions::new().handles(true))
        .serve(liar)
        .expect("is bound");
    let options = ConnectOptions::new().handles(true);
    let client = Client::connect(&transport, &at, &options, ClientOptions::new());
    FileClient::new(client.expect("is served")).hand_over(&wire("notes"))
}

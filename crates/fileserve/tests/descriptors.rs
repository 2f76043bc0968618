//! A server that may have few descriptors (which only Unix limits), and clients that would take them
//! all.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::io::Read as _;
use std::process::{Child, ChildStdout, Command, Stdio};

use common::users::{ALICE, BOB, fileserve_as, is_root};
use common::{Place, Server, fileserve, raw, run, system};
use fileserve::FileClient;
use fileserve::protocol::{Part, WirePath};
use ipc_core::ImpersonationLevel;

/// A server below a limit that the shell sets.
fn server_with(place: &Place, limit: &str) -> Server {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limit} && exec \"$0\" \"$@\"")]);
    command.arg(env!("CARGO_BIN_EXE_fileserve"));
    command.args(["serve", &place.endpoint(), "--json", "--root"]).arg(place.files());
    command.args(system::SERVE_ALL);
    command.stdin(Stdio::null());
    Server::run(command, place.endpoint())
}

#[test]
fn a_low_limit_that_may_be_raised_is_no_limit() {
    let place = Place::new();
    place.file("notes", "hello");
    let server = server_with(&place, "ulimit -Sn 64");
    let silent = raw::silent(server.endpoint(), 100);
    let got = run(fileserve(["get", server.endpoint(), "notes", "--timeout", "8s"]));
    assert_eq!(got.text(), "hello");
    drop(silent);
}

#[test]
fn clients_do_not_take_the_descriptors_that_files_need() {
    let place = Place::new();
    place.file("long", [7; 200_000]);
    let server = server_with(&place, "ulimit -n 64");
    server.says("32 clients at once, for this process may have 64 descriptors");
    let client = raw::client(server.endpoint(), ImpersonationLevel::Impersonation);
    let mut files = FileClient::new(client);
    files.about().expect("is served");

    let silent = raw::silent(server.endpoint(), 64);
    for _ in 0..8 {
        let path = WirePath::new("long").expect("short");
        let mut content = Vec::new();
        let mut incoming = files.open(&path, &Part::WHOLE).expect("a descriptor is left");
        incoming.copy_to(&mut content, &mut |_| ()).expect("whole");
        assert_eq!(content.len(), 200_000);
    }
    drop(silent);
}

/// Alice begins to fetch and never reads, as often as the server lets her.
#[test]
fn t58_a_user_who_takes_all_connections_that_he_can_leaves_some_to_others() {
    if !is_root("t58_a_user_who_takes_all_connections_that_he_can_leaves_some_to_others") {
        return;
    }
    let place = Place::new();
    place.sparse("big", 1 << 40);
    place.file("notes", "hello");
    let server = server_with(&place, "ulimit -n 64");
    server.says("; 24 of one user");
    let begin = || {
        let mut get = fileserve_as(ALICE, ["get", server.endpoint(), "big"]);
        let mut child = get.stdout(Stdio::piped()).spawn().expect("starts");
        let stdout = child.stdout.take().expect("piped");
        (child, stdout)
    };
    let mut hers: Vec<(Child, ChildStdout)> = Vec::new();
    for _ in 0..24 {
        let (child, mut stdout) = begin();
        stdout.read_exact(&mut [0; 1]).expect("it has begun"); // and then nobody reads
        hers.push((child, stdout));
    }
    let refusal = "connections of one user exceed the limit of 24";
    for _ in 0..20 {
        run(fileserve_as(ALICE, ["get", server.endpoint(), "notes"])).failed(5, refusal);
        let got = run(fileserve_as(BOB, ["get", server.endpoint(), "notes", "--timeout", "20s"]));
        assert_eq!(got.text(), "hello");
    }
    server.says(refusal);
    for (mut child, stdout) in hers {
        drop(stdout);
        child.wait().expect("a child");
    }
    let get = || run(fileserve_as(ALICE, ["get", server.endpoint(), "notes"]));
    while get().code() != 0 {}
}

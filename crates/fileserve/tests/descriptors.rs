//! A server that may have few descriptors (which only Unix limits), and clients that would take them
//! all.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::process::{Command, Stdio};

use common::{Place, Server, fileserve, raw, run};
use fileserve::FileClient;
use fileserve::protocol::{Part, WirePath};
use ipc_core::ImpersonationLevel;

/// A server below a limit that the shell sets.
fn server_with(place: &Place, limit: &str) -> Server {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limit} && exec \"$0\" \"$@\"")]);
    command.arg(env!("CARGO_BIN_EXE_fileserve"));
    command.args(["serve", &place.endpoint(), "--json", "--root"]).arg(place.files());
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

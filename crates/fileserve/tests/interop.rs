//! A client that was written from `docs/protocol.md`, in another language, against the program. It
//! knows Unix sockets.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::process::Command;

use common::users::set_mode;
use common::{Place, Run, Server, run, skip};

const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/interop/client.py");

#[test]
fn a_client_written_from_the_page_gets_stats_and_lists() {
    if Command::new("python3").arg("--version").output().is_err() {
        let test = "a_client_written_from_the_page_gets_stats_and_lists";
        return skip(test, "there is no python3");
    }
    let place = Place::new();
    let large: Vec<u8> = (0..3_000_000_u32).map(|at| at.to_le_bytes()[1]).collect();
    place.file("sub/large", &large);
    let notes = place.file("notes", "remember the milk");
    set_mode(&notes, 0o640);
    let _server = Server::start(&place);
    let client = |arguments: &[&str]| client(&place, arguments);

    assert_eq!(client(&["get", "notes"]).stdout(), b"remember the milk");
    assert!(client(&["get", "sub/large"]).stdout() == large, "every byte");
    let info = client(&["stat", "notes"]).text();
    assert!(info.starts_with("file 17 0o640 "), "{info}");
    assert!(client(&["stat", "sub"]).text().starts_with("directory "));
    let listed = client(&["ls"]).text();
    let mut entries: Vec<_> = listed.lines().collect();
    entries.sort_unstable();
    assert_eq!(entries, ["directory sub", "file notes"]);
    assert_eq!(client(&["ls", "sub"]).text(), "file large\n");

    client(&["get", "nothing"]).failed(1, "code 3: ");
    client(&["get", "sub"]).failed(1, "code 5: ");
    client(&["get", "../secret"]).failed(1, "code 2: ");
}

/// Runs the client: a command, and what it is about.
fn client(place: &Place, arguments: &[&str]) -> Run {
    let mut command = Command::new("python3");
    command.args(["-B", CLIENT, arguments[0]]).arg(place.beside("socket")).args(&arguments[1..]);
    run(command)
}

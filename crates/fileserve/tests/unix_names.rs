//! What only a Unix directory has: FIFOs, sockets, devices, names of any bytes, permissions.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixListener;

use common::users::set_mode;
use common::{Place, Server, fileserve, run};
use serde_json::json;

#[test]
fn t31_t32_what_is_no_regular_file_is_refused_at_once() {
    let place = Place::new();
    fileserve::platform::make_fifo(&place.files().join("fifo")).expect("a FIFO");
    let _socket = UnixListener::bind(place.files().join("listener")).expect("a socket");
    let server = Server::start(&place);
    for path in ["fifo", "listener"] {
        for command in ["get", "sum"] {
            run(fileserve([command, server.endpoint(), path])).failed(5, "not a regular file");
        }
        run(fileserve(["ls", server.endpoint(), path])).failed(5, "not a directory");
    }
    assert_eq!(
        run(fileserve(["stat", server.endpoint(), "fifo", "--json"])).json()["kind"],
        "other"
    );
}

#[test]
fn t30_t39_devices_and_proc_are_not_served_even_where_every_path_is() {
    let place = Place::new();
    let server = Server::run(
        fileserve(["serve", &place.endpoint(), "--any-path", "--json"]),
        place.endpoint(),
    );
    for path in ["/dev/zero", "/dev/null", "/dev/stdin", "/proc/self/environ", "/proc/cpuinfo"] {
        let refused = run(fileserve(["get", server.endpoint(), path]));
        assert!(refused.0.stdout.is_empty(), "{path}");
        assert!([4, 5, 15].contains(&refused.code()), "{path}: {}", refused.stderr());
    }
}

#[test]
fn a_name_cannot_forge_a_line_on_anybodys_terminal() {
    let place = Place::new();
    let server = Server::start(&place);
    let mut get = fileserve(["get", server.endpoint()]);
    get.arg(OsStr::from_bytes(b"a\n\x1b[31mfileserve: all is well\xff"));
    let failed = run(get);
    failed.failed(3, r"a\n\u{1b}[31mfileserve: all is well\xff");
    assert_eq!(failed.stderr().lines().count(), 1);
}

#[test]
fn a_listing_as_json_has_every_name_in_full() {
    let place = Place::new();
    let odd = place.files().join(OsStr::from_bytes(b"\xffodd"));
    File::create(odd).expect("any bytes are a name");
    std::os::unix::fs::symlink("nowhere", place.files().join("link")).expect("a link");
    let server = Server::start(&place);
    let listed = run(fileserve(["ls", server.endpoint(), "--json"])).json();
    let expected = json!({ "complete": true, "entries": [
        { "name": "link", "kind": "link" },
        { "name": "\u{fffd}odd", "name_hex": "ff6f6464", "kind": "file" },
    ]});
    assert_eq!(listed, expected);
}

#[test]
fn the_permissions_of_a_file_are_told() {
    let place = Place::new();
    set_mode(&place.file("notes", "hello"), 0o640);
    let server = Server::start(&place);
    let looked = run(fileserve(["stat", server.endpoint(), "notes", "--json"])).json();
    assert_eq!(looked["mode"], "0640");
}

#[test]
fn a_line_break_in_a_listed_name_is_escaped() {
    let place = Place::new();
    place.file("a\nc", "");
    let server = Server::start(&place);
    assert_eq!(run(fileserve(["ls", server.endpoint()])).text(), "a\\nc\n");
}

//! Names and files that mean harm.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use common::{Place, Server, fileserve, run};
use fileserve::protocol::{FilesClient, Part, WirePath};
use ipc_core::client::{Client, ClientOptions};
use ipc_core::{ConnectOptions, Endpoint, ErrorKind, ImpersonationLevel};

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
fn t29_no_link_leads_out_of_the_root_and_those_within_it_work() {
    let place = Place::new();
    std::fs::write(place.beside("outside"), "secret").expect("written");
    place.file("sub/inside", "content");
    symlink("../outside", place.files().join("out")).expect("a link");
    symlink("/etc/passwd", place.files().join("absolute")).expect("a link");
    symlink("..", place.files().join("sub/up")).expect("a link");
    symlink("sub/inside", place.files().join("within")).expect("a link");
    symlink("loop", place.files().join("loop")).expect("a link");
    let server = Server::start(&place);
    for path in ["out", "absolute", "sub/up/../../outside"] {
        let refused = run(fileserve(["get", server.endpoint(), path]));
        assert!([2, 15].contains(&refused.code()), "{path}: {}", refused.stderr());
    }
    assert_eq!(run(fileserve(["get", server.endpoint(), "within"])).text(), "content");
    assert_eq!(run(fileserve(["get", server.endpoint(), "sub/up/sub/inside"])).text(), "content");
    assert_ne!(run(fileserve(["get", server.endpoint(), "loop"])).code(), 0);
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

/// Below the command line, which would not let such names through.
#[test]
fn t49_a_nul_and_a_name_that_is_too_long_are_refused_and_the_server_serves_on() {
    let place = Place::new();
    place.file("notes", "hello");
    let server = Server::start(&place);
    let endpoint: Endpoint = server.endpoint().parse().expect("an endpoint");
    let options = ConnectOptions::new().level(ImpersonationLevel::Impersonation);
    let transport = fileserve::platform::transport();
    let client =
        Client::connect(&*transport, &endpoint, &options, ClientOptions::new()).expect("a server");
    let mut files = FilesClient::from(client);
    for text in [&b"notes\0.txt"[..], &[b'a'; WirePath::MAX_LENGTH], &[b'/'; 300]] {
        let path = WirePath::new(text).expect("just fits");
        let error = files.get(path, Part::WHOLE).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
    let long = WirePath::new([b'a'; 256]).expect("fits");
    let error = files.get(long, Part::WHOLE).expect_err("no file system has it");
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    files.get(WirePath::new("notes").expect("fits"), Part::WHOLE).expect("serves on");
}

#[test]
fn a_client_that_lets_the_server_only_identify_it_is_served_nothing() {
    let place = Place::new();
    place.file("notes", "hello");
    let server = Server::start(&place);
    let endpoint: Endpoint = server.endpoint().parse().expect("an endpoint");
    for level in [ImpersonationLevel::Identification, ImpersonationLevel::Anonymous] {
        let options = ConnectOptions::new().level(level);
        let transport = fileserve::platform::transport();
        let client = Client::connect(&*transport, &endpoint, &options, ClientOptions::new())
            .expect("a server");
        let mut files = FilesClient::from(client);
        let path = WirePath::new("notes").expect("fits");
        let error = files.get(path, Part::WHOLE).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::LevelTooLow, "{error}");
    }
}

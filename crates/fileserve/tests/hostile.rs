//! Names and files that mean harm.
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use common::{Place, Server, fileserve, raw, run};
use fileserve::protocol::{Part, WirePath};
use ipc_core::{ErrorKind, ImpersonationLevel};

#[test]
fn t29_no_link_leads_out_of_the_root_and_those_within_it_work_or_are_refused() {
    let place = Place::new();
    std::fs::write(place.beside("outside"), "secret").expect("written");
    place.file("sub/inside", "content");
    let name = "t29_no_link_leads_out_of_the_root_and_those_within_it_work_or_are_refused";
    let links = [
        ("../outside", "out"),
        ("/etc/passwd", "absolute"),
        ("..", "sub/up"),
        ("sub/inside", "within"),
        ("loop", "loop"),
    ];
    if !links.into_iter().all(|(target, link)| place.link(name, target, link)) {
        return;
    }
    let server = Server::start(&place);
    for path in ["out", "absolute", "sub/up/../../outside"] {
        let refused = run(fileserve(["get", server.endpoint(), path]));
        assert!([2, 15].contains(&refused.code()), "{path}: {}", refused.stderr());
    }
    let root =
        fileserve::platform::open_root(&place.files(), &Default::default()).expect("a directory");
    for path in ["within", "sub/up/sub/inside"] {
        let got = run(fileserve(["get", server.endpoint(), path]));
        if root.rules().follow_links {
            assert_eq!(got.text(), "content", "{path}");
        } else {
            got.failed(15, "outside the served root");
        }
    }
    assert_ne!(run(fileserve(["get", server.endpoint(), "loop"])).code(), 0);
}

/// Below the command line, which would not let such names through.
#[test]
fn t49_a_nul_and_a_name_that_is_too_long_are_refused_and_the_server_serves_on() {
    let place = Place::new();
    place.file("notes", "hello");
    let server = Server::start(&place);
    let mut files = raw::calls(server.endpoint(), ImpersonationLevel::Impersonation);
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
    for level in [ImpersonationLevel::Identification, ImpersonationLevel::Anonymous] {
        let mut files = raw::calls(server.endpoint(), level);
        let path = WirePath::new("notes").expect("fits");
        let error = files.get(path, Part::WHOLE).expect_err("refused");
        // Where the system keeps to the level, an anonymous client is not even admitted.
        let unknown =
            level == ImpersonationLevel::Anonymous && error.kind() == ErrorKind::IdentityUnknown;
        assert!(unknown || error.kind() == ErrorKind::LevelTooLow, "{error}");
    }
}

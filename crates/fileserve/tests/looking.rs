//! Listing, looking, summing, and asking who one is; for people and as JSON.
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::process;

use common::{Place, Server, fileserve, run, skip};
use serde_json::json;

#[test]
fn a_listing_is_sorted_and_marks_directories() {
    let place = Place::new();
    place.file("b", "");
    place.file("ac", "");
    place.file("sub/x", "");
    let server = Server::start(&place);
    let listed = run(fileserve(["ls", server.endpoint()]));
    assert_eq!(listed.text(), "ac\nb\nsub/\n");
    assert_eq!(run(fileserve(["ls", server.endpoint(), "sub"])).text(), "x\n");
}

#[test]
fn a_directory_of_many_entries_is_listed_whole() {
    let place = Place::new();
    for number in 0..5_000 {
        place.file(&format!("a-rather-long-name-for-entry-number-{number:04}"), "");
    }
    let server = Server::start(&place);
    let listed = run(fileserve(["ls", server.endpoint()])).text();
    assert_eq!(listed.lines().count(), 5_000);
    assert!(listed.ends_with("-4999\n"));
}

#[test]
fn sums_are_those_of_the_content() {
    let place = Place::new();
    place.file("abc", "abc");
    let server = Server::start(&place);
    // Source: FIPS 180-4, example "abc".
    let sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let sum = run(fileserve(["sum", server.endpoint(), "abc", "--algorithm", "sha256"]));
    assert_eq!(sum.text(), format!("{sha}  abc\n"));
    let sum = run(fileserve(["sum", server.endpoint(), "abc", "--json"])).json();
    assert_eq!(sum["digest"], blake3::hash(b"abc").to_hex().as_str());
    assert_eq!((&sum["algorithm"], &sum["length"]), (&json!("blake3"), &json!(3)));
    run(fileserve(["sum", server.endpoint(), "missing"])).failed(3, "not found: `missing`");
}

#[test]
fn the_server_tells_who_it_takes_me_for() {
    let place = Place::new();
    let server = Server::start(&place);
    let who = run(fileserve(["whoami", server.endpoint(), "--json"])).json();
    assert_eq!(who["assurance"], "kernel");
    assert_eq!(who["level"], "impersonation");
    assert_eq!(who["acts_as_you"], true, "{who}");
    assert!(who["pid"].as_u64().is_some_and(|pid| pid != u64::from(process::id())));
    let told = run(fileserve(["whoami", server.endpoint()])).text();
    assert!(told.contains("acts as you  yes"), "{told}");
    let own = fileserve::platform::transport().this_process().expect("is known").account_name();
    assert_eq!(who["account"], json!(own));
}

#[test]
fn with_any_path_a_relative_path_is_taken_from_here() {
    let place = Place::new();
    let path = place.file("notes", "hello");
    let server = Server::run(
        fileserve(["serve", &place.endpoint(), "--any-path", "--json"]),
        place.endpoint(),
    );
    let mut absolute = fileserve(["get", server.endpoint()]);
    absolute.arg(&path);
    assert_eq!(run(absolute).text(), "hello");
    let mut relative = fileserve(["get", server.endpoint(), "notes"]);
    relative.current_dir(place.files());
    assert_eq!(run(relative).text(), "hello");
    let mut up = fileserve(["get", server.endpoint(), "../files/./notes"]);
    up.current_dir(place.files());
    assert_eq!(run(up).text(), "hello");
    let mut absolute = fileserve(["get", server.endpoint()]);
    absolute.arg(place.files().join("../files/notes"));
    assert_eq!(run(absolute).text(), "hello");
    run(fileserve(["get", server.endpoint(), "missing/../notes"])).failed(3, "not found");
    let mut here = fileserve(["ls", server.endpoint()]);
    here.current_dir(place.files());
    assert_eq!(run(here).text(), "notes\n");
}

#[test]
fn a_name_is_looked_at() {
    let place = Place::new();
    place.file("notes", "hello");
    let server = Server::start(&place);
    let looked = run(fileserve(["stat", server.endpoint(), "notes"])).text();
    assert!(looked.contains("kind      file\nlength    5 bytes\n"), "{looked}");
    let looked = run(fileserve(["stat", server.endpoint(), "notes", "--json"])).json();
    assert_eq!(looked["name"], "notes");
    assert_eq!(looked["length"], 5);
    assert!(looked["modified"]["seconds"].as_i64().is_some_and(|seconds| seconds > 0));
    let root = run(fileserve(["stat", server.endpoint(), "--json"])).json();
    assert_eq!(root["kind"], "directory");
}

#[test]
fn a_link_is_looked_at_and_listed_without_following_it() {
    let name = "a_link_is_looked_at_and_listed_without_following_it";
    let place = Place::new();
    place.file("notes", "hello");
    if !place.link(name, "notes", "link") {
        return;
    }
    let server = Server::start(&place);
    let link = run(fileserve(["stat", server.endpoint(), "link", "--json"])).json();
    assert_eq!(link["kind"], "link");
    let listed = run(fileserve(["ls", server.endpoint(), "--json"])).json();
    assert_eq!(listed["entries"][0], json!({ "name": "link", "kind": "link" }));
}

#[test]
fn a_path_that_ends_with_a_slash_is_a_directory_or_refused() {
    let place = Place::new();
    place.file("notes", "hello");
    place.file("sub/x", "");
    let server = Server::start(&place);
    for command in ["get", "sum", "stat", "ls"] {
        for path in ["notes/", "notes/."] {
            run(fileserve([command, server.endpoint(), path])).failed(5, "not a directory");
        }
        run(fileserve([command, server.endpoint(), "missing/"])).failed(3, "not found");
    }
    for path in ["sub/", "."] {
        let info = run(fileserve(["stat", server.endpoint(), path, "--json"])).json();
        assert_eq!(info["kind"], "directory", "{path}");
        run(fileserve(["get", server.endpoint(), path])).failed(5, "is a directory");
    }
    assert_eq!(run(fileserve(["ls", server.endpoint(), "sub/"])).text(), "x\n");
}

#[test]
fn a_link_with_a_slash_behind_it_is_what_it_leads_to() {
    let name = "a_link_with_a_slash_behind_it_is_what_it_leads_to";
    let place = Place::new();
    place.file("notes", "hello");
    place.file("sub/x", "");
    if !(place.link(name, "sub", "link") && place.link(name, "notes", "short")) {
        return;
    }
    let root =
        fileserve::platform::open_root(&place.files(), &Default::default()).expect("a directory");
    if !root.rules().follow_links {
        return skip(name, "no link is followed here");
    }
    let server = Server::start(&place);
    for command in ["get", "sum", "stat", "ls"] {
        run(fileserve([command, server.endpoint(), "short/"])).failed(5, "not a directory");
    }
    let info = run(fileserve(["stat", server.endpoint(), "link/", "--json"])).json();
    assert_eq!(info["kind"], "directory");
    run(fileserve(["get", server.endpoint(), "link/"])).failed(5, "is a directory");
    assert_eq!(run(fileserve(["ls", server.endpoint(), "link/"])).text(), "x\n");
}

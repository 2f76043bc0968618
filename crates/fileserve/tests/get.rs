//! Fetching: ranges, files that appear when they are whole, and going on after a cut.
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use common::{Place, Server, fileserve, run, write_at};

/// A file that is long, costs no space, and has a distinct beginning and end.
fn sparse(place: &Place, name: &str, length: u64) -> File {
    let file = place.sparse(name, length);
    write_at(&file, 0, b"begin");
    write_at(&file, length - 7, b"the end");
    file
}

#[test]
fn a_range_includes_both_its_ends_and_stops_at_the_end_of_the_file() {
    let place = Place::new();
    place.file("digits", "0123456789");
    let server = Server::start(&place);
    for (range, expected) in
        [("0-0", "0"), ("2-4", "234"), ("7-", "789"), ("8-99", "89"), ("10-", "")]
    {
        let got = run(fileserve(["get", server.endpoint(), "digits", "--range", range]));
        assert_eq!(got.text(), expected, "{range}");
    }
    run(fileserve(["get", server.endpoint(), "digits", "--range", "11-"])).failed(2, "10 bytes");
}

#[test]
fn a_whole_file_leaves_nothing_else_behind() {
    let place = Place::new();
    place.file("notes", "hello");
    place.file("empty", "");
    let server = Server::start(&place);
    for (name, content) in [("notes", "hello"), ("empty", "")] {
        let out = place.beside(name);
        let mut get = fileserve(["get", server.endpoint(), name, "-o"]);
        get.arg(&out);
        assert_eq!(run(get).text(), "");
        assert_eq!(fs::read_to_string(out).expect("whole"), content);
    }
    assert_eq!(place.names(), ["empty", "notes"]);
}

#[test]
fn a_refused_file_leaves_nothing_behind_and_what_was_there_stays() {
    let place = Place::new();
    let server = Server::start(&place);
    fs::write(place.beside("out"), "older").expect("written");
    let mut get = fileserve(["get", server.endpoint(), "missing", "-o"]);
    get.arg(place.beside("out"));
    run(get).failed(3, "not found");
    assert_eq!(place.names(), ["out"]);
    assert_eq!(fs::read_to_string(place.beside("out")).expect("there"), "older");
}

/// Begins a long transfer to `out` and kills the client in the middle.
fn cut_transfer(place: &Place, server: &Server) -> u64 {
    let mut get = fileserve(["get", server.endpoint(), "big", "-o"]);
    get.arg(place.beside("out")).stderr(Stdio::null());
    let mut child = get.spawn().expect("starts");
    let part = place.beside(".out.part");
    while fs::metadata(&part).map_or(0, |part| part.len()) < 4 << 20 {
        assert!(child.try_wait().expect("a child").is_none(), "ended before it could be cut");
        thread::yield_now();
    }
    child.kill().expect("a child");
    child.wait().expect("a child");
    fs::metadata(&part).expect("kept").len()
}

const LONG: u64 = 1 << 30;

#[test]
fn what_was_cut_has_no_final_name_and_resuming_completes_it() {
    let place = Place::new();
    sparse(&place, "big", LONG);
    let server = Server::start(&place);
    let kept = cut_transfer(&place, &server);
    assert!(kept < LONG);
    assert_eq!(place.names(), [".out.part", ".out.part.validator"]);

    let mut resume = fileserve(["get", server.endpoint(), "big", "--resume", "-o"]);
    resume.arg(place.beside("out"));
    let resumed = run(resume);
    resumed.stdout();
    assert!(resumed.stderr().contains("going on after"), "{}", resumed.stderr());
    assert_eq!(place.names(), ["out"]);
    let mut out = File::open(place.beside("out")).expect("whole");
    assert_eq!(out.metadata().expect("there").len(), LONG);
    for (at, expected) in [(0, b"begin\0\0"), (LONG - 7, b"the end")] {
        let mut piece = [0; 7];
        out.seek(SeekFrom::Start(at)).and_then(|_| out.read_exact(&mut piece)).expect("whole");
        assert_eq!(&piece, expected);
    }
}

#[test]
fn a_file_that_has_changed_is_refused_and_never_spliced() {
    let place = Place::new();
    let file = sparse(&place, "big", LONG);
    let server = Server::start(&place);
    let kept = cut_transfer(&place, &server);
    write_at(&file, 0, b"BEGIN");

    let resume = |options: &[&str]| {
        let mut get = fileserve(["get", server.endpoint(), "big", "-o"]);
        get.arg(place.beside("out")).args(options);
        run(get)
    };
    let refused = resume(&["--resume"]);
    refused.failed(10, "changed; start again");
    assert!(!refused.stderr().contains("goes on there"), "{}", refused.stderr());
    assert_eq!(place.names(), [".out.part", ".out.part.validator"]);
    assert_eq!(fs::metadata(place.beside(".out.part")).expect("kept").len(), kept);

    file.set_len(7).expect("shorter");
    resume(&[]).stdout();
    assert_eq!(fs::read(place.beside("out")).expect("whole"), b"BEGIN\0\0");
    assert_eq!(place.names(), ["out"]);
}

#[test]
fn t37_a_file_that_shrinks_half_way_is_reported_with_the_bytes_that_came() {
    let place = Place::new();
    let file = sparse(&place, "big", LONG);
    let server = Server::start(&place);
    let mut get = fileserve(["get", server.endpoint(), "big", "-o"]);
    get.arg(place.beside("out")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = get.spawn().expect("starts");
    while fs::metadata(place.beside(".out.part")).map_or(0, |part| part.len()) == 0 {
        assert!(child.try_wait().expect("a child").is_none(), "ended before it could shrink");
        thread::yield_now();
    }
    file.set_len(0).expect("shorter");
    let failed = common::Run(child.wait_with_output().expect("a child"));
    failed.failed(11, "incomplete");
    assert!(failed.stderr().contains(&format!("of {LONG} bytes")), "{}", failed.stderr());
    assert!(!place.names().contains(&"out".to_owned()));
    let record = server.record_of("get");
    assert_eq!(record["outcome"], "ended early");
    assert!(record["bytes"].as_u64().is_some_and(|bytes| bytes < LONG));
}

fn get_to(server: &Server, output: &Path) -> Command {
    let mut get = fileserve(["get", server.endpoint(), "notes", "-o"]);
    get.arg(output);
    get
}

#[test]
fn the_longest_name_is_received_and_resumed_like_any_other() {
    let place = Place::new();
    place.file("notes", "hello");
    let server = Server::start(&place);
    for length in [100, 239, 240, 250, 255] {
        let name = "n".repeat(length);
        run(get_to(&server, &place.beside(&name))).stdout();
        fs::remove_file(place.beside(&name)).expect("there");
        assert_eq!(place.names(), [""; 0]);
    }
    let long = place.beside(&"n".repeat(256));
    run(get_to(&server, &long)).failed(1, "cannot get");
    assert_eq!(place.names(), [""; 0]);
}

#[test]
fn what_can_be_no_file_leaves_nothing_behind() {
    let place = Place::new();
    place.file("notes", "hello");
    let server = Server::start(&place);
    for name in ["new/", "new/.", "missing/new", "."] {
        run(get_to(&server, &place.beside(name))).failed(1, "cannot get");
        assert_eq!(place.names(), [""; 0], "{name}");
    }
}

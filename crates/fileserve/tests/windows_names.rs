//! What only Windows makes of names: devices, streams, drives, other machines; and what only its
//! directories have.
#![cfg(windows)]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::fs::{self, OpenOptions};
use std::os::windows::fs::OpenOptionsExt as _;

use common::{Place, Server, fileserve, run};

#[test]
fn t32_t33_t34_t35_a_name_that_is_no_files_is_refused_for_its_text_by_every_command() {
    let place = Place::new();
    place.file("notes", "hello");
    let server = Server::start(&place);
    for name in [
        "nul",
        "NUL.txt",
        "docs/com1.log",
        "COM\u{b9}",
        "conin$",
        "notes:stream",
        "notes::$DATA",
        "notes.",
        "notes ",
        "C:notes",
        r"..\outside",
        "*",
    ] {
        for command in ["get", "stat", "sum", "ls"] {
            run(fileserve([command, server.endpoint(), name])).failed(2, "cannot");
        }
    }
    assert_eq!(run(fileserve(["get", server.endpoint(), "NOTES"])).text(), "hello");
    assert_eq!(run(fileserve(["get", server.endpoint(), r".\notes"])).text(), "hello");
}

#[test]
fn with_any_path_a_path_begins_with_a_drive_and_never_leaves_the_machine() {
    let place = Place::new();
    let notes = place.file("notes", "hello");
    let server = Server::run(
        fileserve(["serve", &place.endpoint(), "--any-path", "--json"]),
        place.endpoint(),
    );
    let notes = notes.to_str().expect("text");
    let slashes = notes.replace('\\', "/");
    let verbatim = format!(r"\\?\{notes}");
    let roundabout = format!(r"{notes}\..\notes");
    for path in [notes, &slashes, &format!("/{slashes}"), &verbatim, &roundabout] {
        assert_eq!(run(fileserve(["get", server.endpoint(), path])).text(), "hello", "{path}");
    }
    for path in [
        r"\\127.0.0.1\share\x",
        "//127.0.0.1/share/x",
        r"\\?\UNC\127.0.0.1\share\x",
        r"\\.\pipe\evil",
        r"\\?\pipe\evil",
        r"\\?\GLOBALROOT\Device\Null",
        r"\\.\PhysicalDrive0",
        r"C:\nul",
        r"C:\x:stream",
    ] {
        run(fileserve(["get", server.endpoint(), path])).failed(2, "cannot get");
    }
    let missing = (b'A'..=b'Z').map(|letter| format!("{}:\\", char::from(letter)));
    if let Some(drive) = missing.into_iter().find(|drive| !fs::exists(drive).unwrap_or(true)) {
        run(fileserve(["get", server.endpoint(), &format!("{drive}x")])).failed(3, "not found");
    }
}

#[test]
fn t36_a_file_that_somebody_shares_with_nobody_is_refused_at_once() {
    let place = Place::new();
    let notes = place.file("notes", "hello");
    let server = Server::start(&place);
    let held = OpenOptions::new().read(true).share_mode(0).open(notes).expect("nobody has it");
    run(fileserve(["get", server.endpoint(), "notes"])).failed(1, "busy");
    drop(held);
    assert_eq!(run(fileserve(["get", server.endpoint(), "notes"])).text(), "hello");
}

#[test]
fn what_is_fetched_goes_to_files_and_devices_and_to_no_stream() {
    let place = Place::new();
    place.file("notes", "hello");
    let server = Server::start(&place);
    let get = |output: &str| run(fileserve(["get", server.endpoint(), "notes", "-o", output]));
    let beside = |name: &str| place.beside(name).to_str().expect("text").to_owned();
    get("NUL").stdout();
    get(&beside("nul")).stdout();
    for output in ["out:stream", "out.", "out ", "aux:x"].map(&beside).iter().map(String::as_str) {
        get(output).failed(1, "cannot get");
    }
    get(&beside("nul.txt")).failed(1, "`nul.txt` is a device's on Windows");
    get(r"\\.\pipe\evil").failed(1, "cannot get");
    assert_eq!(place.names(), [""; 0]);
    get(&beside("out")).stdout();
    assert_eq!(fs::read(place.beside("out")).expect("there"), b"hello");
    assert_eq!(place.names(), ["out"]);
}

#[test]
fn what_only_unix_has_is_refused_as_an_option() {
    let serve = |options: &[&str]| {
        let mut command = fileserve(["serve", "fileserve-test-never", "--any-path"]);
        command.args(options);
        run(command)
    };
    serve(&["--socket-mode", "0666"]).failed(2, "`--allow` says who can reach it");
    serve(&["--allow", "uid:0"]).failed(2, "clients on Linux");
    serve(&["--allow", "sandboxed"]).failed(2, "clients on Linux");
}

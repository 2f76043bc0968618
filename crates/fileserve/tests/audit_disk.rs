//! The account of a server whose disk is full.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::account::{lines, of};
use common::{Place, Server, fileserve, raw, run, skip};
use fileserve::protocol::{FilesClient, Part, WirePath};
use ipc_core::{ErrorKind, ImpersonationLevel};
use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use serde_json::Value;

fn client(server: &Server) -> FilesClient {
    raw::calls(server.endpoint(), ImpersonationLevel::Impersonation)
}

fn path(text: &str) -> WirePath {
    WirePath::new(text).expect("short")
}

/// A server that keeps an account, and takes the end of its disk for an error.
fn on_a_disk(place: &Place, options: &[&str]) -> Server {
    // A signal that is ignored stays so in the program.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_fileserve")]);
    command.args(["serve", &place.endpoint(), "--json", "--root"]).arg(place.files());
    command.arg("--audit").arg(place.account()).args(options);
    Server::run(command, place.endpoint())
}

/// Lets the files of `server` become so long and no longer, as if its disk were full then.
fn limit(server: &Server, length: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    let limit = Rlimit { current: length.or(maximum), maximum };
    prlimit(Some(server.process()), Resource::Fsize, limit).expect("the process is ours");
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).expect("it is there").len()
}

/// The events behind the one that says that lines are missing, and how many are.
fn after_the_gap(lines: &[Value]) -> (u64, Vec<&Value>) {
    let gap = lines.iter().position(|line| line["event"] == "lost").expect("a gap");
    (lines[gap]["lines"].as_u64().expect("a number"), lines[gap + 1..].iter().collect())
}

#[test]
fn t59_what_cannot_be_accounted_for_is_not_served_where_it_must_be() {
    let place = Place::new();
    place.file("notes", "hello");
    let server = on_a_disk(&place, &["--audit-required"]);
    let mut known = client(&server);
    known.stat(path("notes")).expect("served");
    // The next line fits by its first bytes only.
    let before = length(&place.account());
    limit(&server, Some(before + 10));
    for _ in 0..3 {
        let error = known.get(path("notes"), Part::WHOLE).map(drop).expect_err("not accounted for");
        assert_eq!(error.kind(), ErrorKind::Busy);
        assert!(error.to_string().contains("cannot record what it serves"), "{error}");
        assert_eq!(known.stat(path("notes")).expect_err("the same").kind(), ErrorKind::Busy);
        assert_eq!(known.whoami().expect_err("the same").kind(), ErrorKind::Busy);
        assert_eq!(known.about().expect_err("the same").kind(), ErrorKind::Busy);
    }
    run(fileserve(["get", server.endpoint(), "notes"])).failed(1, "cannot record what it serves");
    assert_eq!(length(&place.account()), before, "half a line stands there");
    server.says("nobody is served until it can be written again");

    limit(&server, None);
    let mut got = known.get(path("notes"), Part::WHOLE).expect("there is room again");
    std::io::copy(&mut got.body, &mut std::io::sink()).expect("the content");
    drop(got);
    drop(known);
    server.says("is written again");
    let said = server.stop();
    assert!(!said.iter().any(|line| line.contains("cannot write")), "said twice: {said:?}");
    let lines = lines(&place.account());
    let (lost, after) = after_the_gap(&lines);
    // Of each `get` and `stat` an open, a refusal and a result, of `whoami` that it was switched as
    // well, of `about` no open; and whoever came was refused.
    let about_result_and_refusal = 3;
    assert_eq!(lost, 3 * (3 + 3 + 4 + about_result_and_refusal) + 2);
    let events: Vec<_> = after.iter().map(|line| line["event"].clone()).collect();
    assert_eq!(events, ["open", "result"]);
}

#[test]
fn t59_a_server_that_may_goes_on_without_its_account_and_counts_what_is_missing() {
    let place = Place::new();
    place.file("notes", "hello");
    let server = on_a_disk(&place, &[]);
    let mut files = client(&server);
    files.stat(path("notes")).expect("served");
    limit(&server, Some(length(&place.account())));
    for _ in 0..5 {
        files.stat(path("notes")).expect("served");
    }
    server.says("is not recorded");
    limit(&server, None);
    files.stat(path("notes")).expect("served");
    server.says("is written again; 10 lines are missing");
    drop(files);
    server.stop();
    let lines = lines(&place.account());
    let (lost, after) = after_the_gap(&lines);
    assert_eq!((lost, after.len()), (10, 2));
    assert_eq!(of(&lines, "result").len(), 2);
}

/// A small disk; gone when dropped.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    fn mount(at: &'a Path, size: &str) -> Option<Self> {
        fs::create_dir(at).expect("a directory");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size},mode=755"), "tmpfs"]).arg(at);
        mount.output().is_ok_and(|mounted| mounted.status.success()).then_some(Self(at))
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

#[test]
fn t59_on_a_full_disk_nobody_is_served_until_there_is_room() {
    let test = "t59_on_a_full_disk_nobody_is_served_until_there_is_room";
    let place = Place::new();
    place.file("notes", "hello");
    let at = place.beside("disk");
    let Some(_disk) = Disk::mount(&at, "64k") else {
        return skip(test, "it mounts a file system, which takes root");
    };
    fs::write(at.join("filler"), [0; 32 << 10]).expect("there is room");
    let account = at.join("account");
    let mut command = fileserve(["serve", &place.endpoint(), "--audit-required", "--root"]);
    command.arg(place.files()).arg("--audit").arg(&account);
    let server = Server::run(command, place.endpoint());
    let mut files = client(&server);
    let mut served = 0_usize;
    let refused = loop {
        match files.stat(path("notes")) {
            Ok(_) => served += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.kind(), ErrorKind::Busy, "{refused}");
    assert!(served > 20, "{served}");
    run(fileserve(["ls", server.endpoint()])).failed(1, "cannot record what it serves");
    let whole = lines(&account);
    let results = of(&whole, "result").len();
    assert!((served..=served + 1).contains(&results), "{results} for {served}");

    fs::remove_file(at.join("filler")).expect("removed");
    files.stat(path("notes")).expect("there is room again");
    assert_eq!(run(fileserve(["get", server.endpoint(), "notes"])).text(), "hello");
    drop(files);
    server.stop();
    let lines = lines(&account);
    assert_eq!(of(&lines, "lost").len(), 1);
    assert_eq!(lines[..whole.len()], whole);
}

#[test]
fn t59_a_server_that_cannot_begin_its_account_does_not_begin_where_it_must() {
    let test = "t59_a_server_that_cannot_begin_its_account_does_not_begin_where_it_must";
    let place = Place::new();
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"]);
    command.arg(env!("CARGO_BIN_EXE_fileserve"));
    // No file but the account is written.
    let endpoint = format!("unix:@{}", place.account().display());
    command.args(["serve", &endpoint, "--any-path", "--audit-required", "--audit"]);
    let refused = run({
        command.arg(place.account());
        command
    });
    if refused.stderr().contains("ulimit") {
        return skip(test, "the shell sets no limits");
    }
    assert_eq!(refused.code(), 1);
    assert!(refused.stderr().contains("cannot begin the account"), "{}", refused.stderr());
    assert!(refused.stderr().contains("File too large"), "{}", refused.stderr());
}

//! The file that a server's account is kept in: renamed, or unfit.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use common::account::lines;
use common::{Place, Server, fileserve, raw, run};
use fileserve::protocol::WirePath;
use ipc_core::ImpersonationLevel;
use rustix::process::{Signal, kill_process};

fn path(text: &str) -> WirePath {
    WirePath::new(text).expect("short")
}

#[test]
fn a_file_is_renamed_under_load_and_no_line_is_lost_or_doubled() {
    const ROTATIONS: usize = 8;
    let place = Place::new();
    place.file("notes", "hello");
    let server = Server::audited(&place, &[]);
    let asked = AtomicU64::new(0);
    let enough = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            let mut files = raw::calls(server.endpoint(), ImpersonationLevel::Impersonation);
            let (asked, enough) = (&asked, &enough);
            scope.spawn(move || {
                while !enough.load(Ordering::SeqCst) {
                    files.stat(path("notes")).expect("served");
                    asked.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        let some_more = || {
            let before = asked.load(Ordering::SeqCst);
            while asked.load(Ordering::SeqCst) < before + 20 {
                thread::yield_now();
            }
        };
        for number in 0..ROTATIONS {
            some_more();
            fs::rename(place.account(), place.beside(&format!("account.{number}")))
                .expect("renamed");
            kill_process(server.process(), Signal::HUP).expect("it lives");
            server.says("goes on in a newly opened");
        }
        some_more();
        enough.store(true, Ordering::SeqCst);
    });
    server.stop();
    let mut files: Vec<_> =
        (0..ROTATIONS).map(|number| place.beside(&format!("account.{number}"))).collect();
    files.push(place.account());
    let mut found = BTreeMap::new();
    for file in &files {
        let lines = lines(file);
        assert!(lines.len() > 10, "each was written to");
        for line in lines.iter().filter(|line| line["call"].is_u64()) {
            let key = ["event", "connection", "call"].map(|name| line[name].to_string());
            *found.entry(key).or_insert(0) += 1;
        }
    }
    assert!(found.values().all(|count| *count == 1), "a line is there twice");
    assert_eq!(found.len() as u64, 2 * asked.load(Ordering::SeqCst));
}

#[test]
fn t58_a_file_that_others_could_change_is_not_written() {
    let place = Place::new();
    let serve = |account: &Path| {
        let mut command = fileserve(["serve", &place.endpoint(), "--any-path", "--audit"]);
        command.arg(account);
        run(command)
    };
    let elsewhere = place.beside("elsewhere");
    fs::write(&elsewhere, "").expect("written");
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o600)).expect("its mode is ours");
    let link = place.beside("link");
    symlink(&elsewhere, &link).expect("a link");
    serve(&link).failed(1, "it is a symbolic link");
    fs::hard_link(&elsewhere, place.beside("twin")).expect("a link");
    serve(&elsewhere).failed(1, "it has another name as well");
    let open = place.beside("open");
    fs::write(&open, "").expect("written");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o622)).expect("its mode is ours");
    serve(&open).failed(1, "others may write it");
    let fifo = place.beside("fifo");
    fileserve::platform::make_fifo(&fifo).expect("a FIFO");
    serve(&fifo).failed(1, "it is no regular file");
    serve(&place.files()).failed(1, "it is no regular file");
    serve("/dev/full".as_ref()).failed(1, "it is no regular file");
    serve(&place.beside("missing/account")).failed(1, "No such file");

    let server = Server::audited(&place, &[]);
    let mode = fs::metadata(place.account()).expect("made").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    server.stop();
}

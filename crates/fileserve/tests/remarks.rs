//! What a server says beside its requests, to whom listens badly, and about whom comes too often.
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::io::{self, Write as _};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::{Place, Server, fileserve, raw, run};
use ipc_testkit::child::{self, Process};

#[test]
fn t46_a_flood_of_bad_clients_fills_no_log_and_is_counted() {
    const MANY: usize = 1_000;
    let place = Place::new();
    let mut server = Server::start(&place);
    (0..MANY).for_each(|_| raw::be_disconnected(server.endpoint()));
    server.ask_to_stop();
    assert!(server.wait().success());
    let said = server.last_words();
    let told: Vec<_> = said.iter().filter(|line| line.contains(" was disconnected: ")).collect();
    assert!((5..100).contains(&told.len()), "{} lines", told.len());
    assert!(told[4].contains("more of these are only counted"), "{}", told[4]);
    let counted = said.iter().any(|line| line.ends_with("more clients were disconnected"));
    assert!(counted, "{said:?}");
}

/// The child that serves what its parent names, and whose standard error is full.
#[test]
fn child_that_serves_and_is_not_heard() {
    let Some(arguments) = child::role("child_that_serves_and_is_not_heard") else { return };
    let (wrote, written) = mpsc::channel();
    thread::spawn(move || {
        // In the end it waits here for ever.
        while io::stderr().write_all(&[b'.'; 4096]).is_ok() && wrote.send(()).is_ok() {}
    });
    while written.recv_timeout(Duration::from_millis(200)).is_ok() {}
    let mut serve = fileserve(["serve", &arguments[0], "--root", &arguments[1]]);
    let mut server = Ended(serve.stdout(Stdio::null()).spawn().expect("starts"));
    child::say("started");
    child::hear_parent();
    fileserve::platform::ask_to_stop(&server.0).expect("lives");
    child::say(&format!("{:?}", server.0.wait().expect("a child").code()));
}

/// A child that does not outlive its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn t46_a_server_whose_remarks_nobody_reads_serves_on_and_stops_when_asked() {
    let place = Place::new();
    place.file("notes", "hello");
    let files = place.files().display().to_string();
    let arguments = [&*place.endpoint(), &files];
    let mut command =
        child::command(child::this_program(), "child_that_serves_and_is_not_heard", &arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut serving = command.spawn().expect("starts");
    let (stdin, stdout) = (serving.stdin.take(), serving.stdout.take());
    let _never_read = serving.stderr.take();
    let mut serving = Process::over(serving, stdin.expect("piped"), stdout.expect("piped"));
    assert_eq!(serving.hear(), "started");

    while raw::try_connect(&place.endpoint()).is_err() {
        thread::yield_now();
    }
    (0..8).for_each(|_| raw::be_disconnected(&place.endpoint()));
    let got = run(fileserve(["get", &place.endpoint(), "notes", "--timeout", "20s"]));
    assert_eq!(got.text(), "hello");
    assert_eq!(serving.ask("stop"), "Some(0)");
}

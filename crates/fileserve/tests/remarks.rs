//! What a server says beside its requests, to whom listens badly, and about whom comes too often.
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::fs::File;
use std::io::Write as _;
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::{Place, Server, fileserve, raw, run, system};
use ipc_testkit::child;

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

/// The child that never reads what it is told.
#[test]
fn child_that_is_deaf() {
    if child::role("child_that_is_deaf").is_some() {
        loop {
            thread::park(); // until it is killed
        }
    }
}

/// A pipe to a child that never reads, into which there is always more to write than fits.
fn stuck_pipe() -> (Ended, File) {
    let mut deaf = child::command(child::this_program(), "child_that_is_deaf", &[]);
    let mut deaf = deaf.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("starts");
    let writer = system::file_of(deaf.stdin.take().expect("piped"));
    let mut filling = writer.try_clone().expect("a second handle");
    let (wrote, written) = mpsc::channel();
    thread::spawn(move || {
        // In the end it waits here until the child is killed.
        while filling.write_all(&[b'.'; 4096]).is_ok() && wrote.send(()).is_ok() {}
    });
    while written.recv_timeout(Duration::from_millis(200)).is_ok() {}
    (Ended(deaf), writer)
}

/// A child that does not outlive its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_until_it_listens(place: &Place, child: &mut Child) {
    while raw::try_connect(&place.endpoint()).is_err() {
        assert!(child.try_wait().expect("a child").is_none(), "ended before it listened");
        thread::yield_now();
    }
}

#[test]
fn t46_a_server_whose_remarks_nobody_reads_serves_on_and_stops_when_asked() {
    let place = Place::new();
    place.file("notes", "hello");
    let (_deaf, writer) = stuck_pipe();
    let mut serve = fileserve(["serve", &place.endpoint(), "--root"]);
    serve.arg(place.files()).stdout(Stdio::null()).stderr(writer);
    fileserve::platform::stoppable(&mut serve);
    let mut server = Ended(serve.spawn().expect("starts"));
    wait_until_it_listens(&place, &mut server.0);
    (0..8).for_each(|_| raw::be_disconnected(&place.endpoint()));
    let got = run(fileserve(["get", &place.endpoint(), "notes", "--timeout", "20s"]));
    assert_eq!(got.text(), "hello");
    fileserve::platform::ask_to_stop(&server.0).expect("lives");
    assert!(server.0.wait().expect("a child").success());
}

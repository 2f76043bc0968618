//! What a server says beside its requests, to whom listens badly, and about whom comes too often.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use common::{Place, Server, fileserve, run};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

/// Connects, is no client of this protocol, and sees itself disconnected.
fn be_disconnected(place: &Place) {
    let mut stream = UnixStream::connect(place.beside("socket")).expect("a server");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
    // Either may find that the server is quicker.
    let _ = stream.write_all(b"GET / HTTP/1.1\r\n\r\n");
    let _ = stream.read_to_end(&mut Vec::new());
}

#[test]
fn t46_a_flood_of_bad_clients_fills_no_log_and_is_counted() {
    const MANY: usize = 1_000;
    let place = Place::new();
    let mut server = Server::start(&place);
    (0..MANY).for_each(|_| be_disconnected(&place));
    server.ask_to_stop();
    assert!(server.wait().success());
    let said = server.last_words();
    let told: Vec<_> = said.iter().filter(|line| line.contains(" was disconnected: ")).collect();
    assert!((5..100).contains(&told.len()), "{} lines", told.len());
    assert!(told[4].contains("more of these are only counted"), "{}", told[4]);
    let counted = said.iter().any(|line| line.ends_with("more clients were disconnected"));
    assert!(counted, "{said:?}");
}

/// The writing end of a pipe that is full and that nobody reads, beside its reading end.
fn stuck_pipe() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = rustix::pipe::pipe().expect("a pipe");
    let flags = fcntl_getfl(&writer).expect("flags");
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).expect("set");
    for block in [4096, 1] {
        while rustix::io::write(writer.as_fd(), &vec![b'.'; block]) != Err(Errno::AGAIN) {}
    }
    fcntl_setfl(&writer, flags).expect("set");
    (reader, writer)
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
    while UnixStream::connect(place.beside("socket")).is_err() {
        assert!(child.try_wait().expect("a child").is_none(), "ended before it listened");
        thread::yield_now();
    }
}

#[test]
fn t46_a_server_whose_remarks_nobody_reads_serves_on_and_stops_when_asked() {
    let place = Place::new();
    place.file("notes", "hello");
    let (_reader, writer) = stuck_pipe();
    let mut serve = fileserve(["serve", &place.endpoint(), "--root"]);
    serve.arg(place.files()).stdout(Stdio::null()).stderr(writer);
    let mut server = Ended(serve.spawn().expect("starts"));
    wait_until_it_listens(&place, &mut server.0);
    (0..8).for_each(|_| be_disconnected(&place));
    let got = run(fileserve(["get", &place.endpoint(), "notes", "--timeout", "20s"]));
    assert_eq!(got.text(), "hello");
    fileserve::platform::ask_to_stop(&server.0).expect("lives");
    assert!(server.0.wait().expect("a child").success());
}

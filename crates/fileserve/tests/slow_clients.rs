//! Clients that are silent, slow or demanding, and those beside them that are not: one more client
//! is served while eight of the others still have what they came for before them.
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::io::Read as _;
use std::process::{Child, ChildStdout, Stdio};

use common::{Place, Server, fileserve, raw, run};

const MANY: usize = 8;

fn place_with_a_long_file() -> Place {
    let place = Place::new();
    place.file("notes", "hello");
    place.sparse("big", 1 << 40);
    place
}

fn is_served(server: &Server) {
    let got = run(fileserve(["get", server.endpoint(), "notes", "--timeout", "20s"]));
    assert_eq!(got.text(), "hello");
    let listed = run(fileserve(["ls", server.endpoint(), "--timeout", "20s"]));
    assert_eq!(listed.text(), "big\nnotes\n");
}

#[test]
fn t46_clients_that_say_nothing_hold_up_nobody() {
    let place = place_with_a_long_file();
    let server = Server::start(&place);
    let silent = raw::silent(server.endpoint(), MANY);
    is_served(&server);
    drop(silent);
}

#[test]
fn t46_clients_that_stop_in_the_middle_of_a_word_hold_up_nobody() {
    let place = place_with_a_long_file();
    let server = Server::start(&place);
    let slow = raw::silent(server.endpoint(), MANY);
    for byte in ipc_core::frame::Preface::MAGIC {
        for client in &slow {
            client.write_all(&[byte], raw::soon()).expect("the server reads");
        }
        is_served(&server);
    }
}

#[test]
fn t46_clients_that_stop_reading_hold_up_nobody() {
    let place = place_with_a_long_file();
    let server = Server::start(&place);
    let begin = |_| {
        let mut get = fileserve(["get", server.endpoint(), "big"]);
        let mut child = get.stdout(Stdio::piped()).spawn().expect("starts");
        let mut stdout = child.stdout.take().expect("piped");
        stdout.read_exact(&mut [0; 1]).expect("it has begun"); // and then nobody reads
        (child, stdout)
    };
    let stuck: Vec<(Child, ChildStdout)> = (0..MANY).map(begin).collect();
    is_served(&server);
    for (mut child, stdout) in stuck {
        assert!(child.try_wait().expect("a child").is_none(), "was not stuck at all");
        drop(stdout);
        child.wait().expect("a child");
    }
}

#[test]
fn t46_checksums_of_long_files_hold_up_nobody() {
    let place = place_with_a_long_file();
    let server = Server::start(&place);
    let begin = |_| fileserve(["sum", server.endpoint(), "big"]).spawn().expect("starts");
    let mut busy: Vec<Child> = (0..MANY).map(begin).collect();
    is_served(&server);
    let who = run(fileserve(["whoami", server.endpoint(), "--timeout", "20s"])).text();
    assert!(who.contains("acts as you  yes"), "{who}");
    for child in &mut busy {
        assert!(child.try_wait().expect("a child").is_none(), "had not begun or has ended");
        child.kill().expect("a child");
        child.wait().expect("a child");
    }
    // Nobody waits for the sums any more, so that those under way end, long before their time.
    while server.record_of("sum")["outcome"] != "cancelled" {}
}

//! However long a file is, both sides stay small.
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::system::{self, LARGE, LITTLE};
use common::{Place, Run, Server, fileserve, run, skip, write_at};

#[test]
fn gibibytes_pass_in_little_memory_on_each_side() {
    let place = Place::new();
    let file = place.sparse("big", LARGE);
    write_at(&file, LARGE - 7, b"the end");
    let server = Server::start(&place);

    let (got, client_peak) = run_and_watch(fileserve(["get", server.endpoint(), "big"]));
    got.stdout();
    let record = server.record_of("get");
    assert_eq!((&record["bytes"], &record["outcome"]), (&LARGE.into(), &"ok".into()));
    let tail = format!("{}-", LARGE - 7);
    let got = run(fileserve(["get", server.endpoint(), "big", "--range", &tail]));
    assert_eq!(got.text(), "the end");
    let name = "gibibytes_pass_in_little_memory_on_each_side";
    let Some(peaks) = client_peak.zip(server.peak_memory()) else {
        return skip(name, "this system does not tell how much memory a process had");
    };
    assert!(peaks.0 > 0 && peaks.0 < LITTLE, "client: {} bytes", peaks.0);
    assert!(peaks.1 < LITTLE, "server: {} bytes", peaks.1);
}

/// Runs to the end, and returns the highest memory use on the way. Nobody keeps what it prints, so
/// that the test needs no room for it.
fn run_and_watch(mut command: Command) -> (Run, Option<u64>) {
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("starts");
    let pid = child.id();
    let (send, ended) = mpsc::channel();
    thread::spawn(move || send.send(child.wait_with_output()));
    let mut peak = None;
    loop {
        peak = peak.max(system::memory(pid).map(|memory| memory.peak));
        if let Ok(output) = ended.recv_timeout(Duration::from_millis(20)) {
            return (Run(output.expect("a child")), peak);
        }
    }
}

#[test]
fn t38_a_long_checksum_is_computed_in_little_memory() {
    let place = Place::new();
    place.sparse("big", 256 << 20);
    let server = Server::start(&place);
    run(fileserve(["sum", server.endpoint(), "big"])).stdout();
    let Some(peak) = server.peak_memory() else {
        let name = "t38_a_long_checksum_is_computed_in_little_memory";
        return skip(name, "this system does not tell how much memory a process had");
    };
    assert!(peak < LITTLE, "server: {peak} bytes");
}

#[test]
fn t40_a_file_that_is_replaced_while_it_is_served_comes_whole() {
    let place = Place::new();
    place.file("notes", vec![b'a'; 8 << 20]);
    let server = Server::start(&place);
    let mut get = fileserve(["get", server.endpoint(), "notes"]);
    let mut child = get.stdout(Stdio::piped()).spawn().expect("starts");
    let mut stdout = child.stdout.take().expect("piped");
    let mut content = vec![0; 1];
    stdout.read_exact(&mut content).expect("it has begun");
    fs::write(place.beside("newer"), vec![b'b'; 8 << 20]).expect("written");
    // Not every system gives the name of an open file to another in one step.
    fs::rename(place.files().join("notes"), place.beside("older")).expect("moved away");
    fs::rename(place.beside("newer"), place.files().join("notes")).expect("replaced");
    stdout.read_to_end(&mut content).expect("readable");
    assert!(child.wait().expect("a child").success());
    assert_eq!(content.len(), 8 << 20);
    assert!(content.iter().all(|byte| *byte == b'a'));
}

//! However long a file is, both sides stay small.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::{Place, Run, Server, fileserve, peak_memory, run};

const TEN_GIBIBYTES: u64 = 10 << 30;
const LIMIT: u64 = 32 << 20;

#[test]
fn ten_gibibytes_pass_in_less_than_32_mebibytes_on_each_side() {
    let place = Place::new();
    let file = File::create(place.files().join("big")).expect("a file");
    file.set_len(TEN_GIBIBYTES).expect("a sparse file");
    file.write_all_at(b"the end", TEN_GIBIBYTES - 7).expect("written");
    let server = Server::start(&place);

    // A device takes the bytes as they come, so that the test needs no room for them.
    let get = fileserve(["get", server.endpoint(), "big", "-o", "/dev/null"]);
    let (got, client_peak) = run_and_watch(get);
    got.stdout();
    let record = server.record_of("get");
    assert_eq!((&record["bytes"], &record["outcome"]), (&TEN_GIBIBYTES.into(), &"ok".into()));
    assert!(client_peak > 0 && client_peak < LIMIT, "client: {client_peak} bytes");
    assert!(server.peak_memory() < LIMIT, "server: {} bytes", server.peak_memory());
    let tail = format!("{}-", TEN_GIBIBYTES - 7);
    assert_eq!(
        run(fileserve(["get", server.endpoint(), "big", "--range", &tail])).text(),
        "the end"
    );
}

/// Runs to the end, and returns the highest memory use on the way.
fn run_and_watch(mut command: Command) -> (Run, u64) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let pid = child.id();
    let (send, ended) = mpsc::channel();
    thread::spawn(move || send.send(child.wait_with_output()));
    let mut peak = 0;
    loop {
        peak = peak_memory(pid).unwrap_or(peak);
        if let Ok(output) = ended.recv_timeout(Duration::from_millis(20)) {
            return (Run(output.expect("a child")), peak);
        }
    }
}

#[test]
fn t38_a_long_checksum_is_computed_in_little_memory() {
    let place = Place::new();
    let file = File::create(place.files().join("big")).expect("a file");
    file.set_len(256 << 20).expect("a sparse file");
    let server = Server::start(&place);
    run(fileserve(["sum", server.endpoint(), "big"])).stdout();
    assert!(server.peak_memory() < LIMIT, "server: {} bytes", server.peak_memory());
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
    fs::rename(place.beside("newer"), place.files().join("notes")).expect("replaced");
    stdout.read_to_end(&mut content).expect("readable");
    assert!(child.wait().expect("a child").success());
    assert_eq!(content.len(), 8 << 20);
    assert!(content.iter().all(|byte| *byte == b'a'));
}

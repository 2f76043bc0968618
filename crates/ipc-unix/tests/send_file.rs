//! Sending files without taking them through the process.
#![cfg(target_os = "linux")]

mod common;

use std::fs::File;
use std::io::{Seek, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use common::{Pair, soon, start_waiting};
use ipc_core::{Connection, Deadline, Error};
use ipc_testkit::child::{self, Process};

const LENGTH: usize = 5 << 20;

fn byte_at(position: usize) -> u8 {
    u8::try_from(position % 251).expect("small")
}

fn large_file() -> File {
    let mut file = tempfile::tempfile().expect("a file");
    let content: Vec<u8> = (0..LENGTH).map(byte_at).collect();
    file.write_all(&content).expect("writes");
    file
}

fn send_all(connection: &dyn Connection, file: &File, mut from: u64, deadline: Deadline) {
    loop {
        match connection.send_file(file, from, u64::MAX, deadline).expect("sends") {
            0 => break,
            count => from += count,
        }
    }
}

#[test]
fn a_range_arrives_whole_with_and_without_a_deadline() {
    for deadline in [Deadline::NEVER, soon()] {
        let pair = Pair::new();
        let mut file = large_file();
        file.rewind().expect("rewinds");
        let server = Arc::clone(&pair.server);
        let sending = thread::spawn(move || {
            send_all(&*server, &file, 1000, deadline);
            server.finish_writing().expect("finishes");
            assert_eq!(file.stream_position().expect("a position"), 0, "its own position stays");
        });
        let mut received = Vec::new();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match pair.client.read(&mut buffer, soon()).expect("reads") {
                0 => break,
                count => received.extend_from_slice(&buffer[..count]),
            }
        }
        sending.join().expect("no panic");
        assert_eq!(received.len(), LENGTH - 1000);
        let right = received.iter().enumerate().all(|(at, byte)| *byte == byte_at(at + 1000));
        assert!(right);
    }
}

#[test]
fn a_length_that_the_file_has_not_is_cut_and_none_is_none() {
    let pair = Pair::new();
    let file = large_file();
    let end = LENGTH as u64;
    assert_eq!(pair.server.send_file(&file, end - 10, 100, soon()).expect("sends"), 10);
    assert_eq!(pair.server.send_file(&file, end, 100, soon()).expect("nothing"), 0);
    assert_eq!(pair.server.send_file(&file, 0, 0, soon()).expect("nothing"), 0);
    assert_eq!(pair.server.send_file(&file, 5, 7, soon()).expect("sends"), 7);
    pair.client.read_exact(&mut [0; 17], soon()).expect("reads");
}

#[test]
fn deadlines_hold_against_a_peer_that_does_not_read() {
    let pair = Pair::new();
    let file = large_file();
    let begun = Instant::now();
    let deadline = Deadline::after(Duration::from_millis(200));
    let mut sent = 0;
    let error = loop {
        match pair.server.send_file(&file, sent, LENGTH as u64, deadline) {
            Ok(count) => sent += count,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let at_once = pair.server.send_file(&file, 0, LENGTH as u64, Deadline::NOW);
    assert!(matches!(at_once, Err(Error::TimedOut { .. })), "{at_once:?}");
    let mut buffer = vec![0; usize::try_from(sent).expect("small")];
    pair.client.read_exact(&mut buffer, soon()).expect("all that was accepted");
    pair.server.send_file(&file, 0, 10, Deadline::NOW).expect("there is room again");
}

#[test]
fn cancel_ends_a_send_that_waits() {
    let pair = Pair::new();
    let server = Arc::clone(&pair.server);
    let file = large_file();
    let sending = start_waiting(move || {
        loop {
            if let Err(error) = server.send_file(&file, 0, LENGTH as u64, Deadline::NEVER) {
                break error;
            }
        }
    });
    pair.server.cancel();
    let error = sending.join().expect("no panic");
    assert!(matches!(error, Error::Cancelled { .. }), "{error:?}");
}

#[test]
fn what_cannot_be_lent_must_be_copied() {
    let pair = Pair::new();
    let (pipe, _other_end) = rustix::pipe::pipe().expect("a pipe");
    let sent = pair.server.send_file(&File::from(pipe), 0, 10, soon());
    assert!(matches!(sent, Err(Error::Unsupported { .. })), "{sent:?}");
}

/// `sendfile` has no `MSG_NOSIGNAL`, and a program that embeds this may not ignore `SIGPIPE`.
#[test]
fn t45_a_peer_that_vanished_kills_nobody() {
    let mut child = Process::start("child_with_deadly_sigpipe", &[]);
    assert_eq!(child.hear(), "alive");
}

#[test]
#[allow(unsafe_code, reason = "the signal's disposition must be what C programs have")]
fn child_with_deadly_sigpipe() {
    if child::role("child_with_deadly_sigpipe").is_none() {
        return;
    }
    // SAFETY: SIG_DFL is no handler, so nothing of this program can run in a signal's context.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let pair = Pair::new();
    let file = large_file();
    for round in 0..120 {
        // It goes while the file is being sent: some bytes were accepted, and then none.
        let deadline = if round % 4 == 0 { soon() } else { Deadline::NEVER };
        let pair = Pair::new();
        let client = pair.client;
        let reading = thread::spawn(move || {
            client.read_exact(&mut vec![0; LENGTH / 8 + round * 1000], soon()).expect("reads");
        });
        let mut from = 0;
        while let Ok(count) = pair.server.send_file(&file, from, LENGTH as u64, deadline) {
            from = if count == 0 { 0 } else { from + count };
        }
        reading.join().expect("no panic");
    }
    drop(pair.client);
    for deadline in [Deadline::NEVER, soon(), Deadline::NOW] {
        let sent = pair.server.send_file(&file, 0, LENGTH as u64, deadline);
        assert!(matches!(sent, Err(Error::Disconnected { .. })), "{sent:?}");
        let written = pair.server.write_all(b"x", deadline);
        assert!(matches!(written, Err(Error::Disconnected { .. })), "{written:?}");
    }
    child::say("alive");
}

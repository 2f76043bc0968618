//! A process that may open no more files loses neither its listener nor its connections.
#![cfg(target_os = "linux")]

mod common;

use std::fs::File;

use common::{Pair, bind, connect, place, soon};
use ipc_core::{Deadline, Error, ErrorKind, Mode};
use ipc_testkit::child;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Takes every descriptor that this process may still have.
fn take_all() -> Vec<File> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum }).expect("lowers the limit");
    let mut taken = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
    }
    taken
}

fn is_too_many_open_files(error: &Error) -> bool {
    let Error::Io { source, .. } = error else { return false };
    source.raw_os_error() == Some(libc::EMFILE)
}

#[test]
fn accepting_fails_for_now_and_works_later() {
    if !child::is_alone("accepting_fails_for_now_and_works_later") {
        return;
    }
    let (_place, at) = place();
    let listener = bind(&at);
    let client = connect(&at);
    let taken = take_all();
    for deadline in [Deadline::NOW, soon()] {
        let error = listener.accept(deadline).expect_err("no descriptor is free");
        assert!(is_too_many_open_files(&error), "{}", error.chain());
    }
    drop(taken);
    let server = listener.accept(soon()).expect("the client still waits");
    client.write_all(b"x", soon()).expect("writes");
    assert_eq!(server.read(&mut [0; 8], soon()).expect("reads"), 1);
}

/// The system then delivers the bytes without the handle.
#[test]
fn a_handle_that_finds_no_descriptor_free_is_said_to_be_lost() {
    if !child::is_alone("a_handle_that_finds_no_descriptor_free_is_said_to_be_lost") {
        return;
    }
    let pair = Pair::with(Mode::Bytes, true);
    let offering = pair.client.handles().expect("handles");
    let null = File::open("/dev/null").expect("opens");
    let ticket = offering.offer(null).expect("offers");
    pair.client.write_all(b"x", soon()).expect("writes");
    let taken = take_all();
    pair.server.read_exact(&mut [0; 1], soon()).expect("the bytes are good");
    drop(taken);
    let error = pair.server.handles().expect("handles").claim(ticket).expect_err("lost");
    assert!(is_too_many_open_files(&error), "{}", error.chain());
    assert_ne!(error.kind(), ErrorKind::Protocol, "it is not the peer's fault");
}

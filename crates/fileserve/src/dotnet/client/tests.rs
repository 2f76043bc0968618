//! The client against servers that do anything, over the transport within this process.

use std::sync::Arc;
use std::thread;

use ipc_core::{BindOptions, ConnectOptions, Endpoint, ErrorKind, MemoryTransport, Transport as _};

use super::*;

/// Asks for `a.txt`, while a server sends `pieces` and ends; how much it took of what was asked
/// comes second.
fn ask(pieces: Vec<Vec<u8>>) -> (Result<Fetched>, Vec<u8>) {
    let transport = Arc::new(MemoryTransport::new());
    let at: Endpoint = "mem:server".parse().expect("an endpoint");
    let listener = transport.bind(&at, &BindOptions::new()).expect("a free name");
    let server = thread::spawn(move || {
        let client = listener.accept(Deadline::NEVER).expect("a client");
        for piece in pieces {
            // Fails once the client has heard enough.
            let _ = client.write_all(&piece, Deadline::NEVER);
        }
        client.finish_writing().expect("half-close");
        let (mut heard, mut buffer) = (Vec::new(), [0; 64]);
        while let Ok(count @ 1..) = client.read(&mut buffer, Deadline::NEVER) {
            heard.extend_from_slice(&buffer[..count]);
        }
        heard
    });
    let client = transport.connect(&at, &ConnectOptions::new()).expect("a server");
    let fetched = fetch(&*client, "a.txt", Deadline::NEVER);
    drop(client);
    (fetched, server.join().expect("no panic"))
}

fn string(payload: &[u8]) -> Vec<u8> {
    let length = wire::length_bytes(payload.len()).expect("short enough");
    [&length[..], payload].concat()
}

fn greeting() -> Vec<u8> {
    string(&wire::payload(GREETING).expect("short"))
}

fn answer(payload: &[u8]) -> Result<Fetched> {
    ask(vec![greeting(), string(payload)]).0
}

#[track_caller]
fn kind(outcome: Result<Fetched>, words: &str) -> ErrorKind {
    let error = outcome.expect_err("an error");
    assert!(error.to_string().contains(words), "{error}");
    error.kind()
}

#[test]
fn strings_are_the_same_in_any_pieces() {
    let said = [greeting(), string(b"a\0\x3d\xd8\0\xde")].concat();
    for size in [1, 2, 3, said.len()] {
        let (fetched, heard) = ask(said.chunks(size).map(<[u8]>::to_vec).collect());
        let text = "a\u{1F600}".to_owned();
        assert_eq!(fetched.expect("served"), Fetched { text, extent: Extent::Whole });
        assert_eq!(heard, string(b"a\0.\0t\0x\0t\0"));
    }
}

#[test]
fn whoever_greets_otherwise_is_told_no_name() {
    let other = string(&wire::payload("I am the one true servus!").expect("short"));
    for said in [
        other,
        string(b"a\0"),
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        greeting()[1..].to_vec(),
    ] {
        let (outcome, heard) = ask(vec![said]);
        assert_eq!(kind(outcome, "does not greet"), ErrorKind::Protocol);
        assert_eq!(heard, b"");
    }
}

#[test]
fn a_server_that_closes_without_a_word_has_refused() {
    assert_eq!(kind(ask(vec![]).0, "does not serve you"), ErrorKind::Refused);
    assert_eq!(kind(ask(vec![greeting()]).0, "no such file"), ErrorKind::Refused);
}

#[test]
fn an_empty_text_is_a_text() {
    let fetched = answer(b"").expect("served");
    assert_eq!(fetched, Fetched { text: String::new(), extent: Extent::Whole });
}

#[test]
fn a_text_that_fills_what_can_be_sent_may_have_been_cut_and_one_of_half_a_unit_was() {
    let mut payload = b"x\0".repeat(32_766);
    assert_eq!(answer(&payload).expect("served").extent, Extent::Whole);
    payload.extend_from_slice(b"\x3d\xd8");
    let full = answer(&payload).expect("served");
    assert_eq!(full.extent, Extent::Full);
    assert!(full.text.ends_with("x\u{fffd}"), "half of a pair");
    payload.push(b'x');
    let cut = answer(&payload).expect("served");
    assert_eq!((cut.extent, cut.text), (Extent::Cut, full.text));
}

#[test]
fn what_is_no_text_is_an_error_of_the_server() {
    assert_eq!(kind(answer(b"abc"), "3 bytes"), ErrorKind::Protocol);
    assert_eq!(kind(answer(b"\x3d\xd8a\0"), "surrogate"), ErrorKind::Protocol);
}

#[test]
fn a_text_that_ends_early_is_incomplete() {
    let said = string(b"abcd");
    let error = ask(vec![greeting(), said[..5].to_vec()]).0.expect_err("an error");
    assert!(matches!(error, Error::Incomplete { received: 3, announced: 4, .. }), "{error:?}");
}

#[test]
fn a_name_that_is_too_long_is_not_begun() {
    let transport = MemoryTransport::new();
    let at: Endpoint = "mem:server".parse().expect("an endpoint");
    let _listener = transport.bind(&at, &BindOptions::new()).expect("a free name");
    let client = transport.connect(&at, &ConnectOptions::new()).expect("a server");
    let outcome = fetch(&*client, &"x".repeat(32_768), Deadline::NEVER);
    assert_eq!(kind(outcome, "65536 bytes"), ErrorKind::InvalidInput);
}

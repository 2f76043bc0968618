//! Peers that keep to none of this crate's habits.
#![cfg(windows)]

mod common;

use std::io::{Read as _, Write as _};

use common::{Place, for_a_moment, soon};
use ipc_core::transport::{Interest, Key};
use ipc_core::{Connection, Deadline, Error, Mode};
use ipc_windows::PipeTransport;

fn receive(server: &dyn Connection, max: usize) -> ipc_core::Result<Option<Vec<u8>>> {
    let mut message = Vec::new();
    let more = server.messages().expect("messages").receive(&mut message, max, soon())?;
    Ok(more.then_some(message))
}

#[test]
fn an_empty_message_is_passed_over_and_is_not_the_end() {
    let place = Place::new();
    let listener = place.bind_with(&PipeTransport::new(), Mode::Messages).expect("binds");
    let mut stranger = place.connect_as_stranger().expect("connects");
    let server = listener.accept(soon()).expect("accepts");
    for message in [&b""[..], b"one", b"", b"", b"two", b""] {
        assert_eq!(stranger.write(message).expect("writes"), message.len());
    }
    assert_eq!(receive(&*server, 100).expect("a message").as_deref(), Some(&b"one"[..]));
    assert_eq!(receive(&*server, 100).expect("a message").as_deref(), Some(&b"two"[..]));
    let nothing =
        server.messages().expect("messages").receive(&mut Vec::new(), 100, for_a_moment());
    assert!(matches!(nothing, Err(Error::TimedOut { .. })), "{nothing:?}");
    drop(stranger);
    assert_eq!(receive(&*server, 100).expect("the end"), None);
}

#[test]
fn an_empty_message_before_a_parked_connection_costs_nothing_but_a_report() {
    let place = Place::new();
    let listener = place.bind_with(&PipeTransport::new(), Mode::Messages).expect("binds");
    let waiter = listener.waiter().expect("a waiter");
    let mut stranger = place.connect_as_stranger().expect("connects");
    let server = listener.accept(soon()).expect("accepts");
    server.park(Key(1), Interest::Read).expect("parks");
    assert_eq!(stranger.write(b"").expect("writes"), 0);
    assert_eq!(stranger.write(b"one").expect("writes"), 3);
    let mut reports = Vec::new();
    while reports.is_empty() {
        waiter.wait(&mut reports, soon()).expect("waits");
    }
    assert_eq!(reports.len(), 1, "{reports:?}");
    assert_eq!(receive(&*server, 100).expect("a message").as_deref(), Some(&b"one"[..]));
}

/// T-46: what is announced is not allocated, and what is too long costs nobody else anything.
#[test]
fn t46_a_message_beyond_every_limit_is_reported_and_thrown_away_whole() {
    let place = Place::new();
    let listener = place.bind_with(&PipeTransport::new(), Mode::Messages).expect("binds");
    let mut stranger = place.connect_as_stranger().expect("connects");
    let server = listener.accept(soon()).expect("accepts");
    let sending = std::thread::spawn(move || {
        stranger.write_all(&vec![7; 3_000_000]).expect("is read");
        stranger.write_all(b"next").expect("is read");
        stranger
    });
    let refused = receive(&*server, usize::MAX).expect_err("too long");
    let asked = matches!(refused, Error::LimitExceeded { asked: 3_000_000, .. });
    assert!(asked, "{refused:?}");
    assert_eq!(receive(&*server, 100).expect("a message").as_deref(), Some(&b"next"[..]));
    drop(sending.join().expect("no panic"));
}

#[test]
fn an_empty_write_of_bytes_is_not_the_end() {
    let place = Place::new();
    let listener = place.bind();
    let mut stranger = place.connect_as_stranger().expect("connects");
    let server = listener.accept(soon()).expect("accepts");
    assert_eq!(stranger.write(b"").expect("writes"), 0);
    let nothing = server.read(&mut [0; 8], for_a_moment());
    assert!(matches!(nothing, Err(Error::TimedOut { .. })), "{nothing:?}");
    assert_eq!(stranger.write(b"").expect("writes"), 0);
    stranger.write_all(b"bytes").expect("writes");
    server.read_exact(&mut [0; 5], soon()).expect("they come");
}

#[test]
fn a_stranger_that_reads_byte_by_byte_gets_all_that_was_written_before_a_close() {
    let place = Place::new();
    let listener = place.bind();
    let mut stranger = place.connect_as_stranger().expect("connects");
    let server = listener.accept(soon()).expect("accepts");
    let written: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
    let expected = written.clone();
    let reading = std::thread::spawn(move || {
        let mut read = Vec::new();
        let end = stranger.read_to_end(&mut read);
        (read, end.map_err(|error| error.raw_os_error()))
    });
    server.write_all(&written, soon()).expect("writes");
    server.close(soon()).expect("closes");
    let (read, _end) = reading.join().expect("no panic");
    assert!(read == expected, "{} of {} bytes", read.len(), expected.len());
}

/// Not a promise but a warning: what `close` is for.
#[test]
fn a_write_in_flight_survives_a_close_and_not_a_drop() {
    for closes in [true, false] {
        let place = Place::new();
        let listener = place.bind_with(&PipeTransport::new().buffer(4096), Mode::Bytes);
        let listener = listener.expect("binds");
        let client = place.connect();
        let server = listener.accept(soon()).expect("accepts");
        let count = server
            .write_vectored(&[std::io::IoSlice::new(&[7; 60_000])], Deadline::NOW)
            .expect("accepted");
        assert_eq!(count, 60_000, "though the pipe holds less and nobody reads");
        let closing = std::thread::spawn(move || match closes {
            true => server.close(soon()).expect("closes"),
            false => drop(server),
        });
        if !closes {
            closing.join().expect("no panic");
        }
        let mut read = 0;
        loop {
            match client.read(&mut [0; 8192], soon()).expect("bytes or the end") {
                0 => break,
                more => read += more,
            }
        }
        assert_eq!(read == 60_000, closes, "{read} bytes came");
    }
}

//! Byte connections: order, integrity, both directions at once.

use std::io::{IoSlice, Seek, Write};

use ipc_core::{Deadline, Error, Operation};

use crate::data::{assert_same, stream};
use crate::harness::{Harness, Pair};

/// Whatever is written in pieces of any size arrives whole and in order, read in pieces of any
/// other size.
pub fn bytes_arrive_whole_and_in_order(harness: &Harness) {
    const LENGTHS: [usize; 9] = [1, 2, 7, 4095, 4096, 4097, 65_535, 65_537, 1_000_003];
    for (length, seed) in LENGTHS.into_iter().zip(1..) {
        let sent = stream(seed, 0, length);
        let pair = harness.pair();
        let received = pair.with_threads(|crew| {
            crew.spawn(|| write_in_pieces(&pair, &sent));
            read_in_pieces(&pair)
        });
        assert_same(&received, &sent);
    }
}

/// Writes `bytes` in pieces of changing length, then vanishes by closing.
fn write_in_pieces(pair: &Pair, bytes: &[u8]) {
    let pieces = [1, 4096, 3, 100_000, 511].into_iter().cycle();
    let mut rest = bytes;
    for piece in pieces {
        if rest.is_empty() {
            break;
        }
        let (now, later) = rest.split_at(piece.min(rest.len()));
        pair.client.write_all(now, Deadline::NEVER).expect("the reader reads all");
        rest = later;
    }
    match pair.client.finish_writing() {
        Ok(()) => {}
        // Without half-close the end comes with the close, which the reader does not hinder.
        Err(Error::Unsupported { .. }) => {
            pair.client.close(Deadline::NEVER).expect("the reader reads all");
        }
        Err(error) => panic!("cannot end: {}", error.chain()),
    }
}

fn read_in_pieces(pair: &Pair) -> Vec<u8> {
    let mut received = Vec::new();
    let mut buffer = vec![0; 70_000];
    for piece in [70_000, 1, 4096, 17, 65_536].into_iter().cycle() {
        match pair.server.read(&mut buffer[..piece], Deadline::NEVER) {
            Ok(0) | Err(Error::Disconnected { .. }) => break,
            Ok(count) => received.extend_from_slice(&buffer[..count]),
            Err(error) => panic!("cannot read: {}", error.chain()),
        }
    }
    received
}

/// The parts of one write arrive in their order; empty ones, and more of them than a system call
/// takes, change nothing.
pub fn the_parts_of_a_write_arrive_in_order(harness: &Harness) {
    let pair = harness.pair();
    let bytes = stream(1, 0, 3000);
    let (first, second) = bytes.split_at(1000);
    let parts = [&b""[..], first, b"", second, b""].map(IoSlice::new);
    let count = pair.client.write_vectored(&parts, Deadline::NEVER).expect("there is room");
    pair.server.expect(&bytes[..count]);

    // More than IOV_MAX parts: 1024 on Linux.
    let many: Vec<IoSlice<'_>> = bytes.chunks(1).map(IoSlice::new).collect();
    let count = pair.client.write_vectored(&many, Deadline::NEVER).expect("there is room");
    assert!(count >= 1, "a write with room accepts something");
    pair.server.expect(&bytes[..count]);
}

/// Reading into an empty buffer takes nothing and is not the end; writing nothing is nothing.
pub fn nothing_is_read_into_an_empty_buffer_nor_written_from_empty_parts(harness: &Harness) {
    let pair = harness.pair();
    let nothing = [IoSlice::new(b""), IoSlice::new(b"")];
    assert_eq!(pair.client.write_vectored(&nothing, Deadline::NEVER).expect("no write"), 0);
    assert_eq!(pair.client.write_vectored(&[], Deadline::NEVER).expect("no write"), 0);
    pair.client.send(b"x");
    assert_eq!(pair.server.read(&mut [], Deadline::NEVER).expect("no read"), 0);
    pair.server.expect(b"x");
}

/// A byte connection has no messages.
pub fn a_byte_connection_has_no_messages(harness: &Harness) {
    let pair = harness.pair();
    assert!(pair.client.messages().is_none() && pair.server.messages().is_none());
}

/// A file's bytes are sent from where one says, in order with what is written, and the file's own
/// position stays; or the transport says that it cannot.
pub fn a_file_is_sent_from_where_one_says_or_not_at_all(harness: &Harness) {
    let content = stream(1, 0, 300_000);
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(&content).expect("room for it");
    file.seek(std::io::SeekFrom::Start(5)).expect("a position in it");

    let pair = harness.pair();
    if !harness.capabilities().send_file {
        let refusal =
            pair.client.send_file(&file, 0, 1, Deadline::NEVER).expect_err("no capability");
        let sending = matches!(refusal, Error::Unsupported { operation: Operation::SendFile });
        assert!(sending, "{refusal:?}");
        return;
    }
    let end = content.len() as u64;
    let (from, length) = (1000, end - 1500);
    pair.with_threads(|crew| {
        crew.spawn(|| {
            pair.client.send(b"head");
            let mut sent = 0;
            while sent < length {
                let more =
                    pair.client.send_file(&file, from + sent, length - sent, Deadline::NEVER);
                sent += more.expect("the file is long enough");
            }
            assert_eq!(sent, length, "no more is sent than was asked for");
            let beyond = pair.client.send_file(&file, end, 10, Deadline::NEVER);
            assert_eq!(beyond.expect("the end of a file is no failure"), 0);
            pair.client.send(b"tail");
        });
        pair.server.expect(b"head");
        pair.server.expect(&content[1000..content.len() - 500]);
        pair.server.expect(b"tail");
    });
    assert_eq!(file.stream_position().expect("a position"), 5, "the file's own position moved");
}

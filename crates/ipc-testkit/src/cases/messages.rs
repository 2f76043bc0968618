//! Message connections: boundaries, limits, and what bytes cannot do there.

use std::io::IoSlice;

use ipc_core::transport::Messages;
use ipc_core::{Deadline, Error, Operation};

use crate::data::{assert_same, stream};
use crate::harness::{End, Harness};

/// Each message arrives as it was sent, short ones that wait together and long ones that do not
/// fit together.
pub fn message_boundaries_are_kept(harness: &Harness) {
    let pair = harness.pair();
    let longest = longest(harness);
    let lengths = [1, 2, 3, 1, 1000, longest, 1, longest / 2, 5];
    let message = |number: usize| stream(number as u64, 0, lengths[number].clamp(1, longest));
    let send = |number| send(&pair.client, &message(number)).expect("within the limit");
    let (short, long) = (0..5, 5..lengths.len());
    short.for_each(send);
    pair.with_threads(|crew| {
        crew.spawn(|| long.for_each(send));
        for number in 0..lengths.len() {
            assert_same(&receive(&pair.server), &message(number));
        }
    });
}

/// Several messages that wait together are received one by one.
pub fn waiting_messages_are_not_merged(harness: &Harness) {
    let pair = harness.pair();
    for message in [&b"one"[..], b"two", b"three"] {
        send(&pair.client, message).expect("room for three words");
    }
    for message in [&b"one"[..], b"two", b"three"] {
        assert_eq!(receive(&pair.server), message);
    }
}

/// The parts of a message arrive as one.
pub fn the_parts_of_a_message_are_one(harness: &Harness) {
    let pair = harness.pair();
    let parts = [&b"head "[..], b"", b"body"].map(IoSlice::new);
    messages(&pair.client).send(&parts, Deadline::NEVER).expect("a short message");
    assert_eq!(receive(&pair.server), b"head body");
}

/// The longest message goes through; a longer one is refused where it is sent, and nothing of it
/// arrives.
pub fn a_message_over_the_limit_is_refused_by_its_sender(harness: &Harness) {
    let pair = harness.pair();
    let longest = longest(harness);
    let too_long = send(&pair.client, &vec![0; longest + 1]).expect_err("beyond the limit");
    let limit = matches!(too_long, Error::LimitExceeded { limit, .. } if limit == longest as u64);
    assert!(limit, "{too_long:?}");

    let content = stream(1, 0, longest);
    pair.with_threads(|crew| {
        crew.spawn(|| send(&pair.client, &content).expect("exactly the limit"));
        assert_same(&receive(&pair.server), &content);
    });
}

/// An empty message, which some systems cannot tell from the end, is refused everywhere.
pub fn an_empty_message_is_refused(harness: &Harness) {
    let pair = harness.pair();
    for nothing in [&[][..], &[IoSlice::new(b""), IoSlice::new(b"")]] {
        let refusal = messages(&pair.client).send(nothing, Deadline::NEVER).expect_err("empty");
        assert!(matches!(refusal, Error::InvalidInput { .. }), "{refusal:?}");
    }
    send(&pair.client, b"!").expect("a short message");
    assert_eq!(receive(&pair.server), b"!", "nothing of the empty ones arrives");
}

/// A message longer than the receiver takes is reported and discarded whole; the next is intact.
pub fn a_message_longer_than_asked_for_is_reported_and_gone(harness: &Harness) {
    let pair = harness.pair();
    let length = longest(harness).min(5000);
    send(&pair.client, &stream(1, 0, length)).expect("within the limit");
    send(&pair.client, b"next").expect("a short message");

    let mut buffer = Vec::new();
    let refusal = messages(&pair.server)
        .receive(&mut buffer, length - 1, Deadline::NEVER)
        .expect_err("one byte too long");
    assert!(matches!(refusal, Error::LimitExceeded { .. }), "{refusal:?}");
    assert_eq!(receive(&pair.server), b"next");
}

/// The buffer is cleared first and grows to the message, not to the limit.
pub fn the_buffer_is_cleared_and_grows_to_the_message(harness: &Harness) {
    let pair = harness.pair();
    let content = stream(1, 0, longest(harness).min(5000));
    send(&pair.client, &content).expect("within the limit");
    let mut buffer = b"left over".to_vec();
    let more = messages(&pair.server).receive(&mut buffer, usize::MAX, Deadline::NEVER);
    assert!(more.expect("a message has come"), "it is not the end");
    assert_same(&buffer, &content);
}

/// The end is told apart from every message, and stays.
pub fn the_end_is_no_message(harness: &Harness) {
    let pair = harness.pair();
    send(&pair.client, b"last").expect("a short message");
    pair.client.vanish();
    let mut buffer = Vec::new();
    assert_eq!(receive(&pair.server), b"last");
    for _ in 0..2 {
        match messages(&pair.server).receive(&mut buffer, 100, Deadline::NEVER) {
            Ok(more) => assert!(!more, "a message of {} bytes after the last", buffer.len()),
            Err(Error::Disconnected { .. }) => {}
            Err(error) => panic!("instead of the end: {}", error.chain()),
        }
    }
}

/// Bytes cannot be read from a message connection nor written to it: sessions refuse it by this.
pub fn bytes_are_unsupported_on_a_message_connection(harness: &Harness) {
    let pair = harness.pair();
    let read = pair.server.read(&mut [0], Deadline::NEVER).expect_err("no bytes");
    assert!(matches!(read, Error::Unsupported { operation: Operation::Read }), "{read:?}");
    let parts = [IoSlice::new(b"x")];
    let write = pair.client.write_vectored(&parts, Deadline::NEVER).expect_err("no bytes");
    assert!(matches!(write, Error::Unsupported { operation: Operation::Write }), "{write:?}");
    let file = tempfile::tempfile().expect("a temporary file");
    let file = pair.client.send_file(&file, 0, 1, Deadline::NEVER).expect_err("no bytes");
    assert!(matches!(file, Error::Unsupported { operation: Operation::SendFile }), "{file:?}");
}

fn longest(harness: &Harness) -> usize {
    harness.capabilities().max_message.expect("the suite's message mode needs one")
}

fn messages(end: &End) -> &dyn Messages {
    end.messages().expect("a connection in message mode has messages")
}

fn send(end: &End, message: &[u8]) -> ipc_core::Result<()> {
    messages(end).send(&[IoSlice::new(message)], Deadline::NEVER)
}

fn receive(end: &End) -> Vec<u8> {
    end.receive(Deadline::NEVER).expect("a message has been sent")
}

//! Both directions at once, and half-close. In both modes.

use ipc_core::{Deadline, Error, ErrorKind, Operation};

use crate::data::{assert_same, stream};
use crate::harness::{End, HEAD_STARTS, Harness};
use crate::outcome::failure;

/// Both ends send and receive at once, more than any buffer holds, and every byte arrives.
pub fn both_directions_carry_load_at_once(harness: &Harness) {
    const LENGTH: usize = 500_000;
    // More than is looked at, so that a loss shows as a difference and not as a wait for more.
    const SURPLUS: usize = 100;
    let pair = harness.pair();
    let exchange = |near: &End, far: &End, seed| {
        pair.with_threads(|crew| {
            crew.spawn(|| near.send(&stream(seed, 0, LENGTH + SURPLUS)));
            let mut received = far.receive_exactly(LENGTH);
            received.truncate(LENGTH);
            assert_same(&received, &stream(seed, 0, LENGTH));
        });
    };
    pair.with_threads(|crew| {
        crew.spawn(|| exchange(&pair.client, &pair.server, 1));
        exchange(&pair.server, &pair.client, 2);
    });
}

/// A read that waits on one thread does not hold up another thread's write.
pub fn a_waiting_read_does_not_hold_up_a_write(harness: &Harness) {
    for head_start in HEAD_STARTS {
        let pair = harness.pair();
        pair.with_threads(|crew| {
            let reader = crew.spawn_ahead(head_start, || pair.client.receive_exactly(5));
            pair.client.send(b"question");
            pair.server.expect(b"question");
            pair.server.send(b"reply");
            assert_eq!(reader.join(), b"reply");
        });
    }
}

/// A write that waits on one thread does not hold up another thread's read.
pub fn a_waiting_write_does_not_hold_up_a_read(harness: &Harness) {
    for head_start in HEAD_STARTS {
        let pair = harness.pair();
        let filled = pair.client.fill(1);
        pair.with_threads(|crew| {
            let more = b"more than fits";
            let writer = crew.spawn_ahead(head_start, || pair.client.send(more));
            pair.server.send(b"meanwhile");
            pair.client.expect(b"meanwhile");
            pair.server.expect(&stream(1, 0, filled));
            pair.server.expect(more);
            writer.join();
        });
    }
}

/// What a thread has written arrives though the thread has ended, and so does what follows it.
pub fn bytes_outlive_the_thread_that_wrote_them(harness: &Harness) {
    let pair = harness.pair();
    for (near, far) in [(&pair.client, &pair.server), (&pair.server, &pair.client)] {
        let filled = pair.with_threads(|crew| crew.spawn(|| near.fill(1)).join());
        far.expect(&stream(1, 0, filled));
        near.send(b"goes on");
        far.expect(b"goes on");
    }
}

/// Half-close ends one direction only, and the end stays: or the transport says that it has none.
pub fn half_close_ends_one_direction_only(harness: &Harness) {
    let pair = harness.pair();
    pair.client.send(b"the last words");
    let outcome = pair.client.finish_writing();
    if !harness.capabilities().half_close {
        let absent =
            matches!(outcome, Err(Error::Unsupported { operation: Operation::FinishWriting }));
        assert!(absent, "{outcome:?}");
        return;
    }
    outcome.expect("the capability was declared");
    pair.client.finish_writing().expect("the second time changes nothing");
    pair.server.expect(b"the last words");
    for _ in 0..2 {
        let end = pair.server.receive(Deadline::NEVER).expect("the end is no error");
        assert!(end.is_empty(), "{} bytes came after the last", end.len());
    }
    pair.server.send(b"an answer all the same");
    pair.client.expect(b"an answer all the same");
    let late = pair.client.send_some(b"x", Deadline::NEVER);
    let late = failure("writing after the last word", late);
    assert_eq!(late.kind(), ErrorKind::Disconnected, "{late:?}");
}

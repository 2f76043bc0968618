//! Closing without loss, and peers that vanish. In both modes.

use ipc_core::transport::{Interest, Key};
use ipc_core::{Deadline, Error, ErrorKind, Listener, Waiter};

use crate::data::{assert_same, stream};
use crate::harness::{End, HEAD_STARTS, Harness, Pair, with_threads};
use crate::outcome::failure;

/// Everything written before a close arrives, whether or not the peer had sent something that was
/// never read.
pub fn the_last_bytes_before_a_close_arrive(harness: &Harness) {
    for (length, unread) in [(1, false), (1, true), (5000, true), (400_000, false), (400_000, true)]
    {
        let pair = harness.pair();
        let sent = stream(1, 0, length);
        let Pair { client, server, listener: _listener } = &pair;
        let received = pair.with_threads(|crew| {
            if unread {
                server.send(b"never read");
            }
            crew.spawn(|| {
                client.send(&sent);
                client.close(Deadline::NEVER).expect("the reader ends too");
            });
            let received = server.receive_to_end();
            server.close(Deadline::NEVER).expect("the writer has ended");
            received
        });
        assert_same(&received, &sent);
    }
}

/// A close with a passed deadline takes one step, and goes on where it was; what was written
/// arrives all the same.
pub fn a_close_goes_in_steps(harness: &Harness) {
    let Pair { client, server, listener: _listener } = harness.pair();
    client.send(b"the last words");
    for _ in 0..3 {
        match client.close(Deadline::NOW) {
            Err(Error::TimedOut { .. }) => {}
            Ok(()) if !harness.capabilities().half_close => {}
            outcome => panic!("the peer has not ended yet: {outcome:?}"),
        }
    }
    server.expect(b"the last words");
    server.expect_end();
    server.vanish();
    client.close(Deadline::NEVER).expect("the peer is gone");
    client.close(Deadline::NOW).expect("closed already");
}

/// Two ends that close at once do not wait for each other.
pub fn two_ends_that_close_at_once_both_end(harness: &Harness) {
    let pair = harness.pair();
    pair.client.send(b"never read");
    pair.server.send(b"never read either");
    pair.with_threads(|crew| {
        crew.spawn(|| pair.client.close(Deadline::NEVER).expect("the server closes too"));
        pair.server.close(Deadline::NEVER).expect("the client closes too");
    });
}

/// A close ends even if the peer goes on sending for a while: what it sends is thrown away.
pub fn a_close_throws_away_what_the_peer_still_sends(harness: &Harness) {
    let pair = harness.pair();
    pair.with_threads(|crew| {
        crew.spawn(|| {
            // Without half-close the peer is gone at some point, with it the rest is.
            match pair.server.try_send(&stream(1, 0, 400_000)) {
                Ok(()) => {}
                Err(Error::Disconnected { .. }) if !harness.capabilities().half_close => {}
                Err(error) => panic!("cannot send: {}", error.chain()),
            }
            pair.server.close(Deadline::NEVER).expect("the client closes too");
        });
        pair.client.close(Deadline::NEVER).expect("the server ends at last");
    });
}

/// A close goes on when a wait in between has ended; and none ends while there is nothing to go on
/// with.
pub fn a_close_can_be_waited_for_in_between(harness: &Harness) {
    let Pair { client, server, listener: _listener } = harness.pair();
    let idle = (0..ROUNDS).any(|_| {
        closes(&server)
            || match server.wait(Interest::Both, Deadline::NOW) {
                Ok(_) => false,
                Err(Error::TimedOut { .. }) => true,
                Err(error) => panic!("cannot be waited for: {}", error.chain()),
            }
    });
    assert!(idle, "while it is being closed a wait ends again and again");

    client.expect_end();
    client.vanish();
    while !closes(&server) {
        server.wait(Interest::Both, Deadline::NEVER).expect("the peer ends");
    }
}

/// The same of a connection that was parked in between: it is not reported over and over.
pub fn a_close_can_be_parked_in_between(harness: &Harness) {
    let Pair { client, server, listener } = harness.pair();
    let Some(waiter) = listener.waiter() else {
        assert!(!harness.capabilities().parking, "parking was declared");
        return;
    };
    let idle = (0..ROUNDS).any(|_| {
        closes(&server) || {
            server.park(Key(1), Interest::Both).expect("it has a waiter");
            reports(&*waiter, Deadline::NOW) == 0
        }
    });
    assert!(idle, "parked for closing it is reported without a pause");

    client.expect_end();
    client.vanish();
    while !closes(&server) {
        server.park(Key(2), Interest::Both).expect("it has a waiter");
        reports(&*waiter, Deadline::NEVER);
    }
}

/// Spurious reports and the ends of waits are allowed, but not one for every time.
const ROUNDS: usize = 100;

/// One step of closing; `true` if it was the last.
fn closes(end: &End) -> bool {
    match end.close(Deadline::NOW) {
        Ok(()) => true,
        Err(Error::TimedOut { .. }) => false,
        Err(error) => panic!("cannot close: {}", error.chain()),
    }
}

fn reports(waiter: &dyn Waiter, deadline: Deadline) -> usize {
    let mut reports = Vec::new();
    waiter.wait(&mut reports, deadline).expect("it can wait");
    reports.len()
}

/// Closing a connection whose peer has gone is no error.
pub fn closing_after_the_peer_has_gone_is_no_error(harness: &Harness) {
    let Pair { client, server, listener: _listener } = harness.pair();
    client.vanish();
    server.close(Deadline::NEVER).expect("it is gone already");
}

/// After a close nothing is read or written any more.
pub fn after_a_close_nothing_works_any_more(harness: &Harness) {
    let Pair { client, server, listener: _listener } = harness.pair();
    server.send(b"never read");
    server.vanish();
    client.close(Deadline::NEVER).expect("the peer is gone");
    let read = failure("reading after a close", client.receive(Deadline::NEVER));
    assert_eq!(read.kind(), ErrorKind::Disconnected, "{read:?}");
    let write = failure("writing after a close", client.send_some(b"x", Deadline::NEVER));
    assert_eq!(write.kind(), ErrorKind::Disconnected, "{write:?}");
}

/// Dropping an end whose bytes nobody reads does not wait, and the peer meets an end.
pub fn dropping_does_not_wait(harness: &Harness) {
    let Pair { client, server, listener: _listener } = harness.pair();
    let filled = client.fill(1);
    client.vanish();
    let received = server.receive_to_end();
    assert!(received.len() <= filled, "more arrived than was accepted");
    assert_same(&received, &stream(1, 0, received.len()));
}

/// A peer that vanishes before it is accepted harms nobody who comes after it.
pub fn a_peer_that_vanishes_before_it_is_accepted_harms_nobody(harness: &Harness) {
    let listener = harness.listen();
    for words in [&b""[..], b"some words"] {
        let client = harness.connect(&*listener);
        client.send(words);
        client.vanish();
    }
    let next = harness.connect(&*listener);
    next.send(b"next");
    loop {
        // The vanished may be handed out or not.
        let first = harness.accept(&*listener).receive(Deadline::NEVER);
        if first.is_ok_and(|words| words.starts_with(b"n")) {
            return;
        }
    }
}

/// What a peer says before it is accepted arrives, with the end after it, though the peer has
/// finished or begun to close by then. Peers are accepted in the order in which they connected.
pub fn what_is_said_before_the_accept_arrives_with_its_end(harness: &Harness) {
    let half_close = harness.capabilities().half_close;
    let finishes = [finish as fn(&End), begin_to_close];
    for ends in finishes.into_iter().skip(usize::from(!half_close)) {
        let listener = harness.listen();
        let clients = [&b""[..], b"one", b"two"].map(|words| {
            let client = harness.connect(&*listener);
            client.send(words);
            ends(&client);
            (client, words)
        });
        for (client, words) in clients {
            let server = harness.accept(&*listener);
            expect_to_be_ready(&server);
            server.expect(words);
            expect_to_be_ready(&server);
            expect_report(harness, &*listener, &server);
            server.expect_end();
            server.vanish();
            client.close(Deadline::NEVER).expect("the peer is gone");
        }
    }
}

fn finish(end: &End) {
    end.finish_writing().expect("half-close was declared");
}

fn begin_to_close(end: &End) {
    closes(end);
}

fn expect_to_be_ready(end: &End) {
    let ready = end.wait(Interest::Read, Deadline::NEVER).expect("bytes or the end are there");
    assert!(ready.read, "{ready:?}");
}

/// Parked for reading, `end` is reported, if it can be parked.
fn expect_report(harness: &Harness, listener: &dyn Listener, end: &End) {
    if let (true, Some(waiter)) = (harness.capabilities().parking, listener.waiter()) {
        end.park(Key(1), Interest::Read).expect("parking was declared");
        while reports(&*waiter, Deadline::NEVER) == 0 {}
    }
}

/// Whoever waits for a peer that vanishes is told: reader, writer, and one who waits for both.
pub fn a_peer_that_vanishes_ends_whatever_waits_for_it(harness: &Harness) {
    for waits in [wait_to_read, wait_to_write, wait_to_be_ready] {
        for head_start in HEAD_STARTS {
            let Pair { client, server, listener: _listener } = harness.pair();
            with_threads(
                || server.cancel(),
                |crew| {
                    let waiting = crew.spawn_ahead(head_start, || waits(&server));
                    client.vanish();
                    waiting.join();
                },
            );
            server.expect_end();
        }
    }
}

fn wait_to_read(end: &End) {
    end.expect_end();
}

fn wait_to_write(end: &End) {
    let gone = loop {
        if let Err(error) = end.send_some(&[0; 1000], Deadline::NEVER) {
            break error;
        }
    };
    assert!(matches!(gone, Error::Disconnected { .. }), "{gone:?}");
}

fn wait_to_be_ready(end: &End) {
    expect_to_be_ready(end);
    // Told at the latest when the next write fails.
    let ready = end.wait(Interest::Write, Deadline::NEVER).expect("a write will not wait");
    assert!(ready.write, "{ready:?}");
}

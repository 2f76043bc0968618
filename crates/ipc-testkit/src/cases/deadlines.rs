//! Deadlines and cancelling, for everything that may wait. In both modes.

use std::time::{Duration, Instant};

use ipc_core::transport::Interest;
use ipc_core::{CancelToken, Deadline, Error, Result};

use crate::data::stream;
use crate::harness::{End, HEAD_STARTS, Harness, Pair, with_threads};
use crate::outcome::{assert_cancelled, assert_timed_out};
use crate::skip;

/// A passed deadline means: try once without waiting. What is there is taken, what is not there
/// times out.
pub fn a_passed_deadline_tries_once(harness: &Harness) {
    let a_second_ago = Instant::now().checked_sub(Duration::from_secs(1)).map(Deadline::at);
    let listener = harness.listen();
    for passed in [Some(Deadline::NOW), a_second_ago].into_iter().flatten() {
        assert_timed_out("accepting nobody", listener.accept(passed));
        let client = harness.connect(&*listener);
        let server = harness.end(until_there(|| listener.accept(passed)));

        assert_timed_out("reading nothing", server.receive(passed));
        assert_timed_out("waiting for input", server.wait(Interest::Read, passed));
        let ready = server.wait(Interest::Write, passed).expect("there is room");
        assert!(ready.write, "{ready:?}");
        let sent = server.send_some(b"!", passed).expect("there is room");
        assert_eq!(sent, 1);

        client.wait(Interest::Read, Deadline::NEVER).expect("something was sent");
        client.wait(Interest::Read, passed).expect("it is there");
        assert_eq!(client.receive(passed).expect("it is there"), b"!");
        assert_timed_out("reading once more", client.receive(passed));
    }
}

/// A deadline that has not passed is waited for: nothing times out before it.
pub fn a_deadline_is_waited_for(harness: &Harness) {
    let Pair { client, server, listener } = harness.pair();
    assert_waits("accepting nobody", |deadline| listener.accept(deadline).map(drop));
    assert_waits("reading nothing", |deadline| server.receive(deadline).map(drop));
    assert_waits("waiting for input", |deadline| server.wait(Interest::Read, deadline).map(drop));
    assert_waits_at_last("writing", |deadline| client.send_some(&[0; 100], deadline).map(drop));
    // Room can come about behind the scenes where the system moves bytes by itself.
    assert_waits_at_last("waiting for room and writing", |deadline| {
        client.wait(Interest::Write, deadline)?;
        client.send_some(&[0; 100], deadline).map(drop)
    });
    if harness.capabilities().half_close {
        assert_waits("closing before the peer", |deadline| client.close(deadline));
    }
}

/// A read that timed out has taken nothing.
pub fn a_read_that_timed_out_loses_nothing(harness: &Harness) {
    let Pair { client, server, listener: _listener } = harness.pair();
    for word in [&b"one"[..], b"two", b"three"] {
        let early = server.receive(soon(1));
        assert_timed_out("reading nothing", early);
        client.send(word);
        server.expect(word);
    }
}

/// A write that timed out has had nothing accepted, and the connection is as usable as before.
pub fn a_write_that_timed_out_had_nothing_accepted(harness: &Harness) {
    let Pair { client, server, listener: _listener } = harness.pair();
    let mut accepted = 0;
    for _ in 0..3 {
        // Ends with a write that times out, at once and after a while.
        accepted = client.fill_from(1, accepted);
        let more = stream(1, accepted, 100);
        match client.send_some(&more, soon(1)) {
            Ok(count) => accepted += count,
            Err(error) => assert!(matches!(error, Error::TimedOut { .. }), "{error:?}"),
        }
    }
    server.expect(&stream(1, 0, accepted));
    client.send(b"and on it goes");
    server.expect(b"and on it goes");
}

/// A connect that has to wait for its place meets its deadline, and its token cancels it.
pub fn a_connect_that_waits_meets_its_deadline_and_its_token(harness: &Harness) {
    let listener = harness.listen();
    let connect = |options| harness.transport().connect(listener.endpoint(), &options);
    // Far longer than a place takes that is free.
    let try_to = || connect(harness.connect_options().deadline(soon(20)));
    let mut waiting = Vec::new();
    loop {
        match try_to() {
            Ok(connection) => waiting.push(connection),
            Err(Error::TimedOut { .. }) => break,
            Err(error) => panic!("cannot connect: {}", error.chain()),
        }
        if waiting.len() == 300 {
            return skip(
                "a_connect_that_waits_meets_its_deadline_and_its_token",
                "300 peers wait and there is still room; give the suite a smaller backlog",
            );
        }
    }
    assert_waits("connecting to a full backlog", |deadline| {
        connect(harness.connect_options().deadline(deadline)).map(drop)
    });

    for head_start in HEAD_STARTS {
        let token = CancelToken::new();
        with_threads(
            || listener.close(),
            |crew| {
                let options = harness.connect_options().cancel(token.clone());
                let connecting = crew.spawn_ahead(head_start, || connect(options));
                token.cancel();
                assert_cancelled("connecting with a token", connecting.join());
            },
        );
    }
}

/// A connect whose token is cancelled already does not connect.
pub fn a_cancelled_token_connects_nobody(harness: &Harness) {
    let listener = harness.listen();
    let token = CancelToken::new();
    token.cancel();
    let options = harness.connect_options().cancel(token);
    let outcome = harness.transport().connect(listener.endpoint(), &options);
    assert_cancelled("connecting with a cancelled token", outcome);
    assert_timed_out("accepting nobody", listener.accept(Deadline::NOW));
}

/// A token that is cancelled once the connection stands changes nothing any more.
pub fn a_token_has_no_power_over_what_is_connected(harness: &Harness) {
    let listener = harness.listen();
    let token = CancelToken::new();
    let options = harness.connect_options().cancel(token.clone());
    let client = harness.connect_with(&*listener, &options);
    let server = harness.accept(&*listener);
    token.cancel();
    client.send(b"still here");
    server.expect(b"still here");
}

/// Cancelling ends whatever is under way on that end, from any thread and for good.
pub fn cancelling_ends_whatever_is_under_way(harness: &Harness) {
    for at_client in [true, false] {
        for (tried, waits) in WAITS {
            for head_start in HEAD_STARTS {
                let Pair { client, server, listener: _listener } = harness.pair();
                let (near, _far) = if at_client { (client, server) } else { (server, client) };
                cancel_while(&near, tried, waits, head_start);
                near.cancel();
                for (later, waits) in WAITS {
                    assert_cancelled(later, waits(&near));
                }
                assert_cancelled("closing", near.close(Deadline::NEVER));
            }
        }
    }
}

/// Cancels `near` while another thread is at what `waits` does.
fn cancel_while(near: &End, tried: &str, waits: Waits, head_start: Duration) {
    with_threads(
        || near.cancel(),
        |crew| {
            let waiting = crew.spawn_ahead(head_start, || waits(near));
            near.cancel();
            assert_cancelled(tried, waiting.join());
        },
    );
}

/// The peer of an end that was cancelled sees the end, though that is not dropped: a handler may
/// hold it for long.
pub fn cancelling_is_the_end_for_the_peer(harness: &Harness) {
    for at_client in [true, false] {
        let Pair { client, server, listener: _listener } = harness.pair();
        let (near, far) = if at_client { (client, server) } else { (server, client) };
        near.cancel();
        far.expect_end();
        drop(near);
    }
}

/// Cancelling ends a close that waits for the peer's end.
pub fn cancelling_ends_a_close(harness: &Harness) {
    for head_start in HEAD_STARTS {
        let Pair { client, server: _server, listener: _listener } = harness.pair();
        with_threads(
            || client.cancel(),
            |crew| {
                let closing = crew.spawn_ahead(head_start, || client.close(Deadline::NEVER));
                client.cancel();
                match closing.join() {
                    // Without half-close there was nothing to wait for.
                    Ok(()) if !harness.capabilities().half_close => {}
                    outcome => assert_cancelled("closing before the peer", outcome),
                }
            },
        );
    }
}

/// What was cancelled reads nothing any more, though it had come in time.
pub fn what_is_cancelled_gives_nothing_out(harness: &Harness) {
    let Pair { client, server, listener: _listener } = harness.pair();
    client.send(b"in time");
    server.wait(Interest::Read, Deadline::NEVER).expect("something was sent");
    server.cancel();
    assert_cancelled("reading what was cancelled", server.receive(Deadline::NOW));
    drop(server);
    wait_to_write(&client).expect_err("the peer is gone");
}

type Waits = fn(&End) -> Result<()>;

/// What may wait for ever on a connection.
const WAITS: [(&str, Waits); 3] = [
    ("reading", wait_to_read),
    ("writing", wait_to_write),
    ("waiting for input", wait_to_be_ready),
];

fn wait_to_read(end: &End) -> Result<()> {
    end.receive(Deadline::NEVER).map(drop)
}

fn wait_to_write(end: &End) -> Result<()> {
    loop {
        end.send_some(&[0; 1000], Deadline::NEVER)?;
    }
}

fn wait_to_be_ready(end: &End) -> Result<()> {
    end.wait(Interest::Read, Deadline::NEVER).map(drop)
}

/// Tries what must come about by itself, without waiting in it.
fn until_there<T>(mut attempt: impl FnMut() -> Result<T>) -> T {
    loop {
        match attempt() {
            Ok(value) => return value,
            Err(Error::TimedOut { .. }) => std::thread::yield_now(),
            Err(error) => panic!("{}", error.chain()),
        }
    }
}

/// `call` has nothing to come back for but its deadline.
#[track_caller]
fn assert_waits(tried: &str, call: impl Fn(Deadline) -> Result<()>) {
    let deadline = soon(30);
    assert_timed_out(tried, call(deadline));
    assert!(deadline.has_passed(), "{tried} timed out before its deadline");
}

/// As [`assert_waits`], once `call` has nothing more to do.
#[track_caller]
fn assert_waits_at_last(tried: &str, call: impl Fn(Deadline) -> Result<()>) {
    loop {
        let deadline = soon(30);
        let outcome = call(deadline);
        if outcome.is_err() {
            assert_timed_out(tried, outcome);
            assert!(deadline.has_passed(), "{tried} timed out before its deadline");
            return;
        }
    }
}

fn soon(milliseconds: u64) -> Deadline {
    Deadline::after(Duration::from_millis(milliseconds))
}

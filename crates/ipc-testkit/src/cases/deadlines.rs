//! Deadlines and cancelling, for everything that may wait. In both modes.

use std::fmt;
use std::time::{Duration, Instant};

use ipc_core::transport::Interest;
use ipc_core::{CancelToken, Deadline, Error, Result};

use crate::data::stream;
use crate::harness::{End, Harness, Pair};
use crate::skip;

/// A passed deadline means: try once without waiting. What is there is taken, what is not there
/// times out.
pub fn a_passed_deadline_tries_once(harness: &Harness) {
    let a_second_ago = Instant::now().checked_sub(Duration::from_secs(1)).map(Deadline::at);
    let listener = harness.listen();
    for passed in [Some(Deadline::NOW), a_second_ago].into_iter().flatten() {
        assert_timed_out(listener.accept(passed));
        let client = harness.connect(&*listener);
        let server = harness.end(until_there(|| listener.accept(passed)));

        assert_timed_out(server.receive(passed));
        assert_timed_out(server.wait(Interest::Read, passed));
        let ready = server.wait(Interest::Write, passed).expect("there is room");
        assert!(ready.write, "{ready:?}");
        let sent = server.send_some(b"!", passed).expect("there is room");
        assert_eq!(sent, 1);

        client.wait(Interest::Read, Deadline::NEVER).expect("something was sent");
        client.wait(Interest::Read, passed).expect("it is there");
        assert_eq!(client.receive(passed).expect("it is there"), b"!");
        assert_timed_out(client.receive(passed));
    }
}

/// A deadline that has not passed is waited for: nothing times out before it.
pub fn a_deadline_is_waited_for(harness: &Harness) {
    let Pair { client, server, listener } = harness.pair();
    assert_waits(|deadline| listener.accept(deadline).map(drop));
    assert_waits(|deadline| server.receive(deadline).map(drop));
    assert_waits(|deadline| server.wait(Interest::Read, deadline).map(drop));
    assert_waits_at_last(|deadline| client.send_some(&[0; 100], deadline).map(drop));
    // Room can come about behind the scenes where the system moves bytes by itself.
    assert_waits_at_last(|deadline| {
        client.wait(Interest::Write, deadline)?;
        client.send_some(&[0; 100], deadline).map(drop)
    });
    if harness.capabilities().half_close {
        assert_waits(|deadline| client.close(deadline));
    }
}

/// A read that timed out has taken nothing.
pub fn a_read_that_timed_out_loses_nothing(harness: &Harness) {
    let Pair { client, server, listener: _listener } = harness.pair();
    for word in [&b"one"[..], b"two", b"three"] {
        assert_timed_out(server.receive(Deadline::after(Duration::from_millis(1))));
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
        match client.send_some(&more, Deadline::after(Duration::from_millis(1))) {
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
    let hasty = || connect(harness.connect_options().deadline(Deadline::NOW));
    let mut waiting = Vec::new();
    loop {
        match hasty() {
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
    assert_waits(|deadline| connect(harness.connect_options().deadline(deadline)).map(drop));

    let token = CancelToken::new();
    std::thread::scope(|scope| {
        let options = harness.connect_options().cancel(token.clone());
        let connecting = scope.spawn(|| connect(options));
        token.cancel();
        assert_cancelled(connecting.join().expect("no panic"));
    });
}

/// A connect whose token is cancelled already does not connect.
pub fn a_cancelled_token_connects_nobody(harness: &Harness) {
    let listener = harness.listen();
    let token = CancelToken::new();
    token.cancel();
    let options = harness.connect_options().cancel(token);
    assert_cancelled(harness.transport().connect(listener.endpoint(), &options));
    assert_timed_out(listener.accept(Deadline::NOW));
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
        for waits in [wait_to_read, wait_to_write, wait_to_be_ready] {
            let Pair { client, server, listener: _listener } = harness.pair();
            let (near, _far) = if at_client { (client, server) } else { (server, client) };
            std::thread::scope(|scope| {
                let waiting = scope.spawn(|| waits(&near));
                near.cancel();
                assert_cancelled(waiting.join().expect("no panic"));
            });
            near.cancel();
            for later in [wait_to_read, wait_to_write, wait_to_be_ready] {
                assert_cancelled(later(&near));
            }
            assert_cancelled(near.close(Deadline::NEVER));
        }
    }
}

/// Cancelling ends a close that waits for the peer's end.
pub fn cancelling_ends_a_close(harness: &Harness) {
    let Pair { client, server: _server, listener: _listener } = harness.pair();
    std::thread::scope(|scope| {
        let closing = scope.spawn(|| client.close(Deadline::NEVER));
        client.cancel();
        match closing.join().expect("no panic") {
            // Without half-close there was nothing to wait for.
            Ok(()) if !harness.capabilities().half_close => {}
            outcome => assert_cancelled(outcome),
        }
    });
}

/// What was cancelled reads nothing any more, though it had come in time.
pub fn what_is_cancelled_gives_nothing_out(harness: &Harness) {
    let Pair { client, server, listener: _listener } = harness.pair();
    client.send(b"in time");
    server.wait(Interest::Read, Deadline::NEVER).expect("something was sent");
    server.cancel();
    assert_cancelled(server.receive(Deadline::NOW));
    drop(server);
    wait_to_write(&client).expect_err("the peer is gone");
}

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
fn assert_waits(call: impl Fn(Deadline) -> Result<()>) {
    let deadline = Deadline::after(Duration::from_millis(30));
    assert_timed_out(call(deadline));
    assert!(deadline.has_passed(), "it timed out before its deadline");
}

/// As [`assert_waits`], once `call` has nothing more to do.
fn assert_waits_at_last(call: impl Fn(Deadline) -> Result<()>) {
    loop {
        let deadline = Deadline::after(Duration::from_millis(30));
        let outcome = call(deadline);
        if outcome.is_err() {
            assert_timed_out(outcome);
            assert!(deadline.has_passed(), "it timed out before its deadline");
            return;
        }
    }
}

fn assert_timed_out<T: fmt::Debug>(outcome: Result<T>) {
    assert!(matches!(outcome, Err(Error::TimedOut { .. })), "{outcome:?}");
}

fn assert_cancelled<T: fmt::Debug>(outcome: Result<T>) {
    assert!(matches!(outcome, Err(Error::Cancelled { .. })), "{outcome:?}");
}

//! Byte streams over the native transport, closer than the conformance suite looks: deadlines of
//! any length, several threads at one end, races with cancelling.

mod common;

use std::io::IoSlice;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use common::pair::{Pair, ahead, bind, connect, fill};
use common::{Place, soon};
use ipc::transport::Interest;
use ipc::{
    ConnectOptions, Connection, Deadline, Error, ImpersonationLevel, Listener, Mode, Native,
    Policy, Transport,
};

#[test]
fn more_parts_than_the_system_takes_are_written_all_the_same() {
    let pair = Pair::new();
    let parts: Vec<_> = (0..5000).map(|_| IoSlice::new(b"ab")).collect();
    let mut empty_first = vec![IoSlice::new(b""); 2000];
    empty_first.extend_from_slice(&parts);
    let count = pair.client.write_vectored(&empty_first, soon()).expect("writes");
    assert!((1..=10_000).contains(&count), "{count}");
    let mut read = vec![0; count];
    pair.server.read_exact(&mut read, soon()).expect("reads");
    assert!(read.chunks(2).all(|pair| pair == b"ab"));
    assert_eq!(pair.client.write_vectored(&empty_first[..2000], soon()).expect("nothing"), 0);
}

#[test]
fn a_passed_deadline_tries_once() {
    let pair = Pair::new();
    let mut buffer = [0; 8];
    let read = pair.server.read(&mut buffer, Deadline::NOW);
    assert!(matches!(read, Err(Error::TimedOut { .. })), "{read:?}");
    let waited = pair.server.wait(Interest::Read, Deadline::NOW);
    assert!(matches!(waited, Err(Error::TimedOut { .. })), "{waited:?}");
    pair.client.write_all(b"x", Deadline::NOW).expect("there is room");
    assert_eq!(pair.server.read(&mut buffer, Deadline::NOW).expect("is there"), 1);
    fill(&*pair.client);
    let written = pair.client.write_vectored(&[IoSlice::new(b"x")], Deadline::NOW);
    assert!(matches!(written, Err(Error::TimedOut { .. })), "{written:?}");
    assert_eq!(pair.server.read(&mut buffer, Deadline::NOW).expect("still usable"), 8);
}

/// Whatever timeout an earlier read left in the socket, each read keeps to its own deadline.
#[test]
fn deadlines_of_any_order_and_length_are_kept() {
    let pair = Pair::new();
    let mut buffer = [0; 8];
    for millis in [1, 300, 5, 60, 25, 150, 20, 40] {
        let asked = Duration::from_millis(millis);
        let begun = Instant::now();
        let read = pair.server.read(&mut buffer, Deadline::after(asked));
        let lasted = begun.elapsed();
        assert!(matches!(read, Err(Error::TimedOut { .. })), "{read:?}");
        assert!(lasted >= asked, "{lasted:?} of {asked:?}");
        assert!(lasted < asked + Duration::from_secs(2), "{lasted:?} of {asked:?}");
    }
    // A short timeout is left; a read without a deadline must outlast it.
    let reading = {
        let server = Arc::clone(&pair.server);
        ahead(move || server.read(&mut [0; 8], Deadline::NEVER))
    };
    let waited = pair.client.read(&mut buffer, Deadline::after(Duration::from_millis(400)));
    assert!(matches!(waited, Err(Error::TimedOut { .. })), "{waited:?}");
    pair.client.write_all(b"x", soon()).expect("writes");
    assert_eq!(reading.join().expect("no panic").expect("reads"), 1);
}

/// `SO_RCVTIMEO` belongs to the socket: a reader with a deadline beside one without must not be
/// held up by it.
#[test]
fn two_readers_of_one_connection_keep_their_own_deadlines() {
    let pair = Pair::new();
    let patient = {
        let server = Arc::clone(&pair.server);
        ahead(move || server.read(&mut [0; 1], Deadline::NEVER))
    };
    for _ in 0..5 {
        let read = pair.server.read(&mut [0; 1], Deadline::after(Duration::from_millis(40)));
        assert!(matches!(read, Err(Error::TimedOut { .. })), "{read:?}");
    }
    pair.client.write_all(b"x", soon()).expect("writes");
    assert_eq!(patient.join().expect("no panic").expect("reads"), 1);
}

/// A slow reader could stretch a deadline that limits each piece of a large write.
#[test]
fn a_deadline_limits_a_large_write_to_a_slow_reader() {
    let pair = Pair::new();
    fill(&*pair.client);
    let large = vec![1; 8 << 20];
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let reading = {
        let server = Arc::clone(&pair.server);
        thread::spawn(move || {
            let mut buffer = vec![0; 32 * 1024];
            while stopped.recv_timeout(Duration::from_millis(20)).is_err() {
                server.read(&mut buffer, Deadline::NOW).expect("reads");
            }
        })
    };
    let begun = Instant::now();
    let deadline = Deadline::after(Duration::from_millis(300));
    while pair.client.write_vectored(&[IoSlice::new(&large)], deadline).is_ok() {}
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    stop.send(()).expect("the reader still runs");
    reading.join().expect("no panic");
}

#[test]
fn cancel_wakes_every_pending_call_and_fails_every_later_one() {
    let pair = Pair::new();
    fill(&*pair.server);
    let pending: Vec<thread::JoinHandle<Error>> = {
        let on = |call: fn(&dyn Connection) -> Error| {
            let server = Arc::clone(&pair.server);
            ahead(move || call(&*server))
        };
        vec![
            on(|c| c.read(&mut [0; 8], Deadline::NEVER).expect_err("cancelled")),
            on(|c| c.read(&mut [0; 8], soon()).expect_err("cancelled")),
            on(|c| c.write_all(&vec![1; 1 << 22], Deadline::NEVER).expect_err("cancelled")),
            on(|c| c.write_all(&vec![1; 1 << 22], soon()).expect_err("cancelled")),
            on(|c| c.wait(Interest::Read, Deadline::NEVER).expect_err("cancelled")),
            on(|c| c.wait(Interest::Write, soon()).expect_err("cancelled")),
        ]
    };
    pair.server.cancel();
    for (index, thread) in pending.into_iter().enumerate() {
        let error = thread.join().expect("no panic");
        assert!(matches!(error, Error::Cancelled { .. }), "call {index}: {error:?}");
    }
    let later = [
        pair.server.read(&mut [0; 8], soon()).map(drop),
        pair.server.write_all(b"x", soon()),
        pair.server.wait(Interest::Both, soon()).map(drop),
        pair.server.close(soon()),
    ];
    for outcome in later {
        assert!(matches!(outcome, Err(Error::Cancelled { .. })), "{outcome:?}");
    }
}

/// Cancelling while calls come and go finds no gap between the look at the flag and the wait.
#[test]
fn cancel_races_with_the_beginning_of_a_call() {
    for _ in 0..300 {
        let pair = Pair::new();
        let server = Arc::clone(&pair.server);
        let reading = thread::spawn(move || server.read(&mut [0; 8], Deadline::NEVER));
        pair.server.cancel();
        let read = reading.join().expect("no panic");
        assert!(matches!(read, Err(Error::Cancelled { .. })), "{read:?}");
    }
}

#[test]
fn closing_loses_no_byte_and_goes_in_steps() {
    let pair = Pair::new();
    let sent = fill(&*pair.server);
    pair.client.write_all(b"unread by the server", soon()).expect("writes");
    let step = pair.server.close(Deadline::NOW);
    assert!(matches!(step, Err(Error::TimedOut { .. })), "{step:?}");
    let refused = pair.server.read(&mut [0; 8], soon());
    let closed = matches!(refused, Err(Error::Closed { .. } | Error::Disconnected { .. }));
    assert!(closed, "{refused:?}");

    let client = Arc::clone(&pair.client);
    let reading = thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        let mut received = 0;
        loop {
            match client.read(&mut buffer, soon()).expect("no reset") {
                0 => break,
                count => received += count,
            }
        }
        client.close(soon()).expect("closes");
        received
    });
    pair.server.close(soon()).expect("closes");
    assert_eq!(reading.join().expect("no panic"), sent);
}

#[test]
fn two_ends_that_close_at_once_do_not_wait_for_each_other() {
    let pair = Pair::new();
    pair.client.write_all(b"unread", soon()).expect("writes");
    pair.server.write_all(b"unread", soon()).expect("writes");
    let client = Arc::clone(&pair.client);
    let other = thread::spawn(move || client.close(soon()));
    pair.server.close(soon()).expect("closes");
    other.join().expect("no panic").expect("closes");
}

#[test]
fn a_peer_that_is_gone_is_no_error_of_closing() {
    let pair = Pair::new();
    pair.server.write_all(b"never read", soon()).expect("writes");
    drop(pair.client);
    pair.server.close(soon()).expect("closes");
}

#[test]
fn a_vanished_peer_makes_both_ready_and_writing_fails() {
    let pair = Pair::new();
    drop(pair.client);
    assert!(pair.server.wait(Interest::Read, soon()).expect("ready").read);
    assert!(pair.server.wait(Interest::Write, soon()).expect("ready").write);
    let written = pair.server.write_all(b"x", soon());
    assert!(matches!(written, Err(Error::Disconnected { .. })), "{written:?}");
    let read = pair.server.read(&mut [0; 8], soon());
    assert!(matches!(read, Ok(0) | Err(Error::Disconnected { .. })), "{read:?}");
}

#[test]
fn nobody_at_the_name_is_said_so() {
    let place = Place::new();
    let at = place.endpoint();
    for options in [ConnectOptions::new(), ConnectOptions::new().deadline(soon())] {
        let error = Native::new().connect(&at, &options).expect_err("nobody");
        assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    }
}

#[test]
fn a_server_of_the_wrong_user_is_not_trusted() {
    let place = Place::new();
    let at = place.endpoint();
    let listener = bind(&at);
    let options = ConnectOptions::new().server(Policy::uid(4_000_000));
    let error = Native::new().connect(&at, &options).expect_err("not trusted");
    assert!(matches!(error, Error::ServerNotTrusted { .. }), "{error:?}");
    assert!(error.to_string().contains("uid:4000000"), "{error}");
    let accepted = listener.accept(soon()).expect("it had connected");
    assert_eq!(accepted.read(&mut [0; 8], soon()).expect("and sent nothing"), 0);
}

#[test]
fn the_other_mode_is_named() {
    if Native::new().capabilities().max_message.is_none() {
        return;
    }
    let place = Place::new();
    let at = place.endpoint();
    let _listener = bind(&at);
    let options = ConnectOptions::new().mode(Mode::Messages);
    let error = Native::new().connect(&at, &options).expect_err("another mode");
    assert!(error.chain().contains("messages"), "{}", error.chain());
}

#[test]
fn closing_a_listener_ends_every_accept_and_refuses_peers() {
    let place = Place::new();
    let at = place.endpoint();
    let listener: Arc<dyn Listener> = bind(&at).into();
    let accepting: Vec<_> = [Deadline::NEVER, soon(), Deadline::NEVER]
        .map(|deadline| {
            let listener = Arc::clone(&listener);
            ahead(move || listener.accept(deadline).map(drop))
        })
        .into();
    listener.close();
    for thread in accepting {
        let outcome = thread.join().expect("no panic");
        assert!(matches!(outcome, Err(Error::Closed { .. })), "{outcome:?}");
    }
    let later = listener.accept(Deadline::NOW).map(drop);
    assert!(matches!(later, Err(Error::Closed { .. })), "{later:?}");
    let refused = Native::new().connect(&at, &ConnectOptions::new().deadline(soon()));
    assert!(matches!(refused, Err(Error::NotFound { .. })), "{refused:?}");
}

#[test]
fn a_peer_that_nobody_accepts_sees_the_end_when_the_listener_closes() {
    let place = Place::new();
    let at = place.endpoint();
    let listener = bind(&at);
    let client = connect(&at);
    listener.close();
    let read = client.read(&mut [0; 8], soon());
    assert!(matches!(read, Ok(0) | Err(Error::Disconnected { .. })), "{read:?}");
}

#[test]
fn the_level_is_stated_once_and_only_by_the_server() {
    let pair = Pair::new();
    assert_eq!(pair.client.level(), Some(ImpersonationLevel::Identification), "by default");
    assert_eq!(pair.server.level(), None);
    pair.server.state_level(ImpersonationLevel::Identification).expect("states");
    assert_eq!(pair.server.level(), Some(ImpersonationLevel::Identification));
    for connection in [&pair.server, &pair.client] {
        let again = connection.state_level(ImpersonationLevel::Anonymous);
        assert!(matches!(again, Err(Error::InvalidInput { .. })), "{again:?}");
    }
}

#[test]
fn a_client_that_wishes_to_stay_anonymous_is_not_shown() {
    let pair = Pair::new();
    assert!(pair.server.peer().is_ok());
    pair.server.state_level(ImpersonationLevel::Anonymous).expect("states");
    let peer = pair.server.peer();
    assert!(matches!(peer, Err(Error::IdentityUnknown { .. })), "{peer:?}");
}

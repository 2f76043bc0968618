//! Parked connections and the thing that waits for them, over the native transport.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::pair::{Pair, bind, connect, fill};
use common::{Place, soon};
use ipc::transport::{Interest, Key, Ready};
use ipc::{Connection, Deadline, Error, Waiter};

const READ: Ready = Ready { read: true, write: false };
const WRITE: Ready = Ready { read: false, write: true };

/// What is reported until nothing more comes.
fn reports(waiter: &dyn Waiter) -> Vec<(Key, Ready)> {
    let mut ready = Vec::new();
    waiter.wait(&mut ready, Deadline::NOW).expect("waits");
    ready
}

fn next_report(waiter: &dyn Waiter) -> (Key, Ready) {
    let mut ready = Vec::new();
    waiter.wait(&mut ready, soon()).expect("waits");
    assert_eq!(ready.len(), 1, "{ready:?}");
    ready[0]
}

#[test]
fn a_parked_connection_is_reported_once_and_then_no_more() {
    let pair = Pair::new();
    let waiter = pair.waiter();
    pair.server.park(Key(7), Interest::Read).expect("parks");
    assert_eq!(reports(&*waiter), []);
    pair.client.write_all(b"x", soon()).expect("writes");
    assert_eq!(next_report(&*waiter), (Key(7), READ));
    pair.client.write_all(b"y", soon()).expect("writes");
    assert_eq!(reports(&*waiter), [], "disarmed");
}

#[test]
fn what_is_ready_already_is_reported_at_once() {
    let pair = Pair::new();
    let waiter = pair.waiter();
    pair.client.write_all(b"x", soon()).expect("writes");
    pair.server.park(Key(1), Interest::Read).expect("parks");
    assert_eq!(next_report(&*waiter), (Key(1), READ));
    pair.server.park(Key(2), Interest::Write).expect("parks");
    assert_eq!(next_report(&*waiter), (Key(2), WRITE));
    pair.server.park(Key(3), Interest::Both).expect("parks");
    assert_eq!(next_report(&*waiter), (Key(3), Ready::BOTH));
    assert_eq!(reports(&*waiter), [], "both true is one report");
}

#[test]
fn parking_again_replaces_key_and_interest() {
    let pair = Pair::new();
    let waiter = pair.waiter();
    fill(&*pair.server);
    pair.server.park(Key(1), Interest::Read).expect("parks");
    pair.server.park(Key(2), Interest::Write).expect("parks");
    pair.client.write_all(b"x", soon()).expect("writes");
    assert_eq!(reports(&*waiter), [], "reading is not asked for any more");
    let mut buffer = vec![0; 1 << 20];
    while pair.client.read(&mut buffer, Deadline::NOW).is_ok() {}
    assert_eq!(next_report(&*waiter), (Key(2), WRITE));
}

#[test]
fn cancelling_and_the_peers_end_are_reported() {
    for interest in [Interest::Read, Interest::Write, Interest::Both] {
        let pair = Pair::new();
        let waiter = pair.waiter();
        fill(&*pair.server);
        pair.server.park(Key(1), interest).expect("parks");
        pair.server.cancel();
        assert_eq!(next_report(&*waiter), (Key(1), Ready::BOTH));
        pair.server.park(Key(2), interest).expect("parks");
        assert_eq!(next_report(&*waiter), (Key(2), Ready::BOTH), "cancelled before");

        let pair = Pair::new();
        let waiter = pair.waiter();
        fill(&*pair.server);
        pair.server.park(Key(3), interest).expect("parks");
        drop(pair.client);
        assert_eq!(next_report(&*waiter), (Key(3), Ready::BOTH));
    }
}

#[test]
fn a_dropped_connection_is_reported_no_more() {
    let pair = Pair::new();
    let waiter = pair.waiter();
    pair.server.park(Key(1), Interest::Read).expect("parks");
    drop(pair.server);
    pair.client.write_all(b"x", soon()).expect_err("nobody is there");
    assert_eq!(reports(&*waiter), []);
}

#[test]
fn an_armed_listener_is_reported_once_per_arming() {
    let place = Place::new();
    let at = place.endpoint();
    let listener = bind(&at);
    let waiter = listener.waiter().expect("a waiter");
    listener.arm().expect("arms");
    assert_eq!(reports(&*waiter), []);
    let _first = connect(&at);
    let _second = connect(&at);
    assert_eq!(next_report(&*waiter), (Key::LISTENER, READ));
    assert_eq!(reports(&*waiter), []);
    listener.arm().expect("arms");
    assert_eq!(next_report(&*waiter), (Key::LISTENER, READ), "somebody waits already");
    listener.accept(Deadline::NOW).expect("accepts");
    listener.accept(Deadline::NOW).expect("accepts");
    listener.arm().expect("arms");
    assert_eq!(reports(&*waiter), []);
    listener.close();
    assert_eq!(next_report(&*waiter).0, Key::LISTENER);
    assert!(matches!(listener.arm(), Err(Error::Closed { .. })));
}

#[test]
fn the_clients_end_cannot_be_parked_and_one_key_is_reserved() {
    let pair = Pair::new();
    let parked = pair.client.park(Key(1), Interest::Read);
    assert!(matches!(parked, Err(Error::Unsupported { .. })), "{parked:?}");
    let parked = pair.server.park(Key(u64::MAX), Interest::Read);
    assert!(matches!(parked, Err(Error::InvalidInput { .. })), "{parked:?}");
}

#[test]
fn a_wake_that_nobody_waits_for_ends_the_next_wait_and_no_other() {
    let place = Place::new();
    let at = place.endpoint();
    let waiter = bind(&at).waiter().expect("a waiter");
    waiter.wake();
    waiter.wake();
    let mut ready = Vec::new();
    waiter.wait(&mut ready, Deadline::NEVER).expect("is woken");
    waiter.wait(&mut ready, Deadline::NEVER).expect("is woken");
    waiter.wait(&mut ready, Deadline::after(Duration::from_millis(30))).expect("times out");
    assert_eq!(ready, []);
}

/// Each wake ends one wait of many, whatever else the threads are doing.
#[test]
fn as_many_waits_end_as_there_are_wakes() {
    const THREADS: usize = 8;
    const WAKES: usize = 4000;
    let place = Place::new();
    let at = place.endpoint();
    let waiter = bind(&at).waiter().expect("a waiter");
    let (begun, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let deadline = soon();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while begun.fetch_add(1, Ordering::SeqCst) < WAKES {
                    waiter.wait(&mut Vec::new(), deadline).expect("waits");
                    if !deadline.has_passed() {
                        ended.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        for _ in 0..WAKES {
            waiter.wake();
        }
    });
    assert_eq!(ended.load(Ordering::SeqCst), WAKES, "one too few, or lost");
    let begun = Instant::now();
    waiter.wait(&mut Vec::new(), Deadline::after(Duration::from_millis(50))).expect("times out");
    assert!(begun.elapsed() >= Duration::from_millis(50), "one too many");
}

#[test]
fn one_wake_ends_one_of_many_waits_that_are_under_way() {
    const THREADS: usize = 6;
    let place = Place::new();
    let at = place.endpoint();
    let waiter = bind(&at).waiter().expect("a waiter");
    let (ended, ends) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let (waiter, ended) = (&waiter, ended.clone());
            scope.spawn(move || {
                waiter.wait(&mut Vec::new(), Deadline::NEVER).expect("is woken");
                ended.send(()).expect("is counted");
            });
        }
        for left in (0..THREADS).rev() {
            waiter.wake();
            ends.recv_timeout(Duration::from_secs(20)).expect("one ends");
            let another = ends.recv_timeout(Duration::from_millis(20));
            assert!(another.is_err(), "a second ended, with {left} left");
        }
    });
}

/// Many connections, many waiting threads: every message is seen, each report by one thread, and
/// none under a key that was replaced long ago.
#[test]
fn no_report_is_lost_or_given_twice_under_load() {
    const CONNECTIONS: usize = 24;
    const ROUNDS: u64 = 200;
    let place = Place::new();
    let at = place.endpoint();
    let listener = bind(&at);
    let waiter = listener.waiter().expect("a waiter");
    let (clients, servers): (Vec<_>, Vec<Arc<dyn Connection>>) = (0..CONNECTIONS)
        .map(|_| (connect(&at), listener.accept(soon()).expect("accepts").into()))
        .unzip();
    let key = |connection: usize, round: u64| Key(1 + connection as u64 * (ROUNDS + 1) + round);
    for (index, server) in servers.iter().enumerate() {
        server.park(key(index, 0), Interest::Read).expect("parks");
    }
    let rounds: Vec<AtomicUsize> = servers.iter().map(|_| AtomicUsize::new(0)).collect();
    let unfinished = AtomicUsize::new(CONNECTIONS);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut ready = Vec::new();
                while unfinished.load(Ordering::SeqCst) > 0 {
                    waiter.wait(&mut ready, Deadline::NEVER).expect("waits");
                    for (Key(key), _) in ready.drain(..) {
                        let index = usize::try_from((key - 1) / (ROUNDS + 1)).expect("small");
                        let round = (key - 1) % (ROUNDS + 1);
                        let done = rounds[index].fetch_add(1, Ordering::SeqCst) as u64;
                        assert_eq!(done, round, "connection {index}");
                        servers[index].read(&mut [0; 1], Deadline::NOW).expect("is there");
                        if round + 1 < ROUNDS {
                            let next = Key(1 + index as u64 * (ROUNDS + 1) + round + 1);
                            servers[index].park(next, Interest::Read).expect("parks");
                        } else {
                            unfinished.fetch_sub(1, Ordering::SeqCst);
                        }
                        servers[index].write_all(b"r", soon()).expect("answers");
                    }
                }
                waiter.wake();
            });
        }
        for _ in 0..ROUNDS {
            for client in &clients {
                client.write_all(b"x", soon()).expect("writes");
            }
            for client in &clients {
                client.read_exact(&mut [0; 1], soon()).expect("is answered");
            }
        }
    });
}

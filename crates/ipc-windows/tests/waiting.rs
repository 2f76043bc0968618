//! Threads that wait for reports and threads that wait for something of their own share one port.
#![cfg(windows)]

mod common;

use std::io::IoSlice;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use common::{Place, soon};
use ipc_core::transport::{Interest, Key};
use ipc_core::{Connection, Deadline, Error};

/// Acceptors and writers behind writes are served while others come and go who wait for reports,
/// and while nobody does; and no report is lost by that.
#[test]
fn whoever_waits_at_a_port_is_served_whoever_else_comes_and_goes() {
    const CLIENTS: u64 = 200;
    let place = Place::new();
    let listener = place.bind();
    let waiter = listener.waiter().expect("a waiter");
    let (over, reported) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for pause in [0, 1, 3] {
            let (waiter, over, reported) = (&waiter, &over, &reported);
            scope.spawn(move || {
                while !over.load(Ordering::SeqCst) {
                    let mut reports = Vec::new();
                    let briefly = Deadline::after(Duration::from_millis(pause));
                    waiter.wait(&mut reports, briefly).expect("waits");
                    reported.fetch_add(reports.len() as u64, Ordering::SeqCst);
                    thread::yield_now();
                }
            });
        }
        let serving: Vec<_> = (0..3).map(|_| scope.spawn(|| serve(&*listener))).collect();
        let clients = scope.spawn(|| (0..CLIENTS).for_each(|_| take_all(&*place.connect())));
        clients.join().expect("every client is served");
        while reported.load(Ordering::SeqCst) < CLIENTS {
            thread::yield_now();
        }
        listener.close();
        let served: u64 = serving.into_iter().map(|thread| thread.join().expect("no panic")).sum();
        assert_eq!(served, CLIENTS);
        over.store(true, Ordering::SeqCst);
    });
    assert_eq!(reported.into_inner(), CLIENTS, "each was parked once");
}

/// Accepts until the listener closes; tells how many it served.
fn serve(listener: &dyn ipc_core::Listener) -> u64 {
    for served in 0.. {
        let server = match listener.accept(soon()) {
            Ok(server) => server,
            Err(Error::Closed { .. }) => return served,
            Err(error) => panic!("{}", error.chain()),
        };
        // Far more than is in flight at once.
        server.write_all(&[7; 400_000], soon()).expect("is read");
        server.park(Key(1), Interest::Read).expect("parks");
        server.read_exact(&mut [0; 1], soon()).expect("the client has all");
        server.close(soon()).expect("closes");
    }
    unreachable!("more clients than numbers")
}

fn take_all(client: &dyn Connection) {
    client.read_exact(&mut [0; 400_000], soon()).expect("is written");
    client.write_all(b"!", soon()).expect("writes");
    assert_eq!(client.read(&mut [0; 1], soon()).expect("the end"), 0);
}

/// A server that never waits for reports is driven by its own threads, and so are clients.
#[test]
fn threads_that_all_wait_for_their_own_drive_each_other() {
    const PAIRS: usize = 12;
    let place = Place::new();
    let listener = place.bind();
    let pair = |_| (place.connect(), listener.accept(soon()).expect("accepts"));
    let pairs: Vec<_> = (0..PAIRS).map(pair).collect();
    thread::scope(|scope| {
        for (client, server) in &pairs {
            for (near, far) in [(client, server), (server, client)] {
                scope.spawn(move || near.write_all(&[7; 1_000_000], soon()).expect("is read"));
                scope.spawn(move || {
                    far.read_exact(&mut vec![0; 1_000_000], soon()).expect("is written");
                });
            }
        }
    });
}

/// The thread that drives the port is gone when it has what it wanted, and another takes over.
#[test]
fn the_turn_to_drive_is_handed_on() {
    let place = Place::new();
    let listener = place.bind();
    for first in [0, 1] {
        for _ in 0..5 {
            let pairs = [(); 2].map(|()| (place.connect(), listener.accept(soon()).expect("one")));
            let filled = pairs.each_ref().map(|(_, server)| fill(&**server));
            thread::scope(|scope| {
                let mut writing = pairs.each_ref().map(|(_, server)| {
                    Some(scope.spawn(|| server.write_all(b"behind it", soon()).expect("is read")))
                });
                for at in [first, 1 - first] {
                    pairs[at].0.read_exact(&mut vec![0; filled[at]], soon()).expect("is written");
                    writing[at].take().expect("once").join().expect("goes on");
                }
            });
        }
    }
}

/// A thread that waits for reports leaves, and another that waits for its own write is not left
/// behind.
#[test]
fn who_leaves_the_port_leaves_nobody_behind() {
    let place = Place::new();
    let listener = place.bind();
    let waiter = listener.waiter().expect("a waiter");
    for _ in 0..10 {
        let (client, server) = (place.connect(), listener.accept(soon()).expect("accepts"));
        let filled = fill(&*server);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| waiter.wait(&mut Vec::new(), soon()).expect("is woken"));
            let writing = scope.spawn(|| server.write_all(b"behind it", soon()).expect("is read"));
            waiter.wake();
            waiting.join().expect("no panic");
            client.read_exact(&mut vec![0; filled], soon()).expect("is written");
            writing.join().expect("goes on");
        });
    }
}

/// Though nothing ends at the port that would wake it.
#[test]
fn closing_ends_a_write_that_waits_behind_another() {
    let place = Place::new();
    let listener = place.bind();
    for head_start in [0, 1, 20] {
        let (client, server) = (place.connect(), listener.accept(soon()).expect("accepts"));
        for near in [&client, &server] {
            fill(&**near);
            thread::scope(|scope| {
                let writing = scope.spawn(|| near.write_all(b"behind it", soon()));
                thread::sleep(Duration::from_millis(head_start));
                let step = near.close(Deadline::NOW);
                assert!(matches!(step, Err(Error::TimedOut { .. })), "{step:?}");
                let late = writing.join().expect("no panic").expect_err("too late");
                assert!(matches!(late, Error::Closed { .. }), "{}", late.chain());
            });
        }
    }
}

/// Whoever reads what a parked connection would have been reported for does not use up the report.
#[test]
fn what_is_read_meanwhile_is_not_reported_and_what_comes_next_is() {
    let place = Place::new();
    let listener = place.bind();
    let waiter = listener.waiter().expect("a waiter");
    let (client, server) = (place.connect(), listener.accept(soon()).expect("accepts"));
    server.park(Key(1), Interest::Read).expect("parks");
    client.write_all(b"x", soon()).expect("writes");
    server.read_exact(&mut [0], soon()).expect("is there");
    let mut reports = Vec::new();
    waiter.wait(&mut reports, Deadline::NOW).expect("waits");
    assert!(reports.is_empty(), "{reports:?}");
    client.write_all(b"y", soon()).expect("writes");
    while reports.is_empty() {
        waiter.wait(&mut reports, soon()).expect("waits");
    }
    assert_eq!(reports.len(), 1, "{reports:?}");
}

/// Writes until nothing more is accepted at once; returns how many bytes were.
fn fill(connection: &dyn Connection) -> usize {
    let block = [7; 64 * 1024];
    let mut written = 0;
    while let Ok(count) = connection.write_vectored(&[IoSlice::new(&block)], Deadline::NOW) {
        written += count;
    }
    written
}

/// Whoever drives the port is disturbed by a nudge, and meanwhile somebody looks again and again
/// whether his own write has ended.
#[test]
fn who_passes_by_the_port_takes_nothing_that_is_for_another() {
    let place = Place::new();
    let listener = place.bind();
    let pair = || (place.connect(), listener.accept(soon()).expect("accepts"));
    let (_unread, passing) = pair();
    fill(&*passing);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                let late = passing.write_vectored(&[IoSlice::new(b"x")], Deadline::NOW);
                assert!(matches!(late, Err(Error::TimedOut { .. })), "{late:?}");
            }
        });
        for round in 0..300 {
            let (_unread, server) = pair();
            fill(&*server);
            let (deadline, begun) = (soon(), AtomicBool::new(false));
            thread::scope(|scope| {
                let writing = scope.spawn(|| {
                    begun.store(true, Ordering::SeqCst);
                    server.write_vectored(&[IoSlice::new(b"x")], deadline)
                });
                while !begun.load(Ordering::SeqCst) {
                    thread::yield_now();
                }
                // Each round comes at another moment of the other's way to the port.
                (0..round * 300).for_each(|_| std::hint::spin_loop());
                server.cancel();
                let written = writing.join().expect("no panic");
                let is_cancelled = matches!(written, Err(Error::Cancelled { .. }));
                over.fetch_or(!is_cancelled, Ordering::SeqCst);
                assert!(is_cancelled, "{written:?}");
            });
        }
        over.store(true, Ordering::SeqCst);
    });
}

//! Threads that wait for reports and threads that wait for something of their own share one port.
#![cfg(windows)]

mod common;

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

//! Taking a name, holding it and freeing it: pipes have instances, and whoever makes one serves the
//! name.
#![cfg(windows)]

mod common;

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use common::{Place, for_a_moment, soon};
use ipc_core::{
    BindOptions, ConnectOptions, Connection, Endpoint, Error, Listener, Mode, Policy, Transport,
};
use ipc_testkit::skip;
use ipc_windows::{Acl, Group, PipeTransport};

/// With the fewest instances that there may be.
fn fewest() -> PipeTransport {
    PipeTransport::new().backlog(PipeTransport::MIN_BACKLOG)
}

fn assert_in_use(place: &Place) {
    let another_list = PipeTransport::new().security(Acl::owner().allow(Group::Users));
    for mode in [Mode::Bytes, Mode::Messages] {
        for transport in [&PipeTransport::new(), &another_list] {
            let error = place.bind_with(transport, mode).expect_err("it is taken");
            assert!(matches!(error, Error::EndpointInUse { .. }), "{}", error.chain());
        }
    }
}

#[test]
fn t08_a_name_that_somebody_serves_is_in_use_however_it_is_bound() {
    let place = Place::new();
    let listener = place.bind();
    assert_in_use(&place);
    let client = place.connect();
    client.write_all(b"still here?", soon()).expect("writes");
    let server = listener.accept(soon()).expect("accepts");
    server.read_exact(&mut [0; 11], soon()).expect("still here");
}

#[test]
fn a_name_is_held_by_the_accepted_connections_and_free_after_the_last_of_them() {
    let place = Place::new();
    let listener = place.bind();
    let (first, second) = (place.connect(), place.connect());
    let [one, other] = [(); 2].map(|()| listener.accept(soon()).expect("accepts"));
    drop(listener);
    drop(one);
    assert_in_use(&place);
    let busy = place.connect_until(for_a_moment()).expect_err("nobody lets it in");
    assert!(matches!(busy, Error::TimedOut { .. }), "{}", busy.chain());
    other.close(soon()).expect("closes");
    drop(place.bind());
    let nobody = place.connect_until(soon()).expect_err("nobody serves it");
    assert!(matches!(nobody, Error::NotFound { .. }), "{}", nobody.chain());
    drop((first, second));
}

#[test]
fn the_same_name_in_other_letters_is_the_same_pipe() {
    let place = Place::new();
    let _listener = place.bind();
    let name = place.endpoint().name().to_uppercase();
    let upper: Endpoint = format!("pipe:{name}").parse().expect("a good name");
    let error = PipeTransport::new().bind(&upper, &BindOptions::new()).expect_err("taken");
    assert!(matches!(error, Error::EndpointInUse { .. }), "{}", error.chain());
}

#[test]
fn settings_that_would_leave_the_name_free_for_a_moment_are_refused() {
    let place = Place::new();
    for transport in [
        PipeTransport::new().backlog(0),
        PipeTransport::new().backlog(1),
        PipeTransport::new().most_connections(1),
        PipeTransport::new().most_connections(256),
    ] {
        let error = place.bind_with(&transport, Mode::Bytes).expect_err("refused");
        assert!(matches!(error, Error::InvalidInput { .. }), "{}", error.chain());
    }
}

#[test]
fn t10_the_name_is_never_free_while_the_listener_lives() {
    const CLIENTS: u32 = 300;
    let place = Place::new();
    let listener = place.bind_with(&fewest(), Mode::Bytes).expect("binds");
    let (over, attempts, taken) = (AtomicBool::new(false), AtomicU32::new(0), AtomicU32::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    let squatted = PipeTransport::new().bind(place.endpoint(), &BindOptions::new());
                    attempts.fetch_add(1, Ordering::SeqCst);
                    taken.fetch_add(u32::from(squatted.is_ok()), Ordering::SeqCst);
                }
            });
        }
        scope.spawn(|| (0..CLIENTS).for_each(|_| expect_answer(&*place.connect())));
        for _ in 0..CLIENTS {
            answer(&*listener.accept(soon()).expect("accepts"));
        }
        over.store(true, Ordering::SeqCst);
    });
    assert!(attempts.into_inner() > 0, "nobody tried");
    assert_eq!(taken.into_inner(), 0);
}

/// More clients at once than there are instances, at a server that takes its time.
#[test]
fn a_crowd_at_a_slow_acceptor_is_served_to_the_last() {
    const ROUNDS: usize = 200;
    const CROWD: usize = 8;
    let place = Place::new();
    let listener = place.bind_with(&fewest(), Mode::Bytes).expect("binds");
    for _ in 0..ROUNDS {
        thread::scope(|scope| {
            for _ in 0..CROWD {
                scope.spawn(|| expect_answer(&*place.connect()));
            }
            for _ in 0..CROWD {
                thread::sleep(Duration::from_micros(500));
                answer(&*listener.accept(soon()).expect("accepts"));
            }
        });
    }
}

fn answer(server: &dyn Connection) {
    server.write_all(b"served", soon()).expect("writes");
    server.close(soon()).expect("closes");
}

fn expect_answer(client: &dyn Connection) {
    client.read_exact(&mut [0; 6], soon()).expect("served in time");
}

#[test]
fn t14_who_comes_over_the_network_is_refused_unless_let_in() {
    const TEST: &str = "t14_who_comes_over_the_network_is_refused_unless_let_in";
    let place = Place::new();
    let from_afar = |place: &Place| {
        let name = place.endpoint().name();
        let there: Endpoint = format!("pipe://localhost/{name}").parse().expect("a good name");
        let anybody = ConnectOptions::new().server(Policy::any()).deadline(soon());
        PipeTransport::new().connect(&there, &anybody).map(drop)
    };
    let open = PipeTransport::new().remote_clients(true);
    let listener: Box<dyn Listener> = place.bind_with(&open, Mode::Bytes).expect("binds");
    if from_afar(&place).is_err() {
        return skip(TEST, "this system reaches no pipe over the network");
    }
    drop(listener);
    let _listener = place.bind();
    from_afar(&place).expect_err("refused");
}

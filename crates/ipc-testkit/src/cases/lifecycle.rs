//! Binding, connecting and accepting. In both modes.

use ipc_core::{Deadline, Endpoint, Error, Listener, Result};

use crate::harness::{HEAD_STARTS, Harness, with_threads};
use crate::outcome::{assert_not_found, failure};
use crate::skip;

/// A bound name is refused to a second listener, and the first goes on.
pub fn a_bound_name_is_refused_to_a_second_listener(harness: &Harness) {
    let listener = harness.listen();
    for _ in 0..3 {
        let second = harness.transport().bind(listener.endpoint(), &harness.bind_options());
        let refusal = failure("binding a name that is taken", second);
        assert!(matches!(refusal, Error::EndpointInUse { .. }), "{refusal:?}");
    }
    let client = harness.connect(&*listener);
    client.send(b"still here?");
    harness.accept(&*listener).expect(b"still here?");
}

/// A name is free again once its listener and the ends that it accepted are dropped, whatever their
/// peers still hold.
pub fn a_name_is_free_again_after_drop(harness: &Harness) {
    let at = harness.fresh();
    let mut kept = Vec::new();
    for _ in 0..5 {
        let bound = harness.transport().bind(&at, &harness.bind_options());
        let listener = bound.unwrap_or_else(|error| panic!("not free: {}", error.chain()));
        let client = harness.connect(&*listener);
        let server = harness.accept(&*listener);
        let waiting = harness.connect(&*listener);
        drop(listener);
        server.vanish();
        kept.push((client, waiting));
    }
    assert_nobody_listens(harness, &at);
}

/// Accepted connections outlive their listener; who was not accepted yet sees the end.
pub fn accepted_connections_outlive_their_listener(harness: &Harness) {
    let listener = harness.listen();
    let client = harness.connect(&*listener);
    let server = harness.accept(&*listener);
    let unlucky = harness.connect(&*listener);
    drop(listener);
    client.send(b"ping");
    server.expect(b"ping");
    server.send(b"pong");
    client.expect(b"pong");
    unlucky.expect_end();
}

/// Where nobody listens, connecting fails by that name.
pub fn where_nobody_listens_connecting_says_so(harness: &Harness) {
    assert_nobody_listens(harness, &harness.fresh());
}

/// An endpoint with another transport's scheme is refused, bound or connected to.
pub fn a_foreign_scheme_is_refused(harness: &Harness) {
    let foreign = Endpoint::with_scheme("no-such-transport", "x").expect("a good endpoint");
    let bind = harness.transport().bind(&foreign, &harness.bind_options());
    let bind = failure("binding a foreign endpoint", bind);
    assert!(matches!(bind, Error::InvalidEndpoint { .. }), "{bind:?}");
    let connect = harness.transport().connect(&foreign, &harness.connect_options());
    let connect = failure("connecting to a foreign endpoint", connect);
    assert!(matches!(connect, Error::InvalidEndpoint { .. }), "{connect:?}");
    assert_eq!(harness.fresh().scheme().unwrap_or("bare"), harness.transport().scheme());
}

/// The listener and both ends tell the endpoint as it was bound.
pub fn the_endpoint_is_told_as_it_was_bound(harness: &Harness) {
    let at = harness.fresh();
    let listener = harness.transport().bind(&at, &harness.bind_options()).expect("a fresh name");
    let client = harness.connect(&*listener);
    let server = harness.accept(&*listener);
    let told = [listener.endpoint(), client.endpoint(), server.endpoint()];
    assert_eq!(told, [&at, &at, &at]);
}

/// A closed listener wakes every waiting acceptor, accepts nobody ever after and refuses peers.
pub fn a_closed_listener_wakes_its_acceptors_and_refuses(harness: &Harness) {
    for head_start in HEAD_STARTS {
        let listener = harness.listen();
        with_threads(
            || listener.close(),
            |crew| {
                let accept = || listener.accept(Deadline::NEVER);
                let acceptors = crew.spawn_all_ahead(4, head_start, accept);
                listener.close();
                for acceptor in acceptors {
                    assert_closed("accepting until the listener closes", acceptor.join());
                }
            },
        );
        assert_closed("accepting after that", listener.accept(Deadline::NEVER));
        assert_nobody_listens(harness, listener.endpoint());
        listener.close();
    }
}

/// Of many threads that accept at once, exactly one gets each peer.
pub fn each_peer_is_handed_to_one_acceptor(harness: &Harness) {
    serve_peers(harness, 64, 8, 4);
}

/// A burst of 500 connects is served, each waiting for its place where it must. Runs alone: all
/// the clients live at once, which takes half of the descriptors that a process usually has. With
/// more than one for a client there are fewer clients.
pub fn a_burst_of_500_connects_is_served(harness: &Harness) {
    const DESCRIPTORS: u32 = 500;
    const CONNECTORS: u32 = 10;
    let for_each = descriptors_of_a_client(harness);
    let peers = DESCRIPTORS / for_each / CONNECTORS * CONNECTORS;
    if for_each > 1 {
        let reason = format!("only with {peers} of them: a client takes {for_each} descriptors");
        skip("a_burst_of_500_connects_is_served", &reason);
    }
    serve_peers(harness, peers, 1, CONNECTORS);
}

/// How many descriptors a client's end takes; one, where nobody counts them.
fn descriptors_of_a_client(harness: &Harness) -> u32 {
    let listener = harness.listen();
    let count = || harness.open_handles().unwrap_or(0);
    let connect = || {
        let client = harness.connect(&*listener);
        harness.accept(&*listener).vanish();
        client
    };
    // What is made once and kept is made by the first.
    connect().vanish();
    let before = count();
    let clients = [(); 4].map(|()| connect());
    let taken = count().saturating_sub(before) / clients.len();
    u32::try_from(taken).expect("fewer than a process can have").max(1)
}

/// Connects `peers` times from `connectors` threads, each saying its number, and accepts in
/// `acceptors` threads: every number must come once.
fn serve_peers(harness: &Harness, peers: u32, acceptors: u32, connectors: u32) {
    let listener = harness.listen();
    let listener = &*listener;
    let each = peers / connectors;
    // Ends the acceptors, and the clients that were not met with them.
    let rescue = || listener.close();
    let mut greeted: Vec<u32> = with_threads(rescue, |crew| {
        for connector in 0..connectors {
            crew.spawn(move || connect_and_say(harness, listener, connector * each, each));
        }
        let accepting: Vec<_> = (0..acceptors)
            .map(|_| crew.spawn(|| accept_and_ask(harness, listener, peers / acceptors)))
            .collect();
        accepting.into_iter().flat_map(|thread| thread.join()).collect()
    });
    greeted.sort_unstable();
    assert_eq!(greeted, Vec::from_iter(0..peers), "some peers were lost or met twice");
}

/// Each says its number at once, and all stay until they have been met.
fn connect_and_say(harness: &Harness, listener: &dyn Listener, first: u32, count: u32) {
    let say = |number: u32| {
        let client = harness.connect(listener);
        client.send(&number.to_be_bytes());
        client
    };
    let clients: Vec<_> = (first..first + count).map(say).collect();
    for client in clients {
        client.expect_end();
    }
}

fn accept_and_ask(harness: &Harness, listener: &dyn Listener, count: u32) -> Vec<u32> {
    let ask = |_| {
        let number = harness.accept(listener).receive_exactly(4);
        u32::from_be_bytes(number.try_into().expect("four bytes"))
    };
    (0..count).map(ask).collect()
}

#[track_caller]
fn assert_closed<T>(tried: &str, outcome: Result<T>) {
    let error = failure(tried, outcome);
    assert!(matches!(error, Error::Closed { .. }), "{tried}: {error:?}");
}

#[track_caller]
fn assert_nobody_listens(harness: &Harness, at: &Endpoint) {
    let outcome = harness.transport().connect(at, &harness.connect_options());
    assert_not_found(&format!("connecting to `{at}`"), outcome);
}

//! One user among many, who wants more than his share.

use super::trouble::{Notes, someone};
use super::*;

const GREEDY: u32 = 8;
const MODEST: u32 = 7;

/// Who comes as `uid`.
fn comes(transport: &MemoryTransport, uid: u32) -> LineClient {
    LineClient::connect(&transport.clone().known_as(someone(uid)))
}

fn start_with(limits: ServerLimits) -> (Server, MemoryTransport, Receiver<String>) {
    let transport = MemoryTransport::with_peer(someone(1)).backlog(1000);
    let (notes, noted) = unbounded();
    let server = Server::builder(Arc::new(transport.clone()), at())
        .policy("uid:7 or uid:8".parse().expect("a policy"))
        .limits(limits)
        .observer(Notes(notes))
        .serve_protocol(service().0, lines)
        .expect("the server starts");
    (server, transport, noted)
}

fn wait_for_connections(server: &Server, most: usize) {
    while server.connections() > most {
        std::thread::yield_now();
    }
}

#[test]
fn t60_one_user_cannot_have_all_connections() {
    let limits = ServerLimits { connections: 8, ..ServerLimits::default() };
    let (server, transport, noted) = start_with(limits);
    let mut held: Vec<_> = (0..6).map(|_| comes(&transport, GREEDY)).collect();
    for client in &held {
        assert_eq!(client.call(ECHO, "mine"), "mine");
        assert_eq!(noted.recv().expect("a note"), "admitted uid 8");
    }
    for _ in 0..100 {
        let surplus = comes(&transport, GREEDY);
        let refusal = surplus.line();
        assert!(refusal.ends_with(" connections of one user exceed the limit of 6"), "{refusal}");
        assert_eq!(format!("! {}", noted.recv().expect("a note")), refusal);
    }
    let others = [comes(&transport, MODEST), comes(&transport, MODEST)];
    for other in &others {
        assert_eq!(other.call(ECHO, "hello"), "hello");
        assert_eq!(noted.recv().expect("a note"), "admitted uid 7");
    }
    // What he gives back he may have again, as soon as the server has seen that he left.
    drop((held.pop(), others));
    wait_for_connections(&server, 5);
    assert_eq!(comes(&transport, GREEDY).call(ECHO, "mine again"), "mine again");
}

/// He never reads why, and never leaves: his connections are closed all the same, long before those
/// that are owed something.
#[test]
fn t60_a_flood_beyond_the_share_makes_nobody_wait_for_its_end() {
    let limits = ServerLimits {
        connections: 8,
        connections_per_user: Some(1),
        closing: Duration::from_secs(3600),
        ..ServerLimits::default()
    };
    let (server, transport, _noted) = start_with(limits);
    let _flood: Vec<_> = (0..100).map(|_| comes(&transport, GREEDY)).collect();
    assert_eq!(comes(&transport, MODEST).call(ECHO, "hello"), "hello");
    wait_for_connections(&server, 2);
}

#[test]
fn t60_who_is_refused_by_policy_has_a_share_and_no_more() {
    let limits = ServerLimits {
        connections: 8,
        connections_per_user: Some(2),
        closing: Duration::from_secs(3600),
        ..ServerLimits::default()
    };
    let (_server, transport, _noted) = start_with(limits);
    let strangers: Vec<_> = (0..100).map(|_| comes(&transport, 9)).collect();
    assert_eq!(comes(&transport, MODEST).call(ECHO, "hello"), "hello");
    for stranger in strangers {
        assert!(stranger.line().starts_with("! refused by policy"), "he is told that first");
    }
}

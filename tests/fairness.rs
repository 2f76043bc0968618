//! Nobody who is idle, slow, greedy or busy delays another client, on four workers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ipc::frame::{Header, Kind, Preface};

mod common;

use common::peer::{self, Peer, bare_request, file_request, frame, preface, request};
use common::system::sparse;
use common::tester::TesterClient;
use common::{Served, connect};

const CROWD: usize = 8;

/// Newcomers, and one who stays, are served.
fn others_are_served(served: &Served) {
    let mut stays = served.client();
    for number in 0..30_u8 {
        assert_eq!(stays.echo(vec![number]).expect("is served"), [number]);
        assert_eq!(served.client().echo(vec![number]).expect("is served"), [number]);
    }
}

fn crowd(served: &Served) -> Vec<Peer> {
    let crowd = (0..CROWD).map(|_| peer::connect(&served.place.endpoint())).collect();
    served.wait_for_connections(CROWD);
    crowd
}

#[test]
fn eight_that_connect_and_say_nothing() {
    let served = Served::new();
    let _crowd = crowd(&served);
    others_are_served(&served);
}

#[test]
fn eight_that_trickle_their_bytes_are_answered_in_the_end() {
    let served = Served::new();
    let crowd = crowd(&served);
    let script = [&preface().encode()[..], &request(1, 1, &vec![7_u8; 150])].concat();
    let mut stays = served.client();
    for byte in &script {
        crowd.iter().for_each(|slow| assert!(slow.send(&[*byte])));
        assert_eq!(stays.echo(vec![*byte]).expect("is served"), [*byte]);
    }
    others_are_served(&served);
    for slow in &crowd {
        slow.hear_exactly(Preface::LENGTH);
        let header = slow.hear_exactly(Header::LENGTH);
        assert_eq!(header[4], Kind::Response.to_wire());
    }
}

#[test]
fn t46_eight_that_ask_for_a_large_file_and_stop_reading() {
    let served = Served::new();
    sparse(&served.place.path("large"), 1 << 30);
    let crowd = crowd(&served);
    let greedy = Preface { connection_credit: 1 << 40, body_credit: 1 << 40, ..preface() };
    for slow in &crowd {
        slow.send(&greedy.encode());
        slow.send(&file_request(1, "large", 1 << 30));
    }
    // All of them are being sent to.
    crowd.iter().for_each(|slow| drop(slow.hear_exactly(100_000)));
    others_are_served(&served);
}

#[test]
fn t46_eight_that_take_a_body_only_as_far_as_their_credit_goes() {
    let served = Served::new();
    sparse(&served.place.path("large"), 1 << 30);
    let mut crowd: Vec<TesterClient> = (0..CROWD).map(|_| served.client()).collect();
    let bodies: Vec<_> = crowd
        .iter_mut()
        .map(|slow| slow.file("large".to_owned(), 1 << 30).expect("its head"))
        .collect();
    others_are_served(&served);
    drop(bodies);
    for mut slow in crowd {
        assert_eq!(slow.echo(vec![1]).expect("the body was given up"), [1]);
    }
}

#[test]
fn t41_eight_that_run_a_long_handler_on_the_pool() {
    let served = Served::new();
    let crowd = crowd(&served);
    for busy in &crowd {
        busy.send(&[&preface().encode()[..], &bare_request(1, 3)].concat());
    }
    // One user never has all four threads of the pool.
    (0..3).for_each(|_| served.gates.wait());
    others_are_served(&served);
    for _ in &crowd {
        served.gates.open.send(()).expect("the service listens");
    }
    for busy in &crowd {
        busy.hear_exactly(Preface::LENGTH);
        assert_eq!(busy.hear_exactly(Header::LENGTH)[4], Kind::Response.to_wire());
    }
}

#[test]
fn three_that_call_without_pause_beside_a_handler_that_holds_its_worker() {
    let served = Served::new();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let held = scope.spawn(|| served.client().hold().expect("let go at last"));
        served.gates.wait();
        for _ in 0..3 {
            scope.spawn(|| {
                let mut chatty = served.client();
                while !over.load(Ordering::SeqCst) {
                    chatty.echo(vec![1]).expect("is served");
                }
            });
        }
        others_are_served(&served);
        served.gates.open.send(()).expect("the service listens");
        over.store(true, Ordering::SeqCst);
        assert_eq!(held.join().expect("no panic"), 7);
    });
}

#[test]
fn eight_that_talk_without_end_and_ask_for_nothing() {
    let served = Served::new();
    let crowd = crowd(&served);
    let over = AtomicBool::new(false);
    let pongs = frame(Kind::Pong, 0, &[1; 8]).repeat(2000);
    thread::scope(|scope| {
        for talker in &crowd {
            talker.send(&preface().encode());
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    assert!(talker.send(&pongs), "what it says is allowed");
                }
            });
        }
        others_are_served(&served);
        over.store(true, Ordering::SeqCst);
    });
}

#[test]
fn five_hundred_that_are_idle() {
    let served = Served::new();
    let mut idle: Vec<_> = (0..500)
        .map(|_| {
            let mut client = connect(&served.place.endpoint());
            client.echo(vec![1]).expect("is served");
            client
        })
        .collect();
    assert_eq!(served.server.connections(), 500);
    others_are_served(&served);
    for client in &mut idle {
        assert_eq!(client.echo(vec![2]).expect("is still served"), [2]);
    }
}

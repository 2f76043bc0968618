//! Processes against each other: whichever dies, the other notices and keeps nothing.

use std::io::Read;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ipc::client::Client;
use ipc::frame::{Header, Kind};
use ipc::server::Server;
use ipc::{BindOptions, ConnectOptions, Deadline, ErrorKind, Native, Transport};

mod common;

use common::peer::{self, bare_request, preface, request};
use common::system::{memory, open_handles};
use common::tester;
use common::{Place, Served, connect, endpoint, eventually, soon};
use ipc_testkit::child::{Process, hear_parent, is_alone, role, say};
use ipc_testkit::skip;

/// The child that serves: at its first argument, files below its second. Answers `connections`.
#[test]
fn serve_until_killed() {
    let Some(arguments) = role("serve_until_killed") else { return };
    let root = ipc::NativeRoot::open_dir(&arguments[1]).expect("a directory");
    let (service, _gates) = tester::service(Arc::new(root));
    let server = Server::builder(Arc::new(Native::new()), endpoint(&arguments[0]));
    let server = server.serve(service).expect("serves");
    say("serves");
    while hear_parent().is_some() {
        say(&server.connections().to_string());
    }
}

fn server_process(place: &Place) -> Process {
    let root = place.directory().display().to_string();
    let at = place.endpoint();
    let mut server = Process::start("serve_until_killed", &[at.as_str(), &root]);
    assert_eq!(server.hear(), "serves");
    server
}

fn wait_for_connections(server: &mut Process, count: usize) {
    eventually(|| server.ask("connections") == count.to_string());
}

#[test]
fn a_server_killed_in_the_middle_of_an_answer_is_an_error_at_once() {
    let place = Place::new();
    place.file("f", 8_000_000);
    for taken in [0, 1, 100_000, 3_000_000] {
        let server = server_process(&place);
        let mut client = connect(&place.endpoint());
        let mut answer = client.file("f".to_owned(), 8_000_000).expect("its head");
        answer.body.read_exact(&mut vec![0; taken]).expect("so much comes");
        server.kill();
        let (_, result) = read_all_after(&mut answer.body);
        assert_eq!(result.expect_err("not whole").kind(), ErrorKind::Disconnected, "{taken}");
        drop(answer);
        let error = client.echo(vec![1]).expect_err("for good");
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{taken}");
    }
    // The name is free for the next one, and nobody is there until then.
    let error = Native::new().connect(&place.endpoint(), &ConnectOptions::new().deadline(soon()));
    assert_eq!(error.expect_err("nobody").kind(), ErrorKind::NoServer);
    let _server = server_process(&place);
    assert_eq!(connect(&place.endpoint()).echo(vec![1]).expect("served again"), [1]);
}

/// Reads what has come of a body whose beginning was read.
fn read_all_after(body: &mut ipc::client::BodyReader<'_>) -> (u64, ipc::Result<()>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match body.read_to(&mut buffer) {
            Ok(0) => return (body.received(), Ok(())),
            Ok(_) => {}
            Err(error) => return (body.received(), Err(error)),
        }
    }
}

#[test]
fn a_server_killed_while_a_handler_runs_is_an_error_at_once() {
    let place = Place::new();
    let server = server_process(&place);
    let endpoint = place.endpoint();
    let called = thread::spawn(move || connect(&endpoint).hold_on_pool().map(drop));
    let mut server = server;
    wait_for_connections(&mut server, 1);
    server.kill();
    let error = called.join().expect("no panic").expect_err("it is gone");
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
}

/// The child that asks: of the server at its first argument, in one way or another.
#[test]
fn ask_until_killed() {
    let Some(arguments) = role("ask_until_killed") else { return };
    let mut client = connect(&endpoint(&arguments[0]));
    match &*arguments[1] {
        "file" => {
            let mut answer = client.file("f".to_owned(), 8_000_000).expect("its head");
            answer.body.read_exact(&mut [0; 100_000]).expect("so much comes");
            say("asks");
            hear_parent();
        }
        "stream" => {
            let mut answer = client.stream(8_000_000).expect("its head");
            answer.body.read_exact(&mut [0; 100_000]).expect("so much comes");
            say("asks");
            hear_parent();
        }
        _ => {
            say("asks");
            client.hold_on_pool().expect("is killed before");
        }
    }
}

#[test]
fn t45_of_a_killed_client_nothing_is_left() {
    const ALONE: &str = "t45_of_a_killed_client_nothing_is_left";
    if !is_alone(ALONE) {
        return;
    }
    let served = Served::new();
    served.place.file("f", 8_000_000);
    served.client().echo(vec![1]).expect("is served");
    served.wait_for_connections(0);
    let before = open_handles();
    let at = served.place.endpoint();
    for way in ["file", "stream", "hold"].iter().cycle().take(9) {
        let mut asking = Process::start("ask_until_killed", &[at.as_str(), way]);
        assert_eq!(asking.hear(), "asks");
        if *way == "hold" {
            served.gates.wait();
        }
        assert_eq!(served.server.connections(), 1);
        asking.kill();
        served.wait_for_connections(0);
        if *way == "hold" {
            served.gates.open.send(()).expect("the handler waits");
        }
        eventually(|| open_handles() == before);
    }
    assert_eq!(served.client().echo(vec![1]).expect("is served"), [1]);
}

#[test]
fn a_shutdown_finishes_what_was_taken_and_says_what_was_not() {
    let Served { server, gates, place, calm: _calm } = Served::new();
    let endpoint = place.endpoint();
    let mut idle = connect(&endpoint);
    idle.echo(vec![1]).expect("is served");
    let under_way: Vec<_> = (0..6)
        .map(|number| {
            let endpoint = endpoint.clone();
            thread::spawn(move || {
                let mut client = connect(&endpoint);
                let answer = if number % 2 == 0 { client.hold() } else { client.hold_on_pool() };
                let later = client.echo(vec![1]).expect_err("too late");
                (answer, later.kind())
            })
        })
        .collect();
    (0..6).for_each(|_| gates.wait());
    let ending = thread::spawn(move || server.shutdown(soon()));
    // Draining has begun once nobody can connect any more.
    let briefly = || ConnectOptions::new().deadline(Deadline::after(Duration::from_secs(1)));
    eventually(|| Native::new().connect(&endpoint, &briefly()).is_err());
    let error = idle.echo(vec![1]).expect_err("not run");
    assert_eq!(error.kind(), ErrorKind::Draining, "{error}");
    drop(idle);
    drop(gates);
    for call in under_way {
        let (answer, later) = call.join().expect("no panic");
        assert_eq!(answer.expect("was taken"), 7);
        assert_eq!(later, ErrorKind::Draining);
    }
    ending.join().expect("no panic").expect("all have finished");
    Native::new().bind(&endpoint, &BindOptions::new()).expect("the name is free");
}

#[test]
fn a_shutdown_cuts_who_does_not_finish_in_time() {
    let Served { server, gates, place, calm: _calm } = Served::new();
    let endpoint = place.endpoint();
    let stuck = thread::spawn(move || connect(&endpoint).hold_on_pool().map(drop));
    gates.wait();
    let error = server.shutdown(Deadline::after(Duration::from_millis(100)));
    assert_eq!(error.expect_err("the handler still runs").kind(), ErrorKind::TimedOut);
    let error = stuck.join().expect("no panic").expect_err("cut");
    assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    Native::new().bind(&place.endpoint(), &BindOptions::new()).expect("the name is free");
}

#[test]
fn ten_thousand_that_connect_and_die_leave_nothing_behind() {
    const ALONE: &str = "ten_thousand_that_connect_and_die_leave_nothing_behind";
    if !is_alone(ALONE) {
        return;
    }
    let served = Served::new();
    served.place.file("f", 100_000);
    served.client().echo(vec![1]).expect("is served");
    served.wait_for_connections(0);
    let before = open_handles();
    let asks = [
        preface().encode().to_vec(),
        request(1, 1, &vec![1_u8; 100]),
        peer::file_request(3, "f", 100_000),
    ];
    let asks = asks.concat();
    for number in 0..10_000 {
        let client = peer::connect(&served.place.endpoint());
        match number % 4 {
            0 => {}
            1 => drop(client.send(&asks[..number % asks.len()])),
            2 => drop(client.send(&asks)),
            _ => drop(client.send(b"GET / HTTP/1.1\r\n\r\n")),
        }
    }
    served.wait_for_connections(0);
    eventually(|| open_handles() == before);
    assert_eq!(served.client().echo(vec![1]).expect("is served"), [1]);
}

#[test]
fn two_thousand_idle_connections_cost_kilobytes_each() {
    const IDLE: usize = 2000;
    let place = Place::new();
    let mut server = server_process(&place);
    let mut idle = |count: usize, others: &mut Vec<_>| {
        for _ in 0..count {
            let client = peer::connect(&place.endpoint());
            client.send(&[&preface().encode()[..], &request(1, 1, &vec![1_u8; 100])].concat());
            let answer = Header::new(Kind::Response, 1, 0).encode().len() + 4 + 8 + 100;
            client.hear_exactly(48 + answer);
            others.push(client);
        }
        wait_for_connections(&mut server, others.len());
        memory(server.id())
    };
    let mut others = Vec::new();
    let before = idle(100, &mut others);
    let after = idle(IDLE, &mut others);
    let Some((before, after)) = before.zip(after) else {
        return skip("two_thousand_idle_connections_cost_kilobytes_each", "memory is not told");
    };
    let each = after.now.saturating_sub(before.now) / IDLE as u64;
    common::say_past_capture(&format!("an idle connection: {each} bytes"));
    assert!(each < 16 * 1024, "{each} bytes for each idle connection");
}

/// Whatever peers announce, ask and leave untaken, memory is bounded.
#[test]
fn t49_an_attack_makes_a_server_keep_little() {
    let place = Place::new();
    let mut server = server_process(&place);
    let at = place.endpoint();
    let preface = preface().encode();
    let mut kept = Vec::new();
    for number in 0..300_u64 {
        let client = peer::connect(&at);
        client.send(&preface);
        let attack = match number % 6 {
            0 => Header::new(Kind::Request, 1, u32::MAX).encode().to_vec(),
            // A request of the longest kind that never comes,
            1 => Header::new(Kind::Request, 1, 256 * 1024).encode().to_vec(),
            // or whose argument claims to be longer than it is,
            2 => [&bare_request(1, 1)[..], &[0xff; 2000]].concat(),
            // a list that claims to have 2^60 elements,
            3 => {
                let mut lies = request(1, 1, &vec![1_u8; 8]);
                let at = lies.len() - 16;
                lies[at..at + 8].copy_from_slice(&(1_u64 << 60).to_le_bytes());
                lies
            }
            // calls whose answers nobody takes,
            4 => (0..200).flat_map(|n| request(2 * n + 1, 1, &vec![1_u8; 300])).collect(),
            // and pings, likewise.
            _ => peer::frame(Kind::Ping, 0, &[1; 8]).repeat(2000),
        };
        client.send(&attack);
        kept.push(client);
    }
    assert_eq!(connect(&place.endpoint()).echo(vec![1]).expect("is served"), [1]);
    drop(kept);
    wait_for_connections(&mut server, 0);
    let Some(memory) = memory(server.id()) else {
        return skip("t49_an_attack_makes_a_server_keep_little", "memory is not told");
    };
    let peak = memory.peak / 1024;
    common::say_past_capture(&format!("the peak of an attacked server: {peak} KiB"));
    assert!(peak < 64 * 1024, "{peak} KiB");
}

#[test]
fn a_client_that_goes_without_a_word_and_one_that_takes_leave_are_both_noticed() {
    let served = Served::new();
    for takes_leave in [true, false] {
        let mut client = served.client();
        client.echo(vec![1]).expect("is served");
        if takes_leave {
            Client::from(client).close(soon()).expect("closes");
        } else {
            drop(client);
        }
        served.wait_for_connections(0);
    }
}

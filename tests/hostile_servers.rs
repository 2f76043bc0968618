//! Servers that do not keep to the protocol, towards the blocking client over the native transport:
//! each is a clear error within its deadline, never half an answer.

use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use ipc::client::{Client, ClientOptions};
use ipc::frame::{Header, Kind, Preface};
use ipc::session::SessionLimits;
use ipc::{ConnectOptions, Deadline, ErrorKind, Native, Transport};

mod common;

use common::peer::{self, Peer, frame, record, response, server_preface, status, window};
use common::tester::{TesterClient, read_all};
use common::{LONG, Place, Random, Served};

/// A server made by hand, and a client of it that has sent nothing yet.
struct ByHand {
    server: Peer,
    client: TesterClient,
    _place: Place,
}

impl ByHand {
    fn new() -> Self {
        Self::with(ClientOptions::new().timeout(Some(LONG)))
    }

    fn with(options: ClientOptions) -> Self {
        let place = Place::new();
        let listener = peer::listen(&place.endpoint());
        let connect = ConnectOptions::new().deadline(common::soon());
        let client = Client::connect(&Native::new(), &place.endpoint(), &connect, options);
        let client = client.expect("connects").into();
        let server = peer::accept(&*listener);
        Self { server, client, _place: place }
    }

    /// One that loses patience with whoever keeps it waiting.
    fn impatient() -> Self {
        Self::with(ClientOptions::new().timeout(Some(Duration::from_millis(100))))
    }

    fn says(&self, parts: &[&[u8]]) {
        self.server.send(&parts.concat());
    }

    /// Calls for an echo, and returns the kind of the failure.
    fn echo_fails(&mut self) -> ErrorKind {
        self.client.echo(vec![1]).expect_err("no answer").kind()
    }
}

/// What a real server says in a talk of the three calls that [`talk`] makes.
fn recorded() -> Vec<u8> {
    let served = Served::new();
    let between = served.place.endpoint_of("r");
    let [_, server] = record(&between, &served.place.endpoint(), || {
        assert_eq!(talk(&mut common::connect(&between)).1.err().map(|error| error.kind()), None);
    });
    server
}

/// Makes three calls; returns how many bytes of bodies were read and valid.
fn talk(client: &mut TesterClient) -> (u64, ipc::Result<()>) {
    let mut valid = 0;
    let result = (|| {
        assert_eq!(client.echo(vec![1, 2, 3])?, [1, 2, 3]);
        for length in [1000, 0, 20_000] {
            let mut answer = client.bytes(length)?;
            assert_eq!(answer.value, length);
            let (count, result) = read_all(&mut answer.body);
            valid += count;
            result?;
            assert_eq!(count, length, "a body that ended well is whole");
        }
        Ok(())
    })();
    (valid, result)
}

#[test]
fn a_server_that_dies_at_any_byte_is_an_error_and_never_half_an_answer() {
    let script = recorded();
    assert!(script.len() > 21_000, "{} bytes", script.len());
    let near_a_frame = |at: usize| at < 1400 || script.len() - at < 100 || at % 499 == 0;
    for died_at in (0..script.len()).filter(|at| near_a_frame(*at)) {
        let ByHand { server, mut client, _place } = ByHand::new();
        server.send(&script[..died_at]);
        drop(server);
        let (_, result) = talk(&mut client);
        let error = result.expect_err("no end has come");
        assert_eq!(error.kind(), ErrorKind::Disconnected, "at {died_at}: {error}");
        let error = client.echo(vec![]).expect_err("for good");
        assert_eq!(error.kind(), ErrorKind::Disconnected, "at {died_at}: {error}");
    }
    let by_hand = ByHand::new();
    let ByHand { server, mut client, _place } = by_hand;
    server.send(&script);
    talk(&mut client).1.expect("the same, whole");
}

#[test]
fn what_no_server_may_say_is_a_protocol_error_by_name() {
    let good = server_preface();
    let with = |change: fn(&mut Preface)| {
        let (mut preface, _) = Preface::decode(&good).expect("valid").expect("whole");
        change(&mut preface);
        preface.encode().to_vec()
    };
    let after = |frames: &[u8]| [&good, frames].concat();
    let body = response(1, &1000_u64, true);
    let data = frame(Kind::Data, 1, &[7; 100]);
    for (bytes, kind, text) in [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), ErrorKind::Protocol, "byte 0 is 0x48"),
        (with(|preface| preface.version = 9), ErrorKind::Version, "versions 1 to 9"),
        (with(|preface| preface.codec = 77), ErrorKind::Unsupported, "no codec 77"),
        (with(|preface| preface.calls = 1), ErrorKind::Protocol, "accepts 1 calls"),
        (with(|preface| preface.payload = 1), ErrorKind::Protocol, "payloads of 1 bytes"),
        (after(&[77; 16]), ErrorKind::Protocol, "frame kind 77"),
        (after(&response(3, &1000_u64, true)), ErrorKind::Protocol, "call 3, unasked"),
        (after(&data), ErrorKind::Protocol, "data for call 1 before its response"),
        (after(&frame(Kind::Data, 3, b"x")), ErrorKind::Protocol, "data for call 3, which was"),
        (after(&status(Kind::End, 1, 0, 0)), ErrorKind::Protocol, "an end of call 1"),
        (after(&status(Kind::End, 3, 0, 0)), ErrorKind::Protocol, "an end of call 3"),
        (after(&frame(Kind::Request, 2, &[0; 16])), ErrorKind::Protocol, "no server sends"),
        (after(&window(7, 1)), ErrorKind::Protocol, "a window for call 7"),
        (
            after(&Header::new(Kind::Response, 1, u32::MAX).encode()),
            ErrorKind::LimitExceeded,
            "4294967295 bytes of frame payload",
        ),
        (
            after(&[&body[..], &data, &status(Kind::End, 1, 0, 101)].concat()),
            ErrorKind::Protocol,
            "101 valid bytes of 100",
        ),
        (
            after(&[&body[..], &data, &status(Kind::End, 1, 0, 99)].concat()),
            ErrorKind::Protocol,
            "99 valid bytes of 100",
        ),
        (after(&[&body[..], &body].concat()), ErrorKind::Protocol, "unasked"),
        (
            after(&[&body[..], &Header::new(Kind::Data, 1, 1 << 20).encode()].concat()),
            ErrorKind::Protocol,
            "1048576 bytes of data on a credit of 1000",
        ),
    ] {
        let mut limits = SessionLimits::default();
        limits.body_credit = 1000;
        let options = ClientOptions::new().timeout(Some(LONG)).limits(limits);
        let ByHand { server, mut client, _place } = ByHand::with(options);
        server.send(&bytes);
        let error = match client.bytes(1000) {
            Err(error) => error,
            Ok(mut answer) => read_all_unchecked(&mut answer.body).expect_err(text),
        };
        let bare = error.to_string();
        assert_eq!(error.kind(), kind, "{text}: {bare}");
        assert!(bare.contains(text), "{text}: {bare}");
    }
}

fn read_all_unchecked(body: &mut ipc::client::BodyReader<'_>) -> ipc::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    while body.read_to(&mut buffer)? > 0 {}
    Ok(())
}

#[test]
fn random_bytes_are_an_error_or_nothing_and_never_a_panic() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let ByHand { server, mut client, _place } = ByHand::new();
        if seed % 3 > 0 {
            server.send(&server_preface());
        }
        for _ in 0..random.below(8) {
            let mut bytes = random.bytes(200);
            if seed % 3 > 1 && bytes.len() >= Header::LENGTH {
                let (length, call) = (bytes[0] & 63, random.below(6).to_le_bytes());
                let kind = (1 + random.below(11)).to_le_bytes()[0];
                bytes[..8].copy_from_slice(&[length, 0, 0, 0, kind, 0, 0, 0]);
                bytes[8..16].copy_from_slice(&call);
            }
            server.send(&bytes);
        }
        drop(server);
        for _ in 0..3 {
            // What it says may be an answer by chance.
            if let Ok(mut answer) = client.bytes(10) {
                let _ = read_all_unchecked(&mut answer.body);
            }
        }
    }
}

#[test]
fn a_server_that_never_answers_is_an_error_at_the_deadline_and_the_client_stays_usable() {
    let mut by_hand = ByHand::impatient();
    assert_eq!(by_hand.echo_fails(), ErrorKind::TimedOut, "no preface");
    by_hand.says(&[&server_preface()]);
    assert_eq!(by_hand.echo_fails(), ErrorKind::TimedOut, "no answer");
    by_hand.client.as_mut().set_timeout(Some(LONG));
    by_hand.says(&[&status(Kind::End, 1, 77, 0), &response(3, &vec![9_u8], false)]);
    by_hand.says(&[&response(5, &vec![1_u8], false)]);
    assert_eq!(by_hand.client.echo(vec![1]).expect("answered at last"), [1]);
}

#[test]
fn a_server_that_takes_nothing_is_an_error_at_the_deadline() {
    let mut by_hand = ByHand::impatient();
    by_hand.says(&[&server_preface()]);
    let long = vec![0; 200_000];
    for _ in 0..30 {
        let error = by_hand.client.echo(long.clone()).expect_err("not taken");
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    }
    let client = Client::from(by_hand.client);
    let error = client.close(Deadline::after(Duration::from_millis(100))).expect_err("not taken");
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
}

#[test]
fn a_server_that_trickles_is_waited_for_as_long_as_the_deadline_allows() {
    let mut by_hand = ByHand::new();
    let script = [server_preface(), response(1, &vec![1_u8; 300], false)].concat();
    let server = by_hand.server.clone();
    let trickle = thread::spawn(move || script.iter().all(|byte| server.send(&[*byte])));
    assert_eq!(by_hand.client.echo(vec![1; 300]).expect("comes in the end"), [1; 300]);
    assert!(trickle.join().expect("no panic"));
}

/// Sends `first` and then `again` until the test is over, and reads nothing.
fn talk_without_end(server: &Peer, first: Vec<u8>, again: Vec<u8>) -> Sender<()> {
    let server = server.clone();
    let (over, is_over) = channel::<()>();
    thread::spawn(move || {
        server.send(&first);
        while is_over.try_recv() != Err(std::sync::mpsc::TryRecvError::Disconnected)
            && server.send(&again)
        {}
    });
    over
}

#[test]
fn a_server_that_talks_without_end_and_never_answers_is_an_error_at_the_deadline() {
    let pings = frame(Kind::Ping, 0, &[1; 8]).repeat(1000);
    let windows = window(0, 1).repeat(1000);
    for again in [pings, windows] {
        let mut by_hand = ByHand::impatient();
        let _talks = talk_without_end(&by_hand.server, server_preface(), again);
        for _ in 0..20 {
            // Beyond the first flight it waits for answers before it asks.
            assert_eq!(by_hand.echo_fails(), ErrorKind::TimedOut);
        }
        let client = Client::from(by_hand.client);
        // It may have room for a farewell, and then no end comes, for which it may wait or not.
        match client.close(Deadline::after(Duration::from_millis(100))) {
            Ok(()) => assert!(!Native::new().capabilities().half_close, "no end has come"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}"),
        }
        by_hand.server.cancel();
    }
}

#[test]
fn a_body_that_nobody_asked_for_and_that_never_ends_is_given_up_at_the_deadline() {
    let mut by_hand = ByHand::impatient();
    let first = [server_preface(), response(1, &vec![1_u8], true)].concat();
    let again = frame(Kind::Data, 1, &[7; 1000]).repeat(10);
    let _talks = talk_without_end(&by_hand.server, first, again);
    assert_eq!(by_hand.echo_fails(), ErrorKind::TimedOut);
}

#[test]
fn t46_the_answer_to_a_call_that_was_given_up_is_skipped() {
    let mut by_hand = ByHand::impatient();
    by_hand.says(&[&server_preface(), &response(1, &1_000_u64, true)]);
    assert_eq!(by_hand.client.bytes(1_000).expect("its head").value, 1_000);
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.extend(frame(Kind::Data, 1, &[7; 100]));
    }
    answers.extend(status(Kind::End, 1, 77, 400));
    by_hand.client.as_mut().set_timeout(Some(LONG));
    by_hand.says(&[&answers, &response(3, &vec![2_u8], false)]);
    assert_eq!(by_hand.client.echo(vec![2]).expect("the next call"), [2]);
}

/// Calls that were given up lie among those that the farewell concerns.
#[test]
fn a_farewell_tells_the_call_under_way_that_it_was_not_run() {
    for _ in 0..20 {
        let mut by_hand = ByHand::impatient();
        for _ in 0..3 {
            assert_eq!(by_hand.echo_fails(), ErrorKind::TimedOut, "given up");
        }
        by_hand.client.as_mut().set_timeout(Some(LONG));
        by_hand.says(&[&server_preface(), &status(Kind::Goodbye, 0, 0, 0)]);
        assert_eq!(by_hand.echo_fails(), ErrorKind::Draining);
        assert_eq!(by_hand.echo_fails(), ErrorKind::Draining, "later calls too");
    }
}

#[test]
fn a_server_that_is_told_of_its_fault_hears_which() {
    let mut by_hand = ByHand::new();
    by_hand.says(&[&server_preface(), &frame(Kind::Data, 77, b"x")]);
    assert_eq!(by_hand.echo_fails(), ErrorKind::Protocol);
    let _ = Client::from(by_hand.client).close(Deadline::NOW);
    let told = peer::reason(&by_hand.server.hear());
    assert!(told.text().contains("data for call 77"), "{told}");
}

#[test]
fn what_is_kept_of_a_server_is_limited() {
    let mut limits = SessionLimits::default();
    limits.payload = 64 * 1024;
    let options = ClientOptions::new().timeout(Some(LONG)).limits(limits);
    let mut by_hand = ByHand::with(options);
    by_hand.says(&[&server_preface(), &Header::new(Kind::Response, 1, 65_537).encode()]);
    assert_eq!(by_hand.echo_fails(), ErrorKind::LimitExceeded);
}

#[test]
fn nobody_at_the_endpoint_is_told_apart_from_a_server_that_fails() {
    let place = Place::new();
    let connect = ConnectOptions::new().deadline(common::soon());
    let at = place.endpoint_of("missing");
    let error = Client::connect(&Native::new(), &at, &connect, ClientOptions::new());
    assert_eq!(error.expect_err("nobody").kind(), ErrorKind::NoServer);
}

//! Clients that do not keep to the protocol, at a real server over the native transport: each gets a clear
//! answer, and the others are served meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ipc::ErrorKind;
use ipc::frame::{Header, Kind, Preface};
use ipc::server::ServerLimits;
use ipc::session::SessionLimits;

mod common;

use common::peer::{self, bare_request, frame, preface, reason, request, window};
use common::{Random, Served, endpoint, eventually};
use ipc_testkit::child::{Process, hear_parent, role, say};

const ECHO: u32 = 1;
const HOLD_ON_POOL: u32 = 3;
const BYTES: u32 = 4;

/// Runs `attack` while an honest client calls without pause, and is answered every time.
fn beside_an_honest_client(served: &Served, attack: impl FnOnce()) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let honest = scope.spawn(|| {
            let mut client = served.client();
            let mut calls = 0_u64;
            while !over.load(Ordering::SeqCst) || calls < 3 {
                let text = calls.to_le_bytes().to_vec();
                assert_eq!(client.echo(text.clone()).expect("is served"), text);
                calls += 1;
            }
        });
        let _ends = OnDrop(|| over.store(true, Ordering::SeqCst));
        attack();
        drop(_ends);
        honest.join().expect("is served");
    });
}

/// Ends the honest client even if the attack has failed.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// What a peer may say that is wrong, each with what it is told.
fn breaches() -> Vec<(Vec<u8>, ErrorKind, &'static str)> {
    use ErrorKind::{LimitExceeded, Protocol, Unsupported, Version};
    let good = preface();
    let after = |frames: &[u8]| [&good.encode()[..], frames].concat();
    let with = |preface: Preface| preface.encode().to_vec();
    let unknown_kind = [0, 0, 0, 0, 77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let body = Header { flags: Header::BODY, ..Header::new(Kind::Request, 1, 16) };
    let body = [&body.encode()[..], &bare_request(0, ECHO)[16..], &frame(Kind::Data, 1, b"x")];
    vec![
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), Protocol, "byte 0 is 0x47"),
        (b"\x89PNG\r\n\x1a\n".to_vec(), Protocol, "byte 1 is 0x50"),
        (with(Preface { version: 0, lowest: 0, ..good }), Version, "versions 0 to 0"),
        (with(Preface { version: 9, lowest: 2, ..good }), Version, "versions 2 to 9"),
        (with(Preface { codec: 77, ..good }), Unsupported, "no codec 77"),
        (with(Preface { level: 9, ..good }), Protocol, "level 9"),
        (with(Preface { payload: 1, ..good }), Protocol, "payloads of 1 bytes"),
        ([&Preface::MAGIC[..], &[0xff; 2]].concat(), Protocol, "a preface of 65535 bytes"),
        (
            after(&Header::new(Kind::Request, 1, u32::MAX).encode()),
            LimitExceeded,
            "4294967295 bytes of frame payload exceed the limit of 262144",
        ),
        (after(&unknown_kind), Protocol, "frame kind 77 is unknown"),
        (after(&frame(Kind::Data, 1, b"data")), Protocol, "a data frame for call 1"),
        (after(&Header::new(Kind::Data, 1, 1 << 20).encode()), Protocol, "a data frame"),
        (after(&frame(Kind::Response, 1, &[0; 4])), Protocol, "a response frame for call 1"),
        (after(&frame(Kind::Handle, 1, &[0; 8])), Protocol, "a handle frame for call 1"),
        (after(&frame(Kind::Cancel, 5, &[])), Protocol, "a cancel for call 5, which was never"),
        (after(&window(5, 1)), Protocol, "a window for call 5, which was never made"),
        (after(&window(0, u64::MAX)), Protocol, "a window of 18446744073709551615 bytes"),
        (after(&bare_request(2, ECHO)), Protocol, "even id 2"),
        (after(&bare_request(1, ECHO).repeat(2)), Protocol, "id 1 after 1"),
        (after(&body.concat()), Protocol, "a data frame for call 1"),
    ]
}

#[test]
fn t49_each_breach_is_answered_by_name_and_the_others_are_served() {
    let served = Served::new();
    beside_an_honest_client(&served, || {
        for (bytes, kind, text) in breaches() {
            let client = peer::connect(&served.place.endpoint());
            assert!(client.send(&bytes), "{text}");
            let told = reason(&client.hear());
            assert_eq!(told.kind(), kind, "{text}: {told}");
            assert!(told.text().contains(text), "{text}: {told}");
        }
    });
    served.wait_for_connections(0);
}

#[test]
fn t49_random_bytes_harm_nobody() {
    let served = Served::new();
    beside_an_honest_client(&served, || {
        for seed in 0..300 {
            let mut random = Random::new(seed);
            let client = peer::connect(&served.place.endpoint());
            if seed % 3 > 0 {
                client.send(&preface().encode());
            }
            for _ in 0..random.below(12) {
                let mut bytes = random.bytes(200);
                if seed % 3 > 1 && bytes.len() >= Header::LENGTH {
                    // A header that is right in form reaches deeper.
                    let kind = (1 + random.below(11)).to_le_bytes()[0];
                    let call = random.below(6).to_le_bytes();
                    let length = bytes[0] & 63;
                    bytes[..8].copy_from_slice(&[length, 0, 0, 0, kind, 0, 0, 0]);
                    bytes[8..16].copy_from_slice(&call);
                }
                client.send(&bytes);
            }
        }
    });
    served.wait_for_connections(0);
}

#[test]
fn t49_requests_beyond_each_limit_end_their_connection_only() {
    let long = vec![0_u8; 250_000];
    let [calls, bytes]: [(Vec<u8>, &str); 2] = [
        ((0..300).flat_map(|n| bare_request(2 * n + 1, HOLD_ON_POOL)).collect(), "calls at once"),
        (
            (0..20).flat_map(|n| request(2 * n + 1, HOLD_ON_POOL, &long)).collect(),
            "bytes of requests at once",
        ),
    ];
    // With room for all of them before the pool, so that it is the session's limits that end them.
    let mut roomy = ServerLimits::default();
    roomy.pool_queue = 1000;
    for (requests, text) in [calls, bytes] {
        let served = Served::with(|builder| builder.limits(roomy));
        beside_an_honest_client(&served, || {
            let client = peer::connect(&served.place.endpoint());
            client.send(&[&preface().encode()[..], &requests].concat());
            let told = reason(&client.hear());
            assert_eq!(told.kind(), ErrorKind::LimitExceeded, "{told}");
            assert!(told.text().contains(text), "{told}");
        });
        served.wait_for_connections(0);
    }
}

/// Neither its questions nor the answers that it does not take pile up, and it is given up.
#[test]
fn t46_a_peer_that_asks_for_signs_of_life_without_end_is_cut() {
    let mut limits = SessionLimits::default();
    limits.stall = Duration::from_millis(200);
    let mut closing = ServerLimits::default();
    closing.closing = Duration::from_millis(200);
    let served = Served::with(|builder| builder.session_limits(limits).limits(closing));
    let pings: Vec<u8> = frame(Kind::Ping, 0, &[1; 8]).repeat(1000);
    beside_an_honest_client(&served, || {
        let client = peer::connect(&served.place.endpoint());
        client.send(&preface().encode());
        eventually(|| !client.send(&pings));
    });
    served.wait_for_connections(0);
}

#[test]
fn a_preface_that_never_ends_is_given_up_in_time() {
    let mut limits = SessionLimits::default();
    limits.preface = Duration::from_millis(200);
    let served = Served::with(|builder| builder.session_limits(limits));
    beside_an_honest_client(&served, || {
        for silent_from in [0, 1, 20, 47] {
            let client = peer::connect(&served.place.endpoint());
            client.send(&preface().encode()[..silent_from]);
            assert_eq!(reason(&client.hear()).kind(), ErrorKind::TimedOut, "{silent_from}");
        }
        let client = peer::connect(&served.place.endpoint());
        let trickle =
            |byte| client.send(&[byte]) && client.hears_nothing_for(Duration::from_millis(20));
        let mut long = preface().encode();
        long[8..10].copy_from_slice(&1000_u16.to_le_bytes());
        let taken = long.into_iter().chain([0; 952]).take_while(|byte| trickle(*byte)).count();
        assert!(taken < 500, "{taken} bytes were taken, one every 20 ms");
    });
    served.wait_for_connections(0);
}

#[test]
fn t46_a_frame_that_stops_is_given_up_in_time_and_silence_between_frames_is_not() {
    let mut limits = SessionLimits::default();
    limits.stall = Duration::from_millis(200);
    let served = Served::with(|builder| builder.session_limits(limits));
    let mut silent = served.client();
    assert_eq!(silent.echo(vec![1]).expect("is served"), [1]);
    let request = request(1, ECHO, &vec![2_u8; 100]);
    beside_an_honest_client(&served, || {
        for stops_at in [1, 15, 16, 17, 40, request.len() - 1] {
            let client = peer::connect(&served.place.endpoint());
            client.send(&[&preface().encode()[..], &request[..stops_at]].concat());
            assert_eq!(reason(&client.hear()).kind(), ErrorKind::TimedOut, "{stops_at}");
        }
    });
    // It has said nothing for many times as long.
    assert_eq!(silent.echo(vec![3]).expect("is served still"), [3]);
}

/// Everything that a client of the library says in a talk with answers and bodies of each kind.
fn recorded_talk(served: &Served) -> Vec<u8> {
    let between = served.place.endpoint_of("r");
    let [client, _] = peer::record(&between, &served.place.endpoint(), || {
        let mut client = common::connect(&between);
        client.echo(vec![1; 100]).expect("answered");
        drop(client.bytes(300_000).expect("answered"));
        client.file("f".to_owned(), 3_000_000).expect("answered").finish().expect("whole");
        client.stream(100_000).expect("answered").finish().expect("whole");
        ipc::Client::from(client).close(common::soon()).expect("closes");
    });
    client
}

#[test]
fn t45_a_client_that_dies_at_any_byte_leaves_nothing_behind() {
    let served = Served::new();
    served.place.file("f", 3_000_000);
    let talk = recorded_talk(&served);
    assert!(talk.len() > 400, "{} bytes", talk.len());
    beside_an_honest_client(&served, || {
        for died_at in 0..=talk.len() {
            let client = peer::connect(&served.place.endpoint());
            client.send(&talk[..died_at]);
            if died_at % 3 == 0 && client.finish() {
                client.hear();
            }
        }
    });
    served.wait_for_connections(0);
}

#[test]
fn t45_a_killed_client_leaves_nothing_behind() {
    const CHILD: &str = "t45_a_killed_client_leaves_nothing_behind";
    if let Some(arguments) = role(CHILD) {
        let client = peer::connect(&endpoint(&arguments[0]));
        let requests = [request(1, BYTES, &3_000_000_u64), request(3, ECHO, &vec![1_u8; 100])];
        let talk = [&preface().encode()[..], &requests.concat()].concat();
        client.send(&talk[..arguments[1].parse().expect("a number")]);
        say("said");
        hear_parent();
        return;
    }
    let served = Served::new();
    let at = served.place.endpoint();
    for died_at in [0, 1, 30, 48, 60, 64, 92, 93, 150] {
        let mut child = Process::start(CHILD, &[at.as_str(), &died_at.to_string()]);
        assert_eq!(child.hear(), "said");
        served.wait_for_connections(1);
        child.kill();
        served.wait_for_connections(0);
    }
    assert_eq!(served.client().echo(vec![1]).expect("is served"), [1]);
}

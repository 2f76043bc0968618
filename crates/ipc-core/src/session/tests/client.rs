//! What a client sends, and what it makes of what it receives.

use super::*;
use crate::frame::{push_response, push_status};
use crate::session::{ClientEvent, ClientSession};

/// An event that can be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Handle(u64, u64),
    Response(u64, Vec<u8>, bool),
    Data(u64, Vec<u8>),
    End(u64, Option<ErrorKind>, u64),
}

fn client() -> ClientSession {
    ClientSession::new(ImpersonationLevel::Impersonation, &SessionLimits::default())
}

/// A client that has exchanged prefaces and made `calls`.
fn opened(calls: usize) -> ClientSession {
    opened_with(&SessionLimits::default(), calls)
}

fn opened_with(limits: &SessionLimits, calls: usize) -> ClientSession {
    let mut client = ClientSession::new(ImpersonationLevel::Impersonation, limits);
    put(&mut client, &server_preface().encode());
    make_calls(&mut client, calls);
    assert_eq!(answers(&mut client).expect("nothing yet"), []);
    taken(&mut client);
    client
}

fn server_preface() -> Preface {
    SessionLimits::default().of_server()
}

fn put(client: &mut ClientSession, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let room = client.room();
        let count = room.len().min(bytes.len());
        room[..count].copy_from_slice(&bytes[..count]);
        client.received(count);
        bytes = &bytes[count..];
    }
}

fn call(client: &mut ClientSession, arguments: &[u8]) -> Result<Option<CallId>> {
    client.call(7, arguments, crate::Deadline::NEVER)
}

fn make_calls(client: &mut ClientSession, count: usize) {
    for _ in 0..count {
        call(client, &[]).expect("admitted").expect("at once");
    }
}

fn answer(client: &mut ClientSession) -> Result<Option<Answer>> {
    let answer = match client.next_event()? {
        None => return Ok(None),
        Some(ClientEvent::Handle { call, ticket }) => Answer::Handle(call.0, ticket.0),
        Some(ClientEvent::Response { call, value, body }) => {
            Answer::Response(call.0, value.to_vec(), body)
        }
        Some(ClientEvent::Data { call, bytes }) => Answer::Data(call.0, bytes.to_vec()),
        Some(ClientEvent::End { call, result, valid }) => {
            Answer::End(call.0, result.err().map(|failure| failure.kind()), valid)
        }
    };
    if let Answer::Data(_, bytes) = &answer {
        client.consume(bytes.len());
    }
    Ok(Some(answer))
}

/// All answers there are, data that belongs together joined.
fn answers(client: &mut ClientSession) -> Result<Vec<Answer>> {
    let mut all = Vec::new();
    while let Some(next) = answer(client)? {
        add(&mut all, next);
    }
    Ok(all)
}

fn add(all: &mut Vec<Answer>, next: Answer) {
    match (all.last_mut(), next) {
        (Some(Answer::Data(of, bytes)), Answer::Data(call, more)) if *of == call => {
            bytes.extend(more);
        }
        (_, next) => all.push(next),
    }
}

/// Takes what the client sends.
fn taken(client: &mut ClientSession) -> Vec<u8> {
    let sent = client.output().to_vec();
    client.sent(sent.len());
    sent
}

fn response(call: u64, value: &[u8], body: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_response(&mut bytes, call, value, body);
    bytes
}

fn status(kind: Kind, call: u64, failed: Option<ErrorKind>, number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let failure = failed.map(|kind| Failure::new(kind, "so"));
    push_status(&mut bytes, kind, call, failure.as_ref(), number, u32::MAX);
    bytes
}

fn conversation() -> Vec<u8> {
    [
        &server_preface().encode()[..],
        &response(3, b"three", true),
        &frame(Kind::Data, 3, &[7; 300]),
        &response(1, b"", false),
        &frame(Kind::Ping, 0, b"12345678"),
        &frame(Kind::Data, 3, &[7; 20]),
        &status(Kind::End, 5, Some(ErrorKind::Busy), 0),
        &status(Kind::End, 3, Some(ErrorKind::Truncated), 310),
    ]
    .concat()
}

fn understood() -> Vec<Answer> {
    vec![
        Answer::Response(3, b"three".to_vec(), true),
        Answer::Data(3, vec![7; 300]),
        Answer::Response(1, vec![], false),
        Answer::Data(3, vec![7; 20]),
        Answer::End(5, Some(ErrorKind::Busy), 0),
        Answer::End(3, Some(ErrorKind::Truncated), 310),
    ]
}

#[test]
fn any_split_of_the_bytes_means_the_same() {
    let bytes = conversation();
    for at in 0..=bytes.len() {
        let mut client = client();
        make_calls(&mut client, 3);
        put(&mut client, &bytes[..at]);
        let mut all = answers(&mut client).expect("valid");
        put(&mut client, &bytes[at..]);
        answers(&mut client).expect("valid").into_iter().for_each(|next| add(&mut all, next));
        assert_eq!(all, understood(), "split at {at}");
    }
}

#[test]
fn one_byte_at_a_time_means_the_same() {
    let mut client = client();
    make_calls(&mut client, 3);
    let mut all = Vec::new();
    for byte in conversation() {
        put(&mut client, &[byte]);
        answers(&mut client).expect("valid").into_iter().for_each(|next| add(&mut all, next));
    }
    assert_eq!(all, understood());
}

#[test]
fn the_first_request_travels_with_the_preface() {
    let mut client = client();
    let mut arguments = Vec::new();
    Arguments::push(&mut arguments, b"a");
    let id = call(&mut client, &arguments).expect("admitted").expect("at once");
    assert_eq!(id, CallId(1));
    let sent = taken(&mut client);
    let (preface, length) = Preface::decode(&sent).expect("valid").expect("whole");
    assert_eq!((preface.level, preface.calls), (2, 0));
    assert_eq!(sent[length..], request(1, 7, None, &[b"a"]));
}

#[test]
fn a_first_flight_has_at_most_16_calls_and_64_kib() {
    let mut client = client();
    for _ in 0..16 {
        assert!(call(&mut client, &[0; 100]).expect("admitted").is_some());
    }
    assert!(call(&mut client, &[]).expect("later").is_none());
    assert!(client.output().len() <= 64 * 1024);

    let mut client = self::client();
    let longest = 64 * 1024 - Preface::LENGTH - Header::LENGTH - RequestHead::LENGTH;
    assert!(call(&mut client, &vec![0; longest + 1]).expect("later").is_none());
    assert!(call(&mut client, &vec![0; longest]).expect("admitted").is_some());
    assert_eq!(client.output().len(), 64 * 1024);
    put(&mut client, &server_preface().encode());
    assert_eq!(answers(&mut client).expect("valid"), []);
    assert!(call(&mut client, &vec![0; longest + 1]).expect("admitted").is_some());
}

#[test]
fn a_client_keeps_to_the_limits_of_its_server() {
    let preface =
        Preface { calls: 17, payload: 70_000, request_bytes: 200_000, ..server_preface() };
    let mut client = client();
    put(&mut client, &preface.encode());
    assert_eq!(answers(&mut client).expect("valid"), []);
    let error = call(&mut client, &[0; 70_000]).expect_err("never");
    assert!(matches!(error, Error::LimitExceeded { asked: 70_016, limit: 70_000, .. }), "{error}");
    assert!(call(&mut client, &[0; 69_984]).expect("admitted").is_some());
    assert!(call(&mut client, &[0; 69_984]).expect("admitted").is_some());
    assert!(call(&mut client, &[0; 69_984]).expect("later").is_none(), "too many bytes");
    for _ in 0..15 {
        assert!(call(&mut client, &[]).expect("admitted").is_some());
    }
    assert!(call(&mut client, &[]).expect("later").is_none(), "too many calls");
    put(&mut client, &response(5, b"", false));
    assert_eq!(answers(&mut client).expect("valid").len(), 1);
    assert!(call(&mut client, &[]).expect("admitted").is_some());
}

#[test]
fn credit_is_given_back_as_bodies_are_taken() {
    let mut client = opened(1);
    let piece = vec![7; 1 << 20];
    put(&mut client, &response(1, b"", true));
    put(&mut client, &frame(Kind::Data, 1, &piece));
    assert!(matches!(answer(&mut client), Ok(Some(Answer::Response(..)))));
    assert_eq!(taken(&mut client), [], "nothing is taken yet");
    answers(&mut client).expect("valid");
    assert_eq!(taken(&mut client), window(1, 1 << 20), "half of the body's credit");
    for _ in 0..3 {
        put(&mut client, &frame(Kind::Data, 1, &piece));
        answers(&mut client).expect("valid");
    }
    let sent = taken(&mut client);
    assert!(sent.windows(24).any(|frame| frame == window(0, 4 << 20)), "half of the connection's");
}

#[test]
fn a_server_that_exceeds_its_credit_is_found_out() {
    for (connection_credit, body_credit) in [(1000, 1 << 20), (1 << 20, 1000)] {
        let limits = SessionLimits { connection_credit, body_credit, ..SessionLimits::default() };
        let mut client = ClientSession::new(ImpersonationLevel::Anonymous, &limits);
        make_calls(&mut client, 1);
        put(&mut client, &server_preface().encode());
        put(&mut client, &response(1, b"", true));
        put(&mut client, &frame(Kind::Data, 1, &[7; 400]));
        put(&mut client, &frame(Kind::Data, 1, &[7; 600]));
        assert_eq!(answers(&mut client).expect("as much as it has").len(), 2);
        put(&mut client, &frame(Kind::Data, 1, &[7; 1000]));
        assert_eq!(answers(&mut client).expect("as much as was given back").len(), 1);
        put(&mut client, &Header::new(Kind::Data, 1, 1001).encode());
        let error = client.next_event().expect_err("too much").to_string();
        assert!(error.contains("1001 bytes of data on a credit of 1000"), "{error}");
    }
}

#[test]
fn an_abandoned_call_is_skipped_and_its_credit_returned() {
    let limits = SessionLimits { connection_credit: 6_000_000, ..SessionLimits::default() };
    let mut client = opened_with(&limits, 2);
    put(&mut client, &response(1, b"", true));
    put(&mut client, &frame(Kind::Data, 1, &[7; 1000])[..500]);
    assert_eq!(answers(&mut client).expect("valid").len(), 2);
    client.cancel(CallId(1));
    client.cancel(CallId(1));
    assert_eq!(taken(&mut client), frame(Kind::Cancel, 1, &[]), "once");
    put(&mut client, &frame(Kind::Data, 1, &[7; 1000])[500..]);
    let piece = frame(Kind::Data, 1, &[7; 500_000]);
    (0..4).for_each(|_| put(&mut client, &piece));
    put(&mut client, &response(3, b"", true));
    (0..4).for_each(|_| put(&mut client, &frame(Kind::Data, 3, &[7; 500_000])));
    put(&mut client, &status(Kind::End, 1, Some(ErrorKind::Cancelled), 5));
    let all = answers(&mut client).expect("valid");
    assert!(all.iter().all(|next| matches!(next, Answer::Response(3, ..) | Answer::Data(3, _))));
    assert!(frames(&taken(&mut client)).iter().any(|frame| frame.call == 0), "a window");
}

#[test]
fn payload_may_be_received_past_the_buffer() {
    let mut client = opened(1);
    put(&mut client, &response(1, b"", true));
    assert!(client.direct(CallId(1)).is_none());
    put(&mut client, &frame(Kind::Data, 1, &[7; 100])[..16 + 30]);
    assert!(matches!(answer(&mut client), Ok(Some(Answer::Response(..)))));
    assert!(client.direct(CallId(1)).is_none(), "30 bytes lie before");
    assert_eq!(answer(&mut client).expect("valid"), Some(Answer::Data(1, vec![7; 30])));
    assert_eq!(client.direct(CallId(1)), Some(70));
    assert_eq!(client.direct(CallId(3)), None);
    client.received_directly(60);
    put(&mut client, &[7; 10]);
    assert_eq!(answer(&mut client).expect("valid"), Some(Answer::Data(1, vec![7; 10])));
    put(&mut client, &status(Kind::End, 1, None, 100));
    assert_eq!(answer(&mut client).expect("valid"), Some(Answer::End(1, None, 100)));
}

#[test]
fn a_goodbye_fails_the_calls_that_were_not_taken_and_no_others() {
    let mut client = opened(3);
    put(&mut client, &status(Kind::Goodbye, 0, Some(ErrorKind::Draining), 3));
    put(&mut client, &response(1, b"", false));
    put(&mut client, &response(3, b"", false));
    let all = answers(&mut client).expect("valid");
    assert_eq!(all[0], Answer::End(5, Some(ErrorKind::Draining), 0));
    assert_eq!(all.len(), 3, "1 and 3 are answered");
    let error = call(&mut client, &[]).expect_err("no more");
    assert_eq!(error.kind(), ErrorKind::Draining);
    client.ended();
    assert_eq!(client.next_event().expect_err("the end").kind(), ErrorKind::Disconnected);
}

#[test]
fn what_came_before_the_end_is_told_before_it() {
    let mut client = opened(2);
    put(&mut client, &response(1, b"v", false));
    client.ended();
    assert_eq!(answer(&mut client).expect("valid"), Some(Answer::Response(1, b"v".into(), false)));
    for _ in 0..2 {
        assert!(matches!(client.next_event(), Err(Error::Disconnected { .. })));
        assert!(matches!(call(&mut client, &[]), Err(Error::Disconnected { .. })));
    }
}

#[test]
fn each_breach_by_the_server_is_refused_by_name() {
    let body = response(1, b"", true);
    for (bytes, reason) in [
        (frame(Kind::Request, 2, &[0; 16]), "a request frame for call 2"),
        (frame(Kind::Cancel, 1, &[]), "a cancel frame for call 1"),
        (frame(Kind::Handle, 1, &[0; 8]), "a handle frame for call 1"),
        (frame(Kind::Data, 1, b"x"), "data for call 1 before its response"),
        (frame(Kind::Data, 3, b"x"), "data for call 3, which was never made"),
        (window(3, 1), "a window for call 3"),
        (window(1, 0), "a window for call 1"),
        (response(3, b"", false), "a response to call 3, unasked"),
        ([&body[..], &body].concat(), "a response to call 1, unasked"),
        (status(Kind::End, 3, None, 0), "an end of call 3"),
        (status(Kind::End, 1, None, 0), "an end of call 1 with 0 valid bytes of 0"),
        ([&body[..], &status(Kind::End, 1, None, 1)].concat(), "with 1 valid bytes of 0"),
        (
            [&body[..], &status(Kind::End, 1, Some(ErrorKind::Busy), 1)].concat(),
            "with 1 valid bytes of 0",
        ),
        (frame(Kind::Response, 1, &[9, 0, 0, 0]), "an argument is longer than its request"),
        (vec![0xff; 16], "frame kind 255 is unknown"),
    ] {
        let mut client = opened(1);
        put(&mut client, &bytes);
        let error = answers(&mut client).expect_err(reason).to_string();
        assert!(error.contains(reason), "{reason:?}: {error}");
        let last = frames(&taken(&mut client)).pop().expect("the server is told");
        assert_eq!((last.kind, last.status().0), (Kind::Error, Some(ErrorKind::Protocol)));
    }
}

#[test]
fn a_server_of_another_kind_is_refused_by_name() {
    let good = server_preface();
    for (preface, kind, reason) in [
        (Preface { version: 9, lowest: 2, ..good }, ErrorKind::Version, "speaks versions 2 to 9"),
        (Preface { codec: 9, ..good }, ErrorKind::Unsupported, "no codec 9"),
        (Preface { calls: 15, ..good }, ErrorKind::Protocol, "accepts 15 calls"),
    ] {
        let mut client = client();
        put(&mut client, &preface.encode());
        let error = client.next_event().expect_err("refused");
        assert!(error.kind() == kind && error.to_string().contains(reason), "{reason}: {error}");
    }
    let mut client = client();
    put(&mut client, b"HTTP/1.1 400 Bad Request");
    assert_eq!(client.next_event().expect_err("refused").kind(), ErrorKind::Protocol);
}

#[test]
fn a_server_that_gives_up_says_why_every_time() {
    let mut client = opened(1);
    put(&mut client, &status(Kind::Error, 0, Some(ErrorKind::Refused), 0));
    for _ in 0..2 {
        assert_eq!(client.next_event().expect_err("over").kind(), ErrorKind::Refused);
    }
    assert_eq!(call(&mut client, &[]).expect_err("over").kind(), ErrorKind::Refused);
    assert_eq!(taken(&mut client), [], "it is not answered");
}

#[test]
fn a_flood_of_pings_leaves_one_answer_at_a_time() {
    let mut client = opened(0);
    for number in 0..100_000_u64 {
        put(&mut client, &frame(Kind::Ping, 0, &number.to_le_bytes()));
        assert_eq!(answers(&mut client).expect("valid"), []);
    }
    let pongs = [taken(&mut client), taken(&mut client), taken(&mut client)];
    let pong = |number: u64| frame(Kind::Pong, 0, &number.to_le_bytes());
    assert_eq!(pongs, [pong(0), pong(99_999), vec![]]);
}

#[test]
fn random_bytes_neither_panic_nor_make_the_session_keep_much() {
    let mut random = Random(2);
    for _ in 0..3000 {
        let mut client = if random.below(4) == 0 { client() } else { opened(5) };
        for _ in 0..1 + random.below(20) {
            let mut bytes: Vec<u8> = (0..random.below(64)).map(|_| random.byte()).collect();
            let kind = 1 + random.byte() % 11;
            let flags = if kind <= 2 { random.byte() % 2 } else { 0 };
            let header = [random.byte() % 64, 0, 0, 0, kind, flags, 0, 0];
            bytes.splice(..0, header.into_iter().chain(random.below(12).to_le_bytes()));
            put(&mut client, &bytes);
            let _ = answers(&mut client);
            assert!(client.room().len() <= 64 * 1024 + 300_000);
            assert!(client.output().len() < 10_000);
            if random.below(8) == 0 {
                client.cancel(CallId(1));
            }
        }
    }
}

#[test]
fn nothing_follows_the_last_word_not_even_the_answer_to_a_ping() {
    let mut client = opened(1);
    let pings = [1, 2].map(|number| frame(Kind::Ping, 0, &[number; 8])).concat();
    let breach = frame(Kind::Cancel, 1, &[]);
    put(&mut client, &[pings, breach].concat());
    answers(&mut client).expect_err("a breach");
    let kinds: Vec<Kind> = frames(&taken(&mut client)).iter().map(|frame| frame.kind).collect();
    assert_eq!(kinds, [Kind::Pong, Kind::Error]);
    assert_eq!(taken(&mut client), []);
}

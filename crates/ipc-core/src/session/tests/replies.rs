//! What a server sends, and when.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, channel};
use std::task::{self, Poll};

use super::*;
use crate::service::{Outcome, Source};

fn with_body(body: Body) -> Result<Reply<Vec<u8>>, Failure> {
    Ok(Reply::new(b"v".to_vec()).with_body(body))
}

/// A reply that reports how it ended.
fn reported(body: Body) -> (Result<Reply<Vec<u8>>, Failure>, Receiver<Outcome>) {
    let (tell, told) = channel();
    let reply = Reply::new(vec![]).with_body(body);
    (Ok(reply.when_done(move |outcome| tell.send(outcome.clone()).expect("is heard"))), told)
}

/// The data of `call` among `frames`.
fn data(frames: &[Frame], call: u64) -> Vec<u8> {
    let data = frames.iter().filter(|frame| frame.call == call && frame.kind == Kind::Data);
    data.flat_map(|frame| frame.payload.clone()).collect()
}

fn kinds(frames: &[Frame]) -> Vec<(Kind, u64)> {
    frames.iter().map(|frame| (frame.kind, frame.call)).collect()
}

#[test]
fn the_first_answer_leaves_together_with_the_preface() {
    let mut server = Server::silent(&SessionLimits::default());
    server.put(&[&client_preface().encode()[..], &request(1, 7, None, &[])].concat());
    assert_eq!(server.events().len(), 2);
    server.reply(1, with_body(Body::Bytes(b"body".to_vec())));
    let Output::Bytes(parts) = server.session.output(Waker::noop()) else { panic!("bytes") };
    let all: Vec<u8> = parts.iter().flat_map(|part| part.to_vec()).collect();
    let frames = frames(&all[Preface::LENGTH..]);
    assert_eq!(kinds(&frames), [(Kind::Response, 1), (Kind::Data, 1), (Kind::End, 1)]);
    assert_eq!((frames[0].flags, &frames[0].payload[..]), (Header::BODY, &b"\x01\0\0\0v"[..]));
    assert_eq!(frames[1].payload, b"body");
    assert_eq!(frames[2].status(), (None, 4));
}

#[test]
fn a_large_body_is_sent_from_where_it_lies_and_its_end_goes_with_it() {
    let mut server = Server::open();
    server.call(1);
    let body = vec![7; 100_000];
    let lies_at = body.as_ptr();
    server.reply(1, with_body(Body::Bytes(body)));
    let Output::Bytes(parts) = server.session.output(Waker::noop()) else { panic!("bytes") };
    assert_eq!((parts[1].as_ptr(), parts[1].len()), (lies_at, 100_000));
    let all: Vec<u8> = parts.iter().flat_map(|part| part.to_vec()).collect();
    assert_eq!(frames(&all).last().expect("three").status(), (None, 100_000));
}

#[test]
fn answers_come_in_the_order_in_which_they_are_given() {
    let mut server = Server::open();
    (1..=5).step_by(2).for_each(|call| server.call(call));
    server.reply(5, Ok(b"five".to_vec().into()));
    server.reply(1, Err(Failure::new(ErrorKind::NotFound, "one")));
    assert!(server.session.is_busy());
    server.reply(3, Ok(b"three".to_vec().into()));
    let frames = server.frames();
    assert_eq!(kinds(&frames), [(Kind::Response, 5), (Kind::End, 1), (Kind::Response, 3)]);
    assert_eq!(frames[0].flags, 0);
    assert_eq!(frames[1].status(), (Some(ErrorKind::NotFound), 0));
    assert!(!server.session.is_busy());
}

#[test]
fn a_body_without_bytes_ends_at_once() {
    let mut server = Server::open();
    for (call, body) in [(1, Body::Bytes(vec![])), (3, file(5, 0)), (5, stream([]))] {
        server.call(call);
        server.reply(call, with_body(body));
        let frames = server.frames();
        assert_eq!(kinds(&frames), [(Kind::Response, call), (Kind::End, call)]);
        assert_eq!(frames[1].status(), (None, 0));
    }
}

#[test]
fn data_frames_are_at_most_1_mib_and_bodies_take_turns() {
    let mut server = Server::open();
    let length = 3_000_001;
    for call in [1, 3] {
        server.call(call);
        server.reply(call, with_body(file(call, length)));
    }
    let frames = server.frames();
    for call in [1, 3] {
        let expected: Vec<u8> = (call..call + length).map(content).collect();
        assert!(data(&frames, call) == expected, "the bytes of {call}");
    }
    let order: Vec<u64> =
        frames.iter().filter(|frame| frame.kind == Kind::Data).map(|frame| frame.call).collect();
    assert_eq!(order[..6], [1, 3, 1, 3, 1, 3]);
    let longest = frames[..8].iter().map(|frame| frame.payload.len()).max();
    assert_eq!(longest, Some(256 * 1024), "none waits long for another");

    server.call(5);
    server.reply(5, with_body(file(0, length)));
    let longest = server.frames().iter().map(|frame| frame.payload.len()).max();
    assert_eq!(longest, Some(1024 * 1024), "alone it needs fewer frames");
}

#[test]
fn a_body_waits_for_credit_of_its_own_and_of_the_connection() {
    let preface = Preface { connection_credit: 100, body_credit: 60, ..client_preface() };
    let mut server = Server::open_with(&SessionLimits::default(), preface);
    for call in [1, 3] {
        server.call(call);
        server.put(&window(call, 10)); // before there is a body
        assert_eq!(server.events(), []);
        server.reply(call, with_body(Body::Bytes(vec![7; 1000])));
    }
    let lengths = |frames: &[Frame]| (data(frames, 1).len(), data(frames, 3).len());
    assert_eq!(lengths(&server.frames()), (70, 30), "100 in all");
    server.put(&window(0, 1000));
    assert_eq!(server.events(), []);
    assert_eq!(lengths(&server.frames()), (0, 40), "70 each");
    server.put(&window(1, 5));
    assert_eq!(server.events(), []);
    assert_eq!(lengths(&server.frames()), (5, 0));
    assert!(server.session.is_busy());
    assert!(server.session.deadline().is_never(), "waiting for credit is no stall");
    server.call(5);
    server.reply(5, Ok(vec![].into()));
    assert_eq!(kinds(&server.frames()), [(Kind::Response, 5)], "no other call waits with it");
}

#[test]
fn t37_a_file_that_shrinks_while_it_is_sent_ends_with_what_was_valid() {
    let mut server = Server::open();
    server.call(1);
    let (reply, told) = reported(file(0, 200_000));
    server.reply(1, reply);
    let mut sent = server.take(4 + 2 * Header::LENGTH + 1000);
    server.session.file_failed(Failure::new(ErrorKind::Truncated, "shrank"));
    sent.extend(server.take(usize::MAX));
    let frames = frames(&sent);
    assert_eq!(kinds(&frames), [(Kind::Response, 1), (Kind::Data, 1), (Kind::End, 1)]);
    let data = &frames[1].payload;
    assert_eq!(data.len(), 200_000, "the frame is as long as it said");
    assert!(data[..1000].iter().all(|byte| *byte != 0));
    assert!(data[1000..].iter().all(|byte| *byte == 0));
    assert_eq!(frames[2].status(), (Some(ErrorKind::Truncated), 1000));
    let outcome = told.recv().expect("reported");
    assert_eq!((outcome.sent, outcome.result.is_err()), (1000, true));
}

#[test]
fn a_cancelled_body_fills_its_started_frame_and_ends() {
    let mut server = Server::open();
    server.call(1);
    let (reply, told) = reported(file(0, 1 << 40));
    server.reply(1, reply);
    let mut sent = server.take(4 + 2 * Header::LENGTH + 77);
    server.put(&frame(Kind::Cancel, 1, &[]));
    server.put(&request(3, 7, None, &[]));
    assert_eq!(server.events(), [Seen::Call { id: 3, method: 7, arguments: vec![] }]);
    server.reply(3, Ok(vec![].into()));
    sent.extend(server.take(usize::MAX));
    let frames = frames(&sent);
    let expected = [(Kind::Response, 1), (Kind::Data, 1), (Kind::Response, 3), (Kind::End, 1)];
    assert_eq!(kinds(&frames), expected);
    assert_eq!(frames[3].status(), (Some(ErrorKind::Cancelled), 77));
    assert_eq!(told.recv().expect("reported").sent, 77);
    assert!(!server.session.is_busy());
}

#[test]
fn a_breach_while_a_frame_is_under_way_is_told_after_it() {
    let mut server = Server::open();
    server.call(1);
    server.reply(1, with_body(file(0, 100_000)));
    let mut sent = server.take(4 + 2 * Header::LENGTH + 5);
    server.put(&[0xff; 16]);
    assert_eq!(server.events().len(), 1);
    sent.extend(server.take(usize::MAX));
    let frames = frames(&sent);
    assert_eq!(kinds(&frames), [(Kind::Response, 1), (Kind::Data, 1), (Kind::Error, 0)]);
}

#[test]
fn each_answer_is_reported_once_with_what_was_sent() {
    let mut server = Server::open();
    let bodies = [
        (Body::Empty, 0),
        (Body::Bytes(vec![1; 10]), 10),
        (Body::Bytes(vec![1; 50_000]), 50_000),
        (file(0, 2_000_000), 2_000_000),
        (stream([b"abc".to_vec(), vec![2; 20_000]]), 20_003),
    ];
    for (call, (body, length)) in (1..).step_by(2).zip(bodies) {
        server.call(call);
        let (reply, told) = reported(body);
        server.reply(call, reply);
        let whole = server.take(usize::MAX).len();
        assert_eq!(told.recv().expect("reported"), Outcome { sent: length, result: Ok(()) });
        assert!(told.recv().is_err(), "once");
        assert!(whole as u64 > length);
    }
}

#[test]
fn an_answer_is_reported_only_when_its_last_byte_was_taken() {
    let mut server = Server::open();
    server.call(1);
    let (reply, told) = reported(Body::Bytes(vec![1; 10]));
    server.reply(1, reply);
    let whole = 4 + 10 + 16 + 3 * Header::LENGTH;
    assert_eq!(server.take(whole - 1).len(), whole - 1);
    assert!(told.try_recv().is_err());
    assert!(server.session.is_busy());
    assert_eq!(server.take(usize::MAX).len(), 1);
    assert!(told.try_recv().is_ok());
}

#[test]
fn t45_what_a_vanished_client_received_is_reported() {
    let bodies: [fn() -> Body; 3] = [
        || Body::Bytes(vec![1; 500_000]),
        || file(0, 1 << 30),
        || stream(vec![vec![1; 90_000]; 9]),
    ];
    for body in bodies {
        for taken in [0, 50, 80_000] {
            let mut server = Server::open();
            server.call(1);
            let (reply, told) = reported(body());
            server.reply(1, reply);
            server.take(4 + 2 * Header::LENGTH + taken);
            if taken == 50 {
                drop(server);
            } else {
                server.session.ended();
            }
            let outcome = told.recv().expect("reported");
            assert_eq!(outcome.sent, taken as u64);
            assert_eq!(outcome.result.map_err(|why| why.kind()), Err(ErrorKind::Disconnected));
        }
    }
}

#[test]
fn t45_a_small_body_counts_as_sent_once_it_has_left_whole() {
    let heads = 4 + 2 * Header::LENGTH;
    for (taken, sent) in [(heads + 99, 0), (heads + 100, 100), (heads + 110, 100)] {
        let mut server = Server::open();
        server.call(1);
        let (reply, told) = reported(Body::Bytes(vec![1; 100]));
        server.reply(1, reply);
        server.take(taken);
        server.session.ended();
        assert_eq!(told.recv().expect("reported").sent, sent);
    }
}

#[test]
fn a_value_that_the_client_would_refuse_fails_the_call() {
    let mut server = Server::open();
    server.call(1);
    let longest = client_preface().payload as usize - 4;
    server.reply(1, Ok(vec![0; longest + 1].into()));
    assert_eq!(server.frames()[0].status(), (Some(ErrorKind::LimitExceeded), 0));
    server.call(3);
    server.reply(3, Ok(vec![0; longest].into()));
    assert_eq!(server.frames()[0].kind, Kind::Response);
}

#[test]
fn t46_who_takes_no_answers_gets_no_more_until_he_does() {
    let mut server = Server::open();
    let mut answered = 0;
    for call in (1..512).step_by(2) {
        server.put(&request(call, 7, None, &[&[0; 1000]]));
        while let Some(Seen::Call { id, arguments, .. }) = server.event() {
            assert_eq!(arguments[0].len(), 1000);
            answered += 1;
            server.reply(id, Ok(vec![0; 50_000].into()));
        }
    }
    assert!(answered * 50_000 < 350_000, "{answered} answers are kept");
    // Whoever is held can be cancelled and out of time: it has not run.
    server.put(&frame(Kind::Cancel, 511, &[]));
    assert_eq!(server.events(), [Seen::Refused(511, ErrorKind::Cancelled)]);
    let mut ended = 0;
    while ended < 256 {
        ended += server.frames().len();
        while let Some(Seen::Call { id, .. }) = server.event() {
            assert_ne!(id, 511, "cancelled before it was run");
            server.reply(id, Ok(vec![0; 50_000].into()));
        }
    }
    assert!(!server.session.is_busy());
}

#[test]
fn t46_who_gives_no_credit_gets_no_more_bodies_until_he_does() {
    let limits = SessionLimits { bodies: 4, body_bytes: 100_000, ..SessionLimits::default() };
    for (body, most) in [((|| file(0, 1 << 30)) as fn() -> Body, 4), (kept_in_memory, 2)] {
        let preface = Preface { body_credit: 1, ..client_preface() };
        let mut server = Server::open_with(&limits, preface);
        let mut answered = Vec::new();
        for call in (1..40).step_by(2) {
            server.put(&request(call, 1, None, &[]));
            while let Some(Seen::Call { id, .. }) = server.event() {
                answered.push(id);
                server.reply(id, with_body(body()));
            }
            server.frames();
        }
        assert_eq!(answered.len(), most, "{body:?}");
        // One that is given up makes room for one.
        server.put(&frame(Kind::Cancel, answered[0], &[]));
        let next = server.event().or_else(|| {
            server.frames();
            server.event()
        });
        let id = answered[most - 1] + 2;
        assert_eq!(next, Some(Seen::Call { id, method: 1, arguments: vec![] }));
    }
}

fn kept_in_memory() -> Body {
    Body::Bytes(vec![7; 60_000])
}

#[test]
fn t46_who_takes_nothing_at_all_is_given_up() {
    let mut server = Server::open();
    server.call(1);
    let (reply, told) = reported(file(0, 1 << 30));
    server.reply(1, reply);
    server.take(100);
    assert!(server.session.deadline().instant().is_some());
    for _ in 0..10 {
        server.wait(Duration::from_secs(29));
        server.take(1);
        assert_eq!(server.events(), [], "slow is not stalled");
    }
    server.wait(Duration::from_secs(60));
    server.wait(Duration::from_secs(60));
    assert!(matches!(&server.events()[..], [Seen::Failed(ErrorKind::TimedOut, _)]));
    assert!(server.session.is_finished());
    assert_eq!(server.take(usize::MAX), []);
    assert!(told.recv().expect("reported").result.is_err());
}

#[test]
fn a_stream_is_asked_only_for_what_can_be_sent() {
    let preface = Preface { body_credit: 5, ..client_preface() };
    let mut server = Server::open_with(&SessionLimits::default(), preface);
    server.call(1);
    server.reply(1, with_body(stream([b"abcdefgh".to_vec(), b"ij".to_vec()])));
    assert_eq!(data(&server.frames(), 1), b"abcde");
    server.put(&window(1, 3));
    assert_eq!(server.events(), []);
    assert_eq!(data(&server.frames(), 1), b"fgh");
    assert_eq!(server.take(usize::MAX), []);
    server.put(&window(1, 3));
    assert_eq!(server.events(), []);
    let frames = server.frames();
    assert_eq!(data(&frames, 1), b"ij");
    assert_eq!(frames[1].status(), (None, 10));
}

#[test]
fn a_stream_that_fails_or_panics_ends_its_own_body() {
    let mut server = Server::open();
    let failing = Script([Ok(b"ab".to_vec()), Err(ErrorKind::DataFailed)].into());
    let panicking = Script([Ok(b"ab".to_vec()), Err(ErrorKind::Unknown)].into());
    for (call, source, kind) in
        [(1, failing, ErrorKind::DataFailed), (3, panicking, ErrorKind::Internal)]
    {
        server.call(call);
        server.reply(call, with_body(Body::Stream(Box::new(source))));
        let frames = server.frames();
        assert_eq!(data(&frames, call), b"ab");
        assert_eq!(frames.last().expect("ends").status(), (Some(kind), 2));
    }
}

/// Gives what is written in it. Nothing is pending; an unknown error is a panic.
#[derive(Debug)]
struct Script(VecDeque<Result<Vec<u8>, ErrorKind>>);

fn stream(chunks: impl IntoIterator<Item = Vec<u8>>) -> Body {
    Body::Stream(Box::new(Script(chunks.into_iter().map(Ok).collect())))
}

impl Source for Script {
    fn poll_next(&mut self, _: &mut task::Context<'_>) -> Poll<Option<Result<Vec<u8>, Failure>>> {
        Poll::Ready(self.0.pop_front().map(|next| match next {
            Err(ErrorKind::Unknown) => panic!("as the script says"),
            next => next.map_err(|kind| Failure::new(kind, "as the script says")),
        }))
    }
}

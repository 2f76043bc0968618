//! What a server makes of what it receives.

use super::*;

/// A first flight with three calls, a cancel, a window, a ping.
fn conversation() -> Vec<u8> {
    [
        &client_preface().encode()[..],
        &request(1, 7, None, &[b"a", b""]),
        &request(3, 8, None, &[&[9; 300]]),
        &frame(Kind::Cancel, 1, &[]),
        &window(3, 5),
        &frame(Kind::Ping, 0, b"12345678"),
        &request(9, 0, None, &[]),
    ]
    .concat()
}

fn understood() -> Vec<Seen> {
    vec![
        Seen::Level(ImpersonationLevel::Impersonation),
        Seen::Call { id: 1, method: 7, arguments: vec![b"a".to_vec(), vec![]] },
        Seen::Call { id: 3, method: 8, arguments: vec![vec![9; 300]] },
        Seen::Cancelled(1),
        Seen::Call { id: 9, method: 0, arguments: vec![] },
    ]
}

#[test]
fn any_split_of_the_bytes_means_the_same() {
    let bytes = conversation();
    for at in 0..=bytes.len() {
        let mut server = Server::silent(&SessionLimits::default());
        server.put(&bytes[..at]);
        let mut events = server.events();
        server.put(&bytes[at..]);
        events.extend(server.events());
        assert_eq!(events, understood(), "split at {at}");
    }
}

#[test]
fn one_byte_at_a_time_means_the_same() {
    let mut server = Server::silent(&SessionLimits::default());
    let mut events = Vec::new();
    for byte in conversation() {
        server.put(&[byte]);
        events.extend(server.events());
    }
    assert_eq!(events, understood());
}

#[test]
fn a_request_as_long_as_the_limit_is_taken_and_one_byte_more_is_not() {
    let longest = SessionLimits::default().payload as usize - RequestHead::LENGTH - 4;
    let mut server = Server::open();
    server.put(&request(1, 7, None, &[&vec![5; longest]]));
    assert_eq!(
        server.events(),
        [Seen::Call { id: 1, method: 7, arguments: vec![vec![5; longest]] }]
    );
    server.put(&request(3, 7, None, &[&vec![5; longest + 1]])[..Header::LENGTH]);
    assert!(matches!(&server.events()[..], [Seen::Failed(ErrorKind::LimitExceeded, _), ..]));
}

#[test]
fn as_many_calls_as_announced_are_taken_and_one_more_is_refused() {
    let limits = SessionLimits { calls: 20, ..SessionLimits::default() };
    let mut server = Server::open_with(&limits, client_preface());
    for call in 0..20 {
        server.put(&request(2 * call + 1, 7, None, &[]));
    }
    assert_eq!(server.events().len(), 20);
    server.reply(1, Ok(vec![].into()));
    server.take(usize::MAX);
    server.put(&request(41, 7, None, &[]));
    assert_eq!(server.events().len(), 1, "an answered call counts no more");
    server.put(&request(43, 7, None, &[]));
    let events = server.events();
    assert!(matches!(&events[..], [Seen::Failed(ErrorKind::LimitExceeded, _), ..]), "{events:?}");
    assert_eq!(events.len(), 1 + 20, "every call that still ran is given up");
}

#[test]
fn the_bytes_of_requests_in_flight_are_limited() {
    let limits = SessionLimits { request_bytes: 300_000, ..SessionLimits::default() };
    let mut server = Server::open_with(&limits, client_preface());
    server.put(&request(1, 7, None, &[&[0; 200_000]]));
    assert_eq!(server.events().len(), 1);
    server.put(&request(3, 7, None, &[&[0; 200_000]]));
    assert!(matches!(&server.events()[..], [Seen::Failed(ErrorKind::LimitExceeded, _), ..]));
}

#[test]
fn a_call_out_of_time_fails_for_the_client_and_is_given_up() {
    let mut server = Server::open();
    server.put(&request(1, 7, Some(Duration::from_secs(5)), &[]));
    server.put(&request(3, 7, Some(Duration::from_secs(9)), &[]));
    server.put(&request(5, 7, Some(Duration::ZERO), &[]));
    let third = Seen::Refused(5, ErrorKind::TimedOut);
    assert!(matches!(&server.events()[..], [_, _, last] if *last == third), "it came too late");
    let due = server.session.deadline().instant().expect("has one");
    assert_eq!(due, server.now + Duration::from_secs(5));
    server.wait(Duration::from_secs(5));
    assert_eq!(server.events(), [Seen::Cancelled(1)]);
    let ended: Vec<_> = server.frames().iter().map(|end| (end.call, end.status().0)).collect();
    assert_eq!(ended, [(5, Some(ErrorKind::TimedOut)), (1, Some(ErrorKind::TimedOut))]);
    server.reply(1, Ok(vec![1].into()));
    server.reply(3, Ok(vec![3].into()));
    let answers = server.frames();
    assert_eq!(answers.iter().map(|frame| frame.call).collect::<Vec<_>>(), [3], "1 has ended");
    assert!(server.session.deadline().is_never());
}

#[test]
fn a_cancelled_call_ends_at_once_and_counts_until_its_handler_returns() {
    let limits = SessionLimits { calls: 16, ..SessionLimits::default() };
    let mut server = Server::open_with(&limits, client_preface());
    for call in (1..32).step_by(2) {
        server.call(call);
        server.put(&frame(Kind::Cancel, call, &[]));
        assert_eq!(server.events(), [Seen::Cancelled(call)]);
        assert_eq!(server.frames()[0].status(), (Some(ErrorKind::Cancelled), 0));
    }
    assert!(!server.session.is_busy(), "all are answered");
    server.put(&request(33, 7, None, &[]));
    assert_eq!(server.events(), [Seen::Refused(33, ErrorKind::Busy)]);
    assert_eq!(server.frames()[0].status(), (Some(ErrorKind::Busy), 0));
    server.reply(1, Ok(vec![].into()));
    server.call(35);
}

#[test]
fn cancel_window_and_end_are_welcome_for_a_call_that_has_ended() {
    let mut server = Server::open();
    server.call(7);
    server.reply(7, Ok(vec![].into()));
    server.take(usize::MAX);
    server.put(&frame(Kind::Cancel, 7, &[]));
    server.put(&window(7, 1));
    server.put(&frame(Kind::Cancel, 5, &[])); // an id that was left out
    server.put(&frame(Kind::End, 7, &[0; 16]));
    assert_eq!(server.events(), []);
    assert_eq!(server.take(usize::MAX), []);
}

#[test]
fn a_request_with_a_body_is_refused_and_the_rest_goes_on() {
    let mut server = Server::open();
    let mut with_body = request(1, 7, None, &[]);
    with_body[5] = Header::BODY;
    server.put(&with_body);
    server.put(&frame(Kind::End, 1, &[0; 16]));
    assert_eq!(server.events(), [Seen::Refused(1, ErrorKind::Unsupported)]);
    assert_eq!(server.frames()[0].status(), (Some(ErrorKind::Unsupported), 0));
    server.call(3);
}

#[test]
fn a_drained_session_says_which_call_was_the_last() {
    let mut server = Server::open();
    server.call(5);
    server.session.drain();
    server.session.drain();
    server.put(&request(7, 7, None, &[]));
    server.put(&frame(Kind::Cancel, 7, &[]));
    assert_eq!(server.events(), [], "what crossed the goodbye is not run");
    assert!(!server.session.is_finished(), "a call is under way");
    server.reply(5, Ok(vec![].into()));
    let frames = server.frames();
    assert_eq!(frames[0].kind, Kind::Goodbye);
    assert_eq!(frames[0].status(), (Some(ErrorKind::Draining), 5));
    assert_eq!((frames.len(), frames[1].call), (2, 5));
    assert!(server.session.is_finished());
}

#[test]
fn a_session_that_is_drained_before_its_preface_takes_leave_at_once() {
    let mut server = Server::silent(&SessionLimits::default());
    server.session.drain();
    assert!(server.session.is_finished());
    let sent = server.take(usize::MAX);
    let goodbye = &frames(&sent[Preface::LENGTH..])[0];
    assert_eq!(goodbye.status(), (Some(ErrorKind::Draining), 0));
    server.put(&conversation());
    assert_eq!(server.events(), []);
}

#[test]
fn a_client_that_takes_leave_gets_what_it_asked_for() {
    let mut server = Server::open();
    server.call(1);
    server.put(&frame(Kind::Goodbye, 0, &[0; 16]));
    assert_eq!(server.events(), []);
    assert!(!server.session.is_finished());
    server.reply(1, Ok(vec![].into()));
    assert_eq!(server.frames().len(), 1);
    assert!(server.session.is_finished());
}

#[test]
fn a_refused_client_is_told_why() {
    let mut server = Server::silent(&SessionLimits::default());
    server.put(&conversation());
    server.session.refuse(Failure::new(ErrorKind::Refused, "not you"));
    assert_eq!(server.events(), [], "nothing of it is understood");
    assert!(server.session.is_finished());
    let sent = server.take(usize::MAX);
    let error = &frames(&sent[Preface::LENGTH..])[0];
    assert_eq!((error.kind, error.status()), (Kind::Error, (Some(ErrorKind::Refused), 0)));
}

#[test]
fn a_preface_that_does_not_come_in_time_ends_the_session() {
    let mut server = Server::silent(&SessionLimits::default());
    server.put(&client_preface().encode()[..40]);
    assert_eq!(server.events(), []);
    let due = server.session.deadline().instant().expect("has one");
    server.wait(due - server.now - Duration::from_millis(1));
    assert_eq!(server.events(), []);
    server.wait(Duration::from_millis(1));
    assert!(matches!(&server.events()[..], [Seen::Failed(ErrorKind::TimedOut, _)]));
    assert!(server.session.is_finished());
    let sent = server.take(usize::MAX);
    assert_eq!(frames(&sent[Preface::LENGTH..])[0].status().0, Some(ErrorKind::TimedOut));
}

#[test]
fn t45_when_the_client_is_gone_its_calls_are_given_up() {
    let mut server = Server::open();
    server.call(1);
    server.call(3);
    server.reply(3, Ok(Reply::new(vec![]).with_body(file(0, 1 << 30))));
    server.session.ended();
    assert_eq!(server.events(), [Seen::Cancelled(1)]);
    assert!(server.session.is_finished());
    assert_eq!(server.take(usize::MAX), [], "there is nobody to send to");
}

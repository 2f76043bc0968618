//! Peers that do not keep to the protocol.

use super::*;

/// Feeds `bytes` to an open session and returns what it says to that.
fn refused(bytes: &[u8]) -> String {
    let mut server = Server::open();
    server.call(1);
    server.put(bytes);
    let mut events = server.events();
    assert_eq!(events.pop(), Some(Seen::Cancelled(1)), "what ran is given up");
    let Some(Seen::Failed(kind, text)) = events.pop() else { panic!("not refused") };
    assert!(server.session.is_finished());
    let frames = server.frames();
    let last = frames.last().expect("the peer is told");
    assert_eq!((last.kind, last.status()), (Kind::Error, (Some(kind), 0)));
    text
}

#[test]
fn each_breach_of_the_protocol_is_refused_by_name() {
    let malformed_request = frame(Kind::Request, 3, &[9; 40]);
    let endless_argument = [&request(3, 1, None, &[])[..], &[]].concat();
    let overflow = [window(1, u64::MAX), window(1, u64::MAX)].concat();
    let connection_overflow = window(0, u64::MAX);
    let after_goodbye = [frame(Kind::Goodbye, 0, &[0; 16]), request(3, 1, None, &[])].concat();
    assert_eq!(endless_argument.len(), 32);
    for (bytes, reason) in [
        (&frame(Kind::Response, 1, &[0; 4])[..], "a response frame for call 1"),
        (&Header::new(Kind::Data, 1, 1 << 20).encode(), "a data frame for call 1"),
        (&frame(Kind::Handle, 1, &[0; 8]), "a handle frame for call 1"),
        (&request(4, 1, None, &[]), "even id 4"),
        (&request(1, 1, None, &[]), "id 1 after 1"),
        (&frame(Kind::Cancel, 3, &[]), "a cancel for call 3, which was never made"),
        (&window(3, 1), "a window for call 3, which was never made"),
        (&frame(Kind::End, 3, &[0; 16]), "an end for call 3, which was never made"),
        (&frame(Kind::End, 1, &[0; 16]), "an end for call 1, which has no body"),
        (&window(1, 0), "a window of no bytes"),
        (&overflow, "a window of 18446744073709551615 bytes"),
        (&connection_overflow, "a window of 18446744073709551615 bytes"),
        (&malformed_request, "a request with reserved bits"),
        (&after_goodbye, "a request after a goodbye"),
        (&frame(Kind::Goodbye, 0, &[1; 16]), "a status with reserved bits"),
        (&[0, 0, 0, 0, 77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "frame kind 77 is unknown"),
        (&[0xff; 16], "frame kind 255 is unknown"),
    ] {
        let text = refused(bytes);
        assert!(text.contains(reason), "{reason:?}: {text}");
    }
}

#[test]
fn t49_a_frame_of_4_gib_is_refused_by_its_header() {
    let text = refused(&Header::new(Kind::Request, 3, u32::MAX).encode());
    assert!(
        text.contains("4294967295 bytes of frame payload exceed the limit of 262144"),
        "{text}"
    );
}

#[test]
fn a_peer_that_gives_up_is_not_answered() {
    let mut server = Server::open();
    server.call(1);
    let mut status = Vec::new();
    let failure = Failure::new(ErrorKind::Protocol, "you are mad");
    crate::frame::push_status(&mut status, Kind::Error, 0, Some(&failure), 0, u32::MAX);
    server.put(&status);
    let text = "protocol error: you are mad".to_owned();
    assert_eq!(server.events(), [Seen::Failed(ErrorKind::Protocol, text), Seen::Cancelled(1)]);
    assert_eq!(server.take(usize::MAX), []);
    assert!(server.session.is_finished());
}

#[test]
fn a_preface_that_cannot_be_is_refused_by_name() {
    let good = client_preface();
    let bytes = |preface: Preface| preface.encode().to_vec();
    let mut endless = bytes(good);
    endless[8..10].copy_from_slice(&[0xff; 2]);
    for (bytes, kind, reason) in [
        (b"GET / HTTP/1.1\r\n".to_vec(), ErrorKind::Protocol, "byte 0 is 0x47"),
        (b"\x89ipc\n".to_vec(), ErrorKind::Protocol, "byte 4 is 0x0a"),
        (endless[..10].to_vec(), ErrorKind::Protocol, "a preface of 65535 bytes"),
        (bytes(Preface { level: 4, ..good }), ErrorKind::Protocol, "level 4"),
        (bytes(Preface { payload: 9, ..good }), ErrorKind::Protocol, "payloads of 9 bytes"),
        (bytes(Preface { codec: 7, ..good }), ErrorKind::Unsupported, "no codec 7; it has 1"),
        (
            bytes(Preface { version: 9, lowest: 2, ..good }),
            ErrorKind::Version,
            "versions 2 to 9 and this server 1 to 1",
        ),
    ] {
        let mut server = Server::silent(&SessionLimits::default());
        server.put(&bytes);
        let events = server.events();
        let [Seen::Failed(seen, text)] = &events[..] else { panic!("{reason}: {events:?}") };
        assert!(*seen == kind && text.contains(reason), "{reason}: {seen} {text}");
        let sent = server.take(usize::MAX);
        assert!(Preface::decode(&sent).expect("valid").is_some(), "first its own preface");
        assert_eq!(frames(&sent[Preface::LENGTH..])[0].status().0, Some(kind));
        assert!(server.session.is_finished());
    }
}

#[test]
fn a_flood_of_pings_leaves_one_answer_at_a_time() {
    let mut server = Server::open();
    for number in 0..100_000_u64 {
        server.put(&frame(Kind::Ping, 0, &number.to_le_bytes()));
        assert_eq!(server.events(), []);
        // What is offered is not taken.
        assert!(!matches!(server.session.output(Waker::noop()), Output::Nothing));
    }
    let payloads: Vec<_> = server.frames().into_iter().map(|pong| pong.payload).collect();
    assert_eq!(payloads, [0_u64, 99_999].map(|number| number.to_le_bytes().to_vec()));
}

#[test]
fn nothing_follows_the_last_word_not_even_the_answer_to_a_ping() {
    let mut server = Server::open();
    let ping = frame(Kind::Ping, 0, &[1; 8]);
    let breach = frame(Kind::Handle, 1, &[0; 8]);
    server.put(&[ping, breach].concat());
    assert_eq!(server.events().len(), 1, "the breach");
    let kinds: Vec<Kind> = server.frames().iter().map(|frame| frame.kind).collect();
    assert_eq!(kinds, [Kind::Error]);
}

#[test]
fn t46_a_peer_that_takes_nothing_is_given_up_however_much_it_says() {
    let limits = SessionLimits::default();
    let mut server = Server::open();
    for number in 0..30_u64 {
        server.put(&frame(Kind::Ping, 0, &number.to_le_bytes()));
        let events = server.events();
        if !events.is_empty() {
            let text = "timed out while writing".to_owned();
            assert_eq!(events, [Seen::Failed(ErrorKind::TimedOut, text)]);
            assert!(number > 10, "a whole stretch has passed");
            return;
        }
        assert!(!matches!(server.session.output(Waker::noop()), Output::Nothing));
        server.now += limits.stall / 10;
        // As the runtime does: nobody calls the timer before it is due.
        if server.session.deadline().instant().is_some_and(|due| due <= server.now) {
            server.session.timer(server.now);
        }
    }
    panic!("it is kept for ever");
}

/// What a runtime does when a timer is due, for as long as there is one: until it fails, or ten times.
fn let_timers_run(server: &mut Server) -> Vec<Seen> {
    for _ in 0..10 {
        let Some(due) = server.session.deadline().instant() else { break };
        server.now = server.now.max(due);
        server.session.timer(server.now);
        let events = server.events();
        if !events.is_empty() {
            return events;
        }
    }
    Vec::new()
}

#[test]
fn t46_a_frame_that_does_not_go_on_ends_its_connection_wherever_it_stops() {
    let request = request(1, 1, None, &[b"ab"]);
    for length in 1..request.len() {
        let mut server = Server::open();
        let start = server.now;
        server.put(&request[..length]);
        assert_eq!(server.events(), [], "{length}");
        let text = "timed out while reading".to_owned();
        let failed = [Seen::Failed(ErrorKind::TimedOut, text)];
        assert_eq!(let_timers_run(&mut server), failed, "{length}");
        assert!(server.now - start <= 2 * SessionLimits::default().stall);
        assert_eq!(server.frames().last().expect("it is told").kind, Kind::Error);
        assert!(server.session.is_finished());
    }
}

#[test]
fn silence_between_frames_is_no_stall_and_neither_is_a_frame_that_goes_on() {
    let mut server = Server::open();
    assert_eq!(
        server.session.deadline(),
        crate::Deadline::NEVER,
        "an idle connection has no timer"
    );
    let request = request(1, 1, None, &[b"ab"]);
    let (last, most) = request.split_last().expect("bytes");
    for byte in most {
        server.put(&[*byte]);
        assert_eq!(server.events(), []);
        server.wait(SessionLimits::default().stall - Duration::from_secs(1));
    }
    server.put(&[*last]);
    assert_eq!(server.events().len(), 1, "the call");
    assert_eq!(server.session.deadline(), crate::Deadline::NEVER);
}

/// The runtime has not come to look at them yet.
#[test]
fn requests_that_wait_in_the_buffer_are_no_started_frame() {
    let mut server = Server::open();
    server.put(&[request(1, 1, None, &[]), request(3, 1, None, &[])].concat());
    assert!(server.event().is_some(), "the first");
    for _ in 0..10 {
        server.wait(SessionLimits::default().stall);
    }
    assert!(matches!(server.event(), Some(Seen::Call { id: 3, .. })));
}

#[test]
fn random_bytes_neither_panic_nor_make_the_session_keep_much() {
    let mut random = Random(1);
    for round in 0..3000 {
        let mut server =
            if round % 2 == 0 { Server::open() } else { Server::silent(&SessionLimits::default()) };
        for _ in 0..1 + random.below(20) {
            let mut bytes: Vec<u8> = (0..random.below(64)).map(|_| random.byte()).collect();
            if random.below(2) == 0 {
                // A header that is right in form reaches deeper.
                let kind = 1 + random.byte() % 11;
                let length = random.byte() % 64;
                bytes.splice(..0, [length, 0, 0, 0, kind, 0, 0, 0]);
                bytes.splice(8..8, random.below(8).to_le_bytes());
            }
            server.put(&bytes);
            for event in server.events() {
                if let Seen::Call { id, .. } = event {
                    server.reply(id, Ok(vec![1; 100].into()));
                }
            }
            assert!(server.session.room().len() <= 64 * 1024 + 300_000);
            if random.below(2) == 0 {
                server.take(random.below(300));
            }
            server.wait(Duration::from_millis(random.below(50) as u64));
        }
    }
}

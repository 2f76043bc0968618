//! Handles beside the frames: tickets on bytes.

use super::*;
use crate::session::{ClientEvent, ClientSession};

/// A server and the preface of a client that both pass handles.
fn passing() -> Server {
    passing_with(&SessionLimits::default())
}

fn passing_with(limits: &SessionLimits) -> Server {
    let mut server = Server::with_handles(limits);
    let preface = Preface { flags: Preface::HANDLES, ..client_preface() };
    server.put(&preface.encode());
    assert_eq!(server.events(), [Seen::Level(ImpersonationLevel::Impersonation)]);
    let greeting = server.take(usize::MAX);
    let (greeting, _) = Preface::decode(&greeting).expect("valid").expect("whole");
    assert_eq!((greeting.flags, greeting.handles), (Preface::HANDLES, limits.handles));
    server
}

fn handle(call: u64, ticket: u64) -> Vec<u8> {
    frame(Kind::Handle, call, &ticket.to_le_bytes())
}

fn called(id: u64) -> Seen {
    Seen::Call { id, method: 1, arguments: vec![] }
}

fn with_handle() -> Result<Reply<Vec<u8>>, Failure> {
    Ok(Reply::new(b"v".to_vec()).with_handle(some_file()))
}

/// The next thing to send, without its content.
fn next_output(server: &mut Server) -> &'static str {
    match server.session.output(Waker::noop()) {
        Output::Nothing => "nothing",
        Output::Handle(_) => "handle",
        Output::Bytes(_) => "bytes",
        Output::File { .. } => "file",
    }
}

#[test]
fn a_handle_comes_with_the_call_that_it_was_sent_with() {
    let mut server = passing();
    server.put(&[handle(1, 40), request(1, 1, None, &[]), request(3, 1, None, &[])].concat());
    assert_eq!(server.events(), [Seen::Handle { call: 1, ticket: 40 }, called(1), called(3)]);
    assert_eq!(server.handed, [1]);
}

#[test]
fn other_frames_may_come_between_a_handle_and_its_request() {
    let mut server = passing();
    server.call(1);
    let between = [frame(Kind::Ping, 0, &[1; 8]), window(1, 5), frame(Kind::Cancel, 1, &[])];
    server.put(&[handle(3, 9), between.concat(), request(3, 1, None, &[])].concat());
    let events = [Seen::Handle { call: 3, ticket: 9 }, Seen::Cancelled(1), called(3)];
    assert_eq!(server.events(), events);
    assert_eq!(server.handed, [3]);
}

#[test]
fn each_misplaced_handle_is_refused_by_name() {
    for (bytes, reason) in [
        (handle(1, 0), "a handle under id 1 after 1"),
        (handle(4, 0), "a handle under the even id 4"),
        ([handle(3, 0), handle(3, 1)].concat(), "a handle for call 3 before the request of call 3"),
        ([handle(3, 0), handle(5, 1)].concat(), "a handle for call 5 before the request of call 3"),
        (
            [handle(3, 0), request(5, 1, None, &[])].concat(),
            "a request of call 5 where that of call 3 is due",
        ),
        ([handle(3, 0), frame(Kind::Cancel, 3, &[])].concat(), "call 3, which was never made"),
        ([frame(Kind::Goodbye, 0, &[0; 16]), handle(3, 0)].concat(), "a handle after a goodbye"),
        (frame(Kind::Handle, 3, &[0; 7]), "with 7 bytes of payload"),
        (frame(Kind::Handle, 0, &[0; 8]), "a handle frame for call 0"),
    ] {
        let mut server = passing();
        server.call(1);
        server.put(&bytes);
        let events = server.events();
        let failed = events.iter().find_map(|event| match event {
            Seen::Failed(ErrorKind::Protocol, text) => Some(text),
            _ => None,
        });
        let text = failed.unwrap_or_else(|| panic!("{reason}: {events:?}"));
        assert!(text.contains(reason), "{reason}: {text}");
        assert!(server.session.is_finished());
    }
}

#[test]
fn a_handle_is_refused_unless_both_sides_pass_them() {
    let flagged = Preface { flags: Preface::HANDLES, ..client_preface() };
    let quiet = SessionLimits::default();
    for (mut server, preface) in [
        (Server::silent(&quiet), flagged),
        (Server::silent(&quiet), client_preface()),
        (Server::with_handles(&quiet), client_preface()),
    ] {
        server.put(&preface.encode());
        server.events();
        server.put(&Header::new(Kind::Handle, 1, 8).encode());
        let events = server.events();
        let [Seen::Failed(ErrorKind::Protocol, text)] = &events[..] else { panic!("{events:?}") };
        assert!(text.contains("not both sides pass handles"), "{text}");
    }
}

#[test]
fn t43_a_client_that_exceeds_the_announced_handles_is_cut_before_another_is_claimed() {
    let limits = SessionLimits { handles: 2, ..SessionLimits::default() };
    let mut server = passing_with(&limits);
    for call in [1, 3] {
        server.put(&[handle(call, call), request(call, 1, None, &[])].concat());
        assert_eq!(server.events(), [Seen::Handle { call, ticket: call }, called(call)]);
    }
    server.reply(1, Ok(vec![].into()));
    server.take(usize::MAX);
    server.put(&[handle(5, 5), request(5, 1, None, &[])].concat());
    assert_eq!(server.events().len(), 2, "one is answered, so there is room");
    server.put(&[handle(7, 7), request(7, 1, None, &[])].concat());
    let events = server.events();
    let Seen::Failed(kind, text) = &events[0] else { panic!("{events:?}") };
    assert_eq!(*kind, ErrorKind::LimitExceeded);
    assert!(text.contains("3 handles of calls at once exceed the limit of 2"), "{text}");
}

#[test]
fn handles_of_calls_that_were_given_up_count_while_their_handlers_run() {
    let limits = SessionLimits { handles: 1, ..SessionLimits::default() };
    let mut server = passing_with(&limits);
    server.put(&[handle(1, 1), request(1, 1, None, &[]), frame(Kind::Cancel, 1, &[])].concat());
    server.events();
    server.take(usize::MAX);
    server.put(&[handle(3, 3), request(3, 1, None, &[])].concat());
    let arrived = Seen::Handle { call: 3, ticket: 3 };
    assert_eq!(server.events(), [arrived, Seen::Refused(3, ErrorKind::Busy)]);
    assert_eq!(server.frames()[0].status().0, Some(ErrorKind::Busy));
    server.reply(1, Ok(vec![].into()));
    server.put(&[handle(5, 5), request(5, 1, None, &[])].concat());
    assert_eq!(server.events().len(), 2, "the handler has returned");
}

#[test]
fn a_handle_that_crosses_the_goodbye_is_taken_and_closed() {
    let mut server = passing();
    server.call(1);
    server.session.drain();
    server.put(&[handle(3, 1), request(3, 1, None, &[]), handle(5, 2)].concat());
    let events = [Seen::Handle { call: 3, ticket: 1 }, Seen::Handle { call: 5, ticket: 2 }];
    assert_eq!(server.events(), events);
    assert!(server.handed.is_empty());
}

/// A handle leaves with the first bytes that are written once it was offered, so that they must be
/// the bytes of its own frame.
#[test]
fn a_handle_is_offered_when_all_before_it_was_sent_and_its_frame_is_next() {
    let mut server = passing();
    server.call(1);
    server.call(3);
    server.reply(1, Ok(Reply::new(vec![]).with_body(Body::Bytes(vec![7; 3000]))));
    assert_eq!(next_output(&mut server), "bytes");
    server.reply(3, with_handle());
    for _ in 0..5 {
        assert_eq!(next_output(&mut server), "bytes", "not before those were sent");
        server.session.sent(10);
    }
    let mut before = 0;
    while next_output(&mut server) != "handle" {
        server.session.sent(1);
        before += 1;
    }
    assert!(before > 3000);
    server.session.offered(Ok(Ticket(77)));
    let frames = server.frames();
    assert_eq!((frames[0].kind, frames[0].call), (Kind::Handle, 3));
    assert_eq!(frames[0].payload, 77_u64.to_le_bytes());
    assert_eq!((frames[1].kind, frames[1].call, frames[1].flags), (Kind::Response, 3, 0));
    assert_eq!(frames.len(), 2);
    assert!(!server.session.is_busy());
}

#[test]
fn a_body_may_follow_a_handle() {
    let mut server = passing();
    server.call(1);
    let reply = Reply::new(vec![]).with_body(Body::Bytes(b"body".to_vec()));
    server.reply(1, Ok(reply.with_handle(some_file())));
    let kinds: Vec<_> = server.frames().into_iter().map(|frame| frame.kind).collect();
    assert_eq!(kinds, [Kind::Handle, Kind::Response, Kind::Data, Kind::End]);
}

#[test]
fn an_answer_whose_handle_cannot_be_passed_fails_and_no_content_takes_its_place() {
    let mut server = Server::open();
    server.call(1);
    server.reply(1, with_handle());
    let frames = server.frames();
    assert_eq!((frames.len(), frames[0].kind), (1, Kind::End));
    assert_eq!(frames[0].status().0, Some(ErrorKind::Unsupported));

    let mut server = passing();
    server.call(1);
    server.reply(1, with_handle());
    assert_eq!(next_output(&mut server), "handle");
    server.session.offered(Err(Failure::new(ErrorKind::LimitExceeded, "too many")));
    let frames = server.frames();
    assert_eq!((frames.len(), frames[0].kind), (1, Kind::End));
    assert_eq!(frames[0].status().0, Some(ErrorKind::LimitExceeded));
    assert!(!server.session.is_busy());
}

#[test]
fn a_handle_that_waits_is_closed_when_its_call_is_given_up_or_the_client_goes() {
    let mut server = passing();
    server.call(1);
    server.reply(1, with_handle());
    server.put(&frame(Kind::Cancel, 1, &[]));
    assert_eq!(server.events(), []);
    let frames = server.frames();
    assert_eq!((frames.len(), frames[0].status().0), (1, Some(ErrorKind::Cancelled)));
    assert_eq!(server.offered, 0);

    server.call(3);
    server.reply(3, with_handle());
    server.session.ended();
    assert_eq!(next_output(&mut server), "nothing");
    assert!(server.session.is_finished());
}

/// A client that has exchanged prefaces with a server that takes that many handles.
fn client(handles: u32) -> ClientSession {
    let limits = SessionLimits::default();
    let mut client = ClientSession::with_handles(ImpersonationLevel::Impersonation, &limits);
    let flags = Preface::HANDLES;
    put(&mut client, &Preface { flags, handles, ..limits.of_server() }.encode());
    assert!(client.next_event().expect("valid").is_none());
    client
}

fn put(client: &mut ClientSession, bytes: &[u8]) {
    client.room()[..bytes.len()].copy_from_slice(bytes);
    client.received(bytes.len());
}

fn call_with(client: &mut ClientSession, ticket: u64) -> Result<Option<CallId>> {
    client.call_with_handle(1, &[], crate::Deadline::NEVER, &mut || Ok(Ticket(ticket)))
}

fn response(call: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    crate::frame::push_response(&mut bytes, call, b"v", false);
    bytes
}

#[test]
fn a_client_sends_a_handle_before_its_request_and_keeps_to_what_the_server_announced() {
    let mut client = client(1);
    client.sent(client.output().len());
    assert_eq!(call_with(&mut client, 5).expect("admitted"), Some(CallId(1)));
    let sent = frames(client.output());
    assert_eq!((sent[0].kind, sent[0].call), (Kind::Handle, 1));
    assert_eq!(sent[0].payload, 5_u64.to_le_bytes());
    assert_eq!((sent[1].kind, sent[1].call), (Kind::Request, 1));
    assert_eq!(call_with(&mut client, 6).expect("later"), None, "one in flight is all it takes");
    put(&mut client, &response(1));
    assert!(client.next_event().expect("valid").is_some());
    assert_eq!(call_with(&mut client, 6).expect("admitted"), Some(CallId(3)));
}

#[test]
fn a_client_passes_no_handle_before_it_knows_the_server_nor_to_one_that_takes_none() {
    let limits = SessionLimits::default();
    let (level, flags) = (ImpersonationLevel::Identification, Preface::HANDLES);
    let mut silent = ClientSession::with_handles(level, &limits);
    assert_eq!(call_with(&mut silent, 1).expect("later"), None);
    put(&mut silent, &limits.of_server().encode());
    assert!(silent.next_event().expect("valid").is_none());
    let mut without = ClientSession::new(level, &limits);
    put(&mut without, &Preface { flags, handles: 9, ..limits.of_server() }.encode());
    for (mut client, whose) in [(silent, "server"), (client(0), "server"), (without, "connection")]
    {
        let error = call_with(&mut client, 1).expect_err("never");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains(whose), "{error}");
        let at_once = client.call(1, &[], crate::Deadline::NEVER).expect("others can be made");
        assert!(at_once.is_some());
    }
}

#[test]
fn a_handle_that_cannot_be_offered_leaves_the_session_as_it_was() {
    let mut client = client(1);
    client.sent(client.output().len());
    let refused = client.call_with_handle(1, &[], crate::Deadline::NEVER, &mut || {
        Err(Error::Unsupported { operation: crate::Operation::PassHandle })
    });
    assert_eq!(refused.expect_err("as it said").kind(), ErrorKind::Unsupported);
    assert!(client.output().is_empty());
    assert_eq!(call_with(&mut client, 1).expect("admitted"), Some(CallId(1)));
}

#[test]
fn a_client_is_told_of_every_handle_also_of_calls_that_nobody_waits_for() {
    let mut client = client(0);
    for _ in 0..2 {
        client.call(1, &[], crate::Deadline::NEVER).expect("admitted").expect("at once");
    }
    client.cancel(CallId(1));
    put(&mut client, &[handle(1, 8), response(1), handle(3, 9), response(3)].concat());
    let mut seen = Vec::new();
    while let Some(event) = client.next_event().expect("valid") {
        seen.push(match event {
            ClientEvent::Handle { call, ticket } => (call.0, Some(ticket.0)),
            ClientEvent::Response { call, .. } => (call.0, None),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(seen, [(1, Some(8)), (3, Some(9)), (3, None)]);
}

#[test]
fn each_misplaced_handle_of_a_server_is_refused_by_name() {
    let body = || {
        let mut bytes = Vec::new();
        crate::frame::push_response(&mut bytes, 1, b"", true);
        bytes
    };
    for (bytes, reason) in [
        ([handle(1, 0), handle(1, 1)].concat(), "a second handle for call 1"),
        (handle(3, 0), "a handle for call 3, unasked"),
        ([response(1), handle(1, 0)].concat(), "a handle for call 1, unasked"),
        ([body(), handle(1, 0)].concat(), "a handle for call 1, unasked"),
    ] {
        let mut client = client(0);
        client.call(1, &[], crate::Deadline::NEVER).expect("admitted").expect("at once");
        put(&mut client, &bytes);
        let error = loop {
            match client.next_event() {
                Ok(event) => assert!(event.is_some(), "{reason}"),
                Err(error) => break error.to_string(),
            }
        };
        assert!(error.contains(reason), "{reason}: {error}");
    }
}

#[test]
fn random_handles_neither_panic_nor_are_kept() {
    let mut random = Random(7);
    for _ in 0..2000 {
        let mut server = passing();
        for _ in 0..1 + random.below(30) {
            let call = random.below(12) as u64;
            server.put(&match random.below(5) {
                0 | 1 => handle(call, random.below(5) as u64),
                2 => request(call, 1, None, &[]),
                3 => frame(Kind::Cancel, call.max(1), &[]),
                _ => frame(Kind::Ping, 0, &[0; 8]),
            });
            for event in server.events() {
                if let Seen::Call { id, .. } = event {
                    server.reply(id, with_handle());
                }
            }
            if random.below(2) == 0 {
                server.take(random.below(100));
            }
        }
        let handed = server.handed.len();
        assert!(handed <= 12, "each call has at most one");
    }
}

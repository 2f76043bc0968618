//! The bytes and numbers in `docs/protocol.md`, held against what the code sends.

use std::collections::BTreeMap;

use super::*;
use crate::session::{ClientEvent, ClientSession};

const PAGE: &str = include_str!("../../../../../docs/protocol.md");

/// The bytes of each block that begins with "```hex NAME"; a `#` begins a comment. Those of a service
/// are its own business.
fn vectors() -> BTreeMap<&'static str, Vec<u8>> {
    let blocks = PAGE.split("```hex ").skip(1);
    blocks
        .map(|block| {
            let (name, rest) = block.split_once('\n').expect("a line");
            let (body, _) = rest.split_once("```").expect("an end");
            let code = body.lines().map(|line| line.split('#').next().unwrap_or_default());
            let bytes = code.flat_map(str::split_ascii_whitespace);
            (name, bytes.map(|byte| u8::from_str_radix(byte, 16).expect("two digits")).collect())
        })
        .filter(|(name, _): &(&str, _)| !name.starts_with("fileserve-"))
        .collect()
}

/// The first two cells of the rows that begin with a number, below `title`.
fn table(title: &str) -> BTreeMap<u64, String> {
    let (_, below) = PAGE.split_once(title).expect(title);
    let rows = below.lines().skip_while(|line| !line.starts_with('|'));
    let rows = rows.take_while(|line| line.starts_with('|'));
    rows.filter_map(|row| {
        let mut cells = row.split('|').skip(1).map(str::trim);
        Some((cells.next()?.parse().ok()?, cells.next()?.to_owned()))
    })
    .collect()
}

/// Hands `sent` over to the client.
fn deliver(client: &mut ClientSession, sent: &[u8]) {
    client.room()[..sent.len()].copy_from_slice(sent);
    client.received(sent.len());
}

fn spoken(client: &mut ClientSession) -> Vec<u8> {
    let sent = client.output().to_vec();
    client.sent(sent.len());
    sent
}

#[test]
fn the_sessions_send_the_bytes_of_the_page() {
    let mut vectors = vectors();
    let mut expect = |name: &str, bytes: &[u8]| {
        let vector = vectors.remove(name).unwrap_or_else(|| panic!("no vector {name}"));
        assert_eq!(vector, bytes, "{name}");
    };
    let limits = SessionLimits::default();
    let mut server = Server::silent(&limits);
    let mut client = ClientSession::new(ImpersonationLevel::Impersonation, &limits);
    let preface = spoken(&mut client);
    expect("client-preface", &preface);
    server.put(&preface);
    assert_eq!(server.events(), [Seen::Level(ImpersonationLevel::Impersonation)]);
    let greeting = server.take(usize::MAX);
    expect("server-preface", &greeting);
    deliver(&mut client, &greeting);

    // The time runs while the request is made, so it is put in by hand.
    let seconds = Some(Duration::from_secs(30));
    let request = request(1, 7, seconds, &[b"ab", b""]);
    expect("request", &request);
    let arguments = request[Header::LENGTH + RequestHead::LENGTH..].to_vec();
    client.call(7, &arguments, crate::Deadline::NEVER).expect("admitted").expect("at once");
    let mut sent = spoken(&mut client);
    sent[24..32].copy_from_slice(&30_000_000_u64.to_le_bytes());
    assert_eq!(sent, request);
    server.put(&sent);
    assert_eq!(server.events().len(), 1);
    server.reply(1, Ok(Reply::new(b"val".into()).with_body(Body::Bytes(b"body".into()))));
    let answer = server.take(usize::MAX);
    expect("small-body", &answer);
    deliver(&mut client, &answer);
    let mut received = Vec::new();
    while let Some(event) = client.next_event().expect("valid") {
        if let ClientEvent::Data { bytes, .. } = event {
            received = bytes.to_vec();
            client.consume(received.len());
        }
    }
    assert_eq!(received, b"body");

    server.call(3);
    server.reply(3, Err(Failure::new(ErrorKind::NotFound, "notes!!")));
    expect("failed-call", &server.take(usize::MAX));
    let ping = frame(Kind::Ping, 0, &[1, 2, 3, 4, 5, 6, 7, 8]);
    server.put(&ping);
    assert_eq!(server.events(), []);
    expect("ping-pong", &[ping, server.take(usize::MAX)].concat());
    server.call(5);
    server.session.drain();
    expect("goodbye", &server.take(usize::MAX));

    let mut server = Server::open();
    server.session.refuse(Failure::new(ErrorKind::Refused, "uid 7 is not admitted"));
    expect("error", &server.take(usize::MAX));

    let mut server = Server::with_handles(&limits);
    let mut client = ClientSession::with_handles(ImpersonationLevel::Impersonation, &limits);
    server.put(&spoken(&mut client));
    assert_eq!(server.events(), [Seen::Level(ImpersonationLevel::Impersonation)]);
    deliver(&mut client, &server.take(usize::MAX));
    assert!(client.next_event().expect("valid").is_none());
    let offered = &mut || Ok(Ticket(0));
    let call = client.call_with_handle(7, &[], crate::Deadline::NEVER, offered);
    call.expect("admitted").expect("at once");
    let sent = spoken(&mut client);
    expect("handle-to-server", &sent);
    server.put(&sent);
    assert_eq!(server.events().len(), 2);
    server.reply(1, Ok(Reply::new(b"val".into()).with_handle(some_file())));
    let answer = server.take(usize::MAX);
    expect("handle-to-client", &answer);
    deliver(&mut client, &answer);
    let event = client.next_event().expect("valid");
    assert!(matches!(event, Some(ClientEvent::Handle { ticket: Ticket(1), .. })), "{event:?}");

    let mut client = ClientSession::new(ImpersonationLevel::Impersonation, &limits);
    let call = client.call(7, &[], crate::Deadline::NEVER).expect("admitted").expect("at once");
    spoken(&mut client);
    client.cancel(call);
    expect("cancel", &spoken(&mut client));
    expect("windows", &[window(1, 1 << 20), window(0, 4 << 20)].concat());
    assert!(vectors.is_empty(), "not checked: {:?}", vectors.keys());
}

#[test]
fn the_page_lists_every_kind_and_every_code() {
    let kinds = table("| kind | name |");
    assert!(kinds.keys().copied().eq(1..=11), "{kinds:?}");
    for (number, name) in &kinds {
        let number = u8::try_from(*number).expect("a kind");
        assert_eq!(&Kind::from_wire(number).expect("known").to_string(), name);
    }
    let mut codes = table("| code | means |");
    assert_eq!(codes.remove(&0).as_deref(), Some("well"));
    assert_eq!(codes.remove(&65_535), Some(ErrorKind::Unknown.to_string()));
    for number in 1..=u16::MAX - 1 {
        let kind = ErrorKind::from_wire(number);
        let listed = codes.remove(&number.into());
        let known = (kind != ErrorKind::Unknown).then(|| kind.to_string());
        assert_eq!(listed, known, "{number}");
    }
}

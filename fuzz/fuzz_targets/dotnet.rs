//! The conversation of the classic .NET sample with a client that sends anything, in any pieces; and
//! files of any bytes, read as text: pieces make no difference, and no text is longer than it may be.
#![no_main]

use std::task::Waker;
use std::time::{Duration, Instant};

use fileserve::dotnet::GREETING;
use ipc_core::server::protocol::{CallId, Event, Output, Protocol};
use ipc_core::service::{Body, Reply};
use ipc_core::session::SessionLimits;
use ipc_fuzz::meter::Meter;
use ipc_fuzz::script::Script;
use libfuzzer_sys::fuzz_target;

use conversation::Conversation;
use text::{Text, TextDecoder};

// Files of `fileserve` that nobody outside of it can name, where they find what they use.
#[path = "../../crates/fileserve/src/dotnet/conversation.rs"]
#[rustfmt::skip]
mod conversation;
#[path = "../../crates/fileserve/src/dotnet/text.rs"]
#[rustfmt::skip]
mod text;
#[path = "../../crates/fileserve/src/dotnet/wire.rs"]
#[rustfmt::skip]
mod wire;
mod protocol {
    pub(crate) use fileserve::protocol::WirePath;
}
mod service {
    pub(crate) const TEXT: u32 = 1;
}

fuzz_target!(|input: &[u8]| {
    let (received, mut script) = Script::split(input);
    let meter = Meter::begin();
    converse(received, &mut script, &meter);
    read_as_text(received, &mut script);
});

fn converse(mut received: &[u8], script: &mut Script<'_>, meter: &Meter) {
    let mut now = Instant::now();
    let mut conversation = Conversation::new(&SessionLimits::default(), now);
    let (mut heard, mut calls) = (Vec::new(), 0);
    while !received.is_empty() && !conversation.is_finished() {
        let room = conversation.room();
        assert!(!room.is_empty() && room.len() <= MOST_ROOM, "{} bytes of room", room.len());
        let most = room.len().min(received.len());
        let count = script.share_of(most).max(1);
        let (piece, rest) = received.split_at(count);
        room[..count].copy_from_slice(piece);
        conversation.received(count);
        received = rest;
        while let Some(call) = next_call(&mut conversation, now) {
            calls += 1;
            let text = vec![b'a'; 2 * usize::from(script.decide())];
            let reply = Reply::new(Vec::new()).with_body(Body::Bytes(text));
            conversation.reply(call, Ok(reply));
        }
        now += Duration::from_secs(script.decide().into());
        if conversation.deadline().instant().is_some_and(|due| due <= now) {
            conversation.timer(now);
        }
        let most = script.share_of(usize::MAX);
        take(&mut conversation, most, &mut heard);
        conversation.rest();
        meter.assert_below(64 * 1024);
    }
    conversation.ended();
    while next_call(&mut conversation, now).is_some() {}
    take(&mut conversation, usize::MAX, &mut heard);
    assert!(conversation.is_finished() || conversation.is_busy());
    assert!(calls <= 1, "one name is asked for");
    let greeting = GREETING.encode_utf16().flat_map(u16::to_le_bytes);
    assert!(greeting.zip(heard.iter().skip(wire::LENGTH)).all(|(said, heard)| said == *heard));
}

fn next_call(conversation: &mut Conversation, now: Instant) -> Option<CallId> {
    loop {
        if let Event::Call { id, mut arguments, .. } = conversation.next_event(now)? {
            let name = arguments.next().expect("a name");
            assert!(std::str::from_utf8(name).is_ok());
            return Some(id);
        }
    }
}

fn take(conversation: &mut Conversation, mut most: usize, heard: &mut Vec<u8>) {
    while most > 0 {
        let Output::Bytes(parts) = conversation.output(Waker::noop()) else { return };
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        assert!(!bytes.is_empty(), "nothing is offered");
        let count = bytes.len().min(most);
        heard.extend_from_slice(&bytes[..count]);
        conversation.sent(count as u64);
        most -= count;
    }
}

fn read_as_text(bytes: &[u8], script: &mut Script<'_>) {
    let limit = script.share_of(wire::MAX_PAYLOAD);
    let whole = decoded(bytes, bytes.len().max(1), limit);
    assert!(whole.utf16.len() <= limit && whole.utf16.len() % 2 == 0);
    // One unit for each byte at most, plus one for what is unfinished at the end.
    assert!(whole.utf16.len() <= 2 * (bytes.len() + 1));
    assert_eq!(decoded(bytes, script.share_of(7).max(1), limit), whole);
    assert!(whole.cut || wire::text(&whole.utf16).is_ok(), "half of a pair");
}

fn decoded(bytes: &[u8], size: usize, limit: usize) -> Text {
    let mut decoder = TextDecoder::new(limit);
    for piece in bytes.chunks(size) {
        decoder.push(piece);
    }
    decoder.finish()
}

/// The longest name that is taken, and its length.
const MOST_ROOM: usize = 2 + 2 * protocol::WirePath::MAX_LENGTH;

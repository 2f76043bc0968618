//! What is particular to sockets: half-close, the backlog, a reset, and strangers with messages.
#![cfg(target_os = "linux")]

mod common;

use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use common::{Pair, bind, connect, fill, next_report, place, reports, soon};
use ipc_core::transport::{Connection, Interest, Key, Ready};
use ipc_core::{
    BindOptions, CancelToken, ConnectOptions, Deadline, Error, ImpersonationLevel, Mode, Transport,
};
use ipc_unix::UnixTransport;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

#[test]
fn a_half_close_of_the_peer_is_no_room_to_write() {
    let pair = Pair::new();
    pair.client.finish_writing().expect("finishes");
    fill(&*pair.server);
    let ready = pair.server.wait(Interest::Both, soon()).expect("the end is something to read");
    assert_eq!(ready, Ready { read: true, write: false });
    let waited = pair.server.wait(Interest::Write, Deadline::NOW);
    assert!(matches!(waited, Err(Error::TimedOut { .. })), "{waited:?}");
}

#[test]
fn connecting_to_a_full_backlog_keeps_its_deadline_and_is_cancelled() {
    let (_place, at) = place();
    let transport = UnixTransport::new().backlog(0);
    let _listener = transport.bind(&at, &BindOptions::new()).expect("binds");
    let patient =
        |millis| ConnectOptions::new().deadline(Deadline::after(Duration::from_millis(millis)));
    let mut waiting = Vec::new();
    let error = loop {
        match transport.connect(&at, &patient(50)) {
            Ok(connection) => waiting.push(connection),
            Err(error) => break error,
        }
        assert!(waiting.len() < 10, "the backlog never fills");
    };
    assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");

    let token = CancelToken::new();
    let options = ConnectOptions::new().cancel(token.clone());
    let connecting = thread::spawn(move || transport.connect(&at, &options));
    token.cancel();
    let outcome = connecting.join().expect("no panic");
    assert!(matches!(outcome, Err(Error::Cancelled { .. })), "{outcome:?}");
}

#[test]
fn a_client_that_waits_for_room_in_the_backlog_gets_in() {
    for options in [ConnectOptions::new(), ConnectOptions::new().deadline(soon())] {
        let (_place, at) = place();
        let transport = UnixTransport::new().backlog(0);
        let listener = transport.bind(&at, &BindOptions::new()).expect("binds");
        let connecting: Vec<_> = (0..8)
            .map(|_| {
                let (transport, at, options) = (transport.clone(), at.clone(), options.clone());
                thread::spawn(move || transport.connect(&at, &options).expect("connects"))
            })
            .collect();
        let accepted: Vec<_> = (0..8).map(|_| listener.accept(soon()).expect("accepts")).collect();
        assert_eq!(accepted.len(), 8);
        connecting.into_iter().for_each(|thread| drop(thread.join().expect("no panic")));
    }
}

#[test]
fn the_peers_half_close_is_something_to_read_and_no_room_to_write() {
    let pair = Pair::new();
    let waiter = pair.waiter();
    fill(&*pair.server);
    pair.server.park(Key(1), Interest::Both).expect("parks");
    pair.client.finish_writing().expect("finishes");
    assert_eq!(next_report(&*waiter), (Key(1), Ready { read: true, write: false }));
    pair.server.park(Key(2), Interest::Write).expect("parks");
    assert_eq!(reports(&*waiter), [], "a loop that waits for room must not spin");
}

/// There is always room to write where nothing may be written any more.
#[test]
fn a_closing_connection_that_is_parked_for_both_waits_for_the_peer() {
    let pair = Pair::new();
    let waiter = pair.waiter();
    assert!(matches!(pair.server.close(Deadline::NOW), Err(Error::TimedOut { .. })));
    pair.server.park(Key(1), Interest::Both).expect("parks");
    assert_eq!(reports(&*waiter), []);
    drop(pair.client);
    assert_eq!(next_report(&*waiter).0, Key(1));
    pair.server.close(Deadline::NOW).expect("closed");
}

/// A stranger's empty message looks like the end, so it is one, and stays one.
#[test]
fn an_empty_message_of_a_stranger_ends_its_side() {
    let (_place, at) = place();
    let options = BindOptions::new().mode(Mode::Messages);
    let listener = UnixTransport::new().bind(&at, &options).expect("binds");
    let stranger =
        rustix::net::socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).expect("a socket");
    let address = SocketAddrUnix::new(at.name()).expect("an address");
    rustix::net::connect(&stranger, &address).expect("connects");
    let server: Arc<dyn Connection> = listener.accept(soon()).expect("accepts").into();
    for message in [&b"one"[..], b"", b"two"] {
        rustix::net::send(stranger.as_fd(), message, rustix::net::SendFlags::NOSIGNAL)
            .expect("sends");
    }
    let messages = server.messages().expect("message mode");
    let mut message = Vec::new();
    assert!(messages.receive(&mut message, 100, soon()).expect("receives"));
    assert_eq!(message, b"one");
    for _ in 0..2 {
        assert!(!messages.receive(&mut message, 100, soon()).expect("the end"));
    }
}

/// Without close, unread bytes of the client's cost it the reply: that is what close is for.
#[test]
fn t48_a_writer_that_is_dropped_with_bytes_unread_is_lost_visibly() {
    let (_place, at) = place();
    let listener = bind(&at);
    let client = connect(&at);
    client.write_all(b"never read", soon()).expect("written");
    let server = listener.accept(soon()).expect("accepted");
    drop(server);
    let end = client.read(&mut [0; 8], Deadline::NEVER);
    assert!(matches!(end, Err(Error::Disconnected { .. })), "no end in good order: {end:?}");
}

/// Who is trusted by other machines is nothing that a socket could carry.
#[test]
fn delegation_is_refused() {
    let (_place, at) = place();
    let _listener = bind(&at);
    let delegated = ConnectOptions::new().level(ImpersonationLevel::Delegation);
    let refused = UnixTransport::new().connect(&at, &delegated);
    assert!(matches!(refused, Err(Error::Unsupported { .. })), "{refused:?}");
}

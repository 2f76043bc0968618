//! What only this transport promises; the contracts of every transport are tested by the
//! conformance suite, in `ipc-testkit`.

use std::io::IoSlice;

use super::*;
use crate::cancel::CancelToken;
use crate::error::ErrorKind;
use crate::level::ImpersonationLevel;
use crate::options::Mode;
use crate::peer::{Identity, UnixIdentity};
use crate::policy::Policy;

fn at(name: &str) -> Endpoint {
    Endpoint::with_scheme(MemoryTransport::SCHEME, name).expect("a good name")
}

fn someone(uid: u32) -> Peer {
    let ids = UnixIdentity { uid, gid: uid, groups: Some(vec![]) };
    Peer::new(Some(Identity::Unix(ids)), Assurance::Kernel)
}

#[test]
fn clones_share_their_names_and_others_do_not() {
    let transport = MemoryTransport::new();
    let _listener = transport.bind(&at("x"), &BindOptions::new()).expect("bound");
    let kind = |transport: &MemoryTransport| {
        transport.connect(&at("x"), &ConnectOptions::new()).err().map(|error| error.kind())
    };
    assert_eq!(kind(&transport.clone()), None);
    assert_eq!(kind(&MemoryTransport::new()), Some(ErrorKind::NoServer));
}

#[test]
fn one_server_meets_several_peers_and_acts_for_none_but_this_process() {
    let transport = MemoryTransport::new();
    let listener = transport.bind(&at("x"), &BindOptions::new()).expect("bound");
    for (peer, may) in [(someone(7), false), (Peer::this_process(None), true)] {
        let client = transport.clone().known_as(peer.clone());
        let _near = client.connect(&at("x"), &ConnectOptions::new()).expect("connected");
        let server = listener.accept(Deadline::NOW).expect("accepted");
        assert_eq!(server.peer().expect("known").identity(), peer.identity());

        server.state_level(ImpersonationLevel::Impersonation).expect("the first time");
        match server.as_peer(|_| ()) {
            Ok(()) => assert!(may),
            Err(error) => assert_eq!((may, error.kind()), (false, ErrorKind::NotPrivileged)),
        }
    }
}

#[test]
fn a_server_that_the_client_does_not_trust_never_sees_it() {
    let transport = MemoryTransport::with_peer(someone(7));
    let listener = transport.bind(&at("x"), &BindOptions::new()).expect("bound");
    let picky = ConnectOptions::new().server(Policy::uid(8));
    let refusal = transport.connect(&at("x"), &picky).expect_err("refused");
    assert!(matches!(refusal, Error::ServerNotTrusted { .. }), "{refusal:?}");
    let nobody = listener.accept(Deadline::NOW).expect_err("nobody came");
    assert!(matches!(nobody, Error::TimedOut { .. }), "{nobody:?}");
}

#[test]
fn a_full_backlog_holds_a_connector_until_its_deadline_its_token_or_its_place() {
    let transport = MemoryTransport::new().backlog(1);
    let listener = transport.bind(&at("x"), &BindOptions::new()).expect("bound");
    let _first = transport.connect(&at("x"), &ConnectOptions::new()).expect("a place");

    let hasty = ConnectOptions::new().deadline(Deadline::NOW);
    let late = transport.connect(&at("x"), &hasty).expect_err("no place");
    assert!(matches!(late, Error::TimedOut { .. }), "{late:?}");

    let token = CancelToken::new();
    let patient = ConnectOptions::new().cancel(token.clone());
    std::thread::scope(|scope| {
        let connector = scope.spawn(|| transport.connect(&at("x"), &patient).map(drop));
        token.cancel();
        let cancelled = connector.join().expect("no panic").expect_err("cancelled");
        assert!(matches!(cancelled, Error::Cancelled { .. }), "{cancelled:?}");
    });

    listener.accept(Deadline::NOW).expect("the first");
    transport.connect(&at("x"), &hasty).expect("its place");
}

#[test]
fn many_short_messages_stay_within_the_buffer() {
    let transport = MemoryTransport::new().buffer(1024);
    let mode = Mode::Messages;
    let _listener = transport.bind(&at("x"), &BindOptions::new().mode(mode)).expect("bound");
    let client = transport.connect(&at("x"), &ConnectOptions::new().mode(mode)).expect("connected");
    let messages = client.messages().expect("message mode");
    let sent = (0..1024)
        .take_while(|_| messages.send(&[IoSlice::new(b"!")], Deadline::NOW).is_ok())
        .count();
    assert!(sent < 1024 / size_of::<usize>(), "{sent} messages of one byte in 1024 bytes");
}

//! A listener that can make no more instances loses neither its name nor who waits.
#![cfg(windows)]

mod common;

use std::io;

use common::{Place, for_a_moment, soon};
use ipc_core::{Connection, Deadline, Error, Listener, Mode};
use ipc_windows::PipeTransport;

/// One connection is accepted, and the last that the listener may have is the other.
struct Full {
    place: Place,
    listener: Box<dyn Listener>,
    accepted: Box<dyn Connection>,
    _client: Box<dyn Connection>,
}

impl Full {
    fn new() -> Self {
        let place = Place::new();
        let transport = PipeTransport::new().most_connections(2);
        let listener = place.bind_with(&transport, Mode::Bytes).expect("binds");
        let client = place.connect();
        let accepted = listener.accept(soon()).expect("the first");
        Self { place, listener, accepted, _client: client }
    }

    fn is_held(&self) -> bool {
        let second = self.place.bind_with(&PipeTransport::new(), Mode::Bytes);
        matches!(second, Err(Error::EndpointInUse { .. }))
    }
}

#[test]
fn accepting_fails_for_now_and_works_later() {
    let full = Full::new();
    let waiting = full.place.connect();
    waiting.write_all(b"patient", soon()).expect("writes");
    for deadline in [Deadline::NOW, soon()] {
        let error = full.listener.accept(deadline).expect_err("there can be no next instance");
        assert!(matches!(error, Error::Io { .. }), "{error:?}");
        assert!(full.is_held(), "somebody else could have the name");
    }
    let turned_away = full.place.connect_until(for_a_moment()).expect_err("all are taken");
    assert!(matches!(turned_away, Error::TimedOut { .. }), "{}", turned_away.chain());

    drop(full.accepted);
    let server = full.listener.accept(soon()).expect("there is a next one again");
    server.read_exact(&mut [0; 7], soon()).expect("nothing is lost");
    let later = full.place.connect();
    drop(server);
    full.listener.accept(soon()).expect("accepts");
    drop(later);
}

#[test]
fn the_last_instance_serves_again_when_its_client_has_left() {
    let full = Full::new();
    for _ in 0..3 {
        let gone = full.place.connect();
        full.listener.accept(Deadline::NOW).expect_err("it cannot be accepted now");
        drop(gone);
        let nobody = full.listener.accept(Deadline::NOW).expect_err("it has left");
        assert!(matches!(nobody, Error::TimedOut { .. }), "{}", nobody.chain());
        assert!(full.is_held(), "somebody else could have the name");
    }
    let next = full.place.connect();
    next.write_all(b"next", soon()).expect("writes");
    drop(full.accepted);
    let server = full.listener.accept(soon()).expect("accepts");
    server.read_exact(&mut [0; 4], soon()).expect("it is the next");
}

/// T-48: what has been written is not thrown away to make room for somebody else.
#[test]
fn t48_the_last_instance_is_kept_for_what_its_client_left_there() {
    let full = Full::new();
    let gone = full.place.connect();
    gone.write_all(b"my will", soon()).expect("writes");
    drop(gone);
    for _ in 0..3 {
        full.listener.accept(Deadline::NOW).expect_err("it cannot be accepted now");
    }
    drop(full.accepted);
    let server = full.listener.accept(soon()).expect("accepts");
    let mut will = [0; 7];
    server.read_exact(&mut will, soon()).expect("it is there");
    assert_eq!(&will, b"my will");
    assert_eq!(server.read(&mut will, soon()).expect("and then the end"), 0);
}

/// Under the name of a pipe whose server is busy, and for good.
#[test]
fn a_stranger_finds_a_full_pipe_busy_and_not_gone() {
    const ERROR_PIPE_BUSY: i32 = 231;
    let full = Full::new();
    let _last = full.place.connect();
    let busy: io::Error = full.place.connect_as_stranger().expect_err("all are taken");
    assert_eq!(busy.raw_os_error(), Some(ERROR_PIPE_BUSY));
}

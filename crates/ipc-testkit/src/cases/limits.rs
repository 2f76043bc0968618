//! What is declared, what is bounded, and what is given back. In both modes.

use ipc_core::transport::{Interest, Key};
use ipc_core::{BindOptions, ConnectOptions, Deadline, Error, Listener, Mode, Policy};

use crate::harness::{End, Harness};
use crate::outcome::failure;
use crate::skip;

/// Message mode is there where a longest message is declared, and an error elsewhere.
pub fn message_mode_is_as_declared(harness: &Harness) {
    let options = BindOptions::new().mode(Mode::Messages);
    let bound = harness.transport().bind(&harness.fresh(), &options);
    match harness.capabilities().max_message {
        Some(longest) => {
            assert!(longest >= 1, "no message fits into {longest} bytes");
            bound.expect("message mode was declared");
        }
        None => {
            let bind = failure("binding in message mode, undeclared,", bound);
            assert!(matches!(bind, Error::Unsupported { .. }), "{bind:?}");
            let listener = harness.bind(&BindOptions::new());
            let options = ConnectOptions::new().mode(Mode::Messages).server(Policy::any());
            let connect = harness.transport().connect(listener.endpoint(), &options);
            let connect = failure("connecting in message mode, undeclared,", connect);
            assert!(matches!(connect, Error::Unsupported { .. }), "{connect:?}");
        }
    }
}

/// What is declared is the same for the life of the transport.
pub fn capabilities_do_not_change(harness: &Harness) {
    let before = harness.capabilities();
    let _pair = harness.pair();
    assert_eq!(harness.capabilities(), before);
}

/// Bytes do not connect to messages nor messages to bytes, and the listener goes on.
pub fn the_two_modes_do_not_connect(harness: &Harness) {
    if harness.capabilities().max_message.is_none() {
        return;
    }
    for (bound, connected) in [(Mode::Bytes, Mode::Messages), (Mode::Messages, Mode::Bytes)] {
        let listener = harness.bind(&BindOptions::new().mode(bound));
        let options = |mode| ConnectOptions::new().mode(mode).server(Policy::any());
        let refusal = harness.transport().connect(listener.endpoint(), &options(connected));
        failure("connecting in another mode", refusal);
        let _client = harness.connect_with(&*listener, &options(bound));
        listener.accept(Deadline::NEVER).expect("this one fits");
    }
}

/// What nobody reads is bounded, in each direction by itself.
pub fn what_nobody_reads_is_bounded(harness: &Harness) {
    let pair = harness.pair();
    assert!(pair.client.fill(1) > 0);
    assert!(pair.server.fill(2) > 0);
}

/// 2,000 peers that connect and die, each in another way, leave no handle behind. Runs alone: it
/// counts what the process holds.
pub fn dying_peers_leave_no_handle_behind(harness: &Harness) {
    const PEERS: usize = 2000;
    let listener = harness.bind(&harness.bind_options().handles(harness.capabilities().handles));
    let die = |how: usize| DEATHS[how % DEATHS.len()](harness, &*listener);
    // What is made once and kept is made by the first of them.
    (0..DEATHS.len()).for_each(die);
    clear(harness, &*listener);
    let Some(before) = harness.open_handles() else {
        return skip("dying_peers_leave_no_handle_behind", "nothing here counts open handles");
    };
    (0..PEERS).for_each(die);
    clear(harness, &*listener);
    assert_eq!(harness.open_handles(), Some(before), "handles held after {PEERS} peers");
}

/// Accepts whoever has vanished and is still queued, up to one who has not.
fn clear(harness: &Harness, listener: &dyn Listener) {
    let client = connect(harness, listener);
    client.send(b"alive");
    let is_alive = |server: End| server.receive(Deadline::NEVER).is_ok_and(|said| !said.is_empty());
    while !is_alive(harness.accept(listener)) {}
}

type Death = fn(&Harness, &dyn Listener);

const DEATHS: [Death; 7] = [
    // Before it is accepted.
    |harness, listener| {
        connect(harness, listener).vanish();
        clear(harness, listener);
    },
    // Without a word.
    |harness, listener| {
        let (client, server) = pair(harness, listener);
        client.vanish();
        server.expect_end();
    },
    // With bytes under way in both directions.
    |harness, listener| {
        let (client, server) = pair(harness, listener);
        client.send(b"never read");
        server.send(b"never read either");
        client.vanish();
    },
    // Parked.
    |harness, listener| {
        let (client, server) = pair(harness, listener);
        if harness.capabilities().parking {
            server.park(Key(1), Interest::Both).expect("parking was declared");
        }
        client.vanish();
    },
    // Cancelled.
    |harness, listener| {
        let (client, server) = pair(harness, listener);
        client.cancel();
        server.cancel();
    },
    // Half-way through closing.
    |harness, listener| {
        let (client, server) = pair(harness, listener);
        let _ = server.close(Deadline::NOW);
        client.vanish();
    },
    // With handles offered, under way and unclaimed.
    |harness, listener| {
        let (client, server) = pair(harness, listener);
        let Some(handles) = client.handles() else { return };
        let offer = || {
            let file = tempfile::tempfile().expect("a temporary file");
            handles.offer(file).expect("few");
        };
        offer();
        client.send(b"unclaimed");
        server.expect(b"unclaimed");
        offer();
        client.send(b"under way");
        offer();
    },
];

fn connect(harness: &Harness, listener: &dyn Listener) -> End {
    let handles = harness.capabilities().handles;
    harness.connect_with(listener, &harness.connect_options().handles(handles))
}

fn pair(harness: &Harness, listener: &dyn Listener) -> (End, End) {
    let client = connect(harness, listener);
    (client, harness.accept(listener))
}

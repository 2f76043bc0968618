//! Whole messages over the native transport, where it has them.

mod common;

use std::io::IoSlice;
use std::sync::Arc;
use std::thread;

use common::pair::{Pair, ahead};
use common::soon;
use ipc::transport::{Connection, Messages, Ready};
use ipc::{Deadline, Error, Mode, Native, Transport};

/// `None` where there are no messages, which the conformance suite makes sure is said.
fn pair() -> Option<Pair> {
    Native::new().capabilities().max_message.map(|_| Pair::with(Mode::Messages))
}

fn of(connection: &Arc<dyn Connection>) -> &dyn Messages {
    connection.messages().expect("message mode")
}

fn limit() -> usize {
    Native::new().capabilities().max_message.expect("message mode")
}

fn send(connection: &Arc<dyn Connection>, message: &[u8]) {
    of(connection).send(&[IoSlice::new(message)], soon()).expect("sends");
}

fn receive(connection: &Arc<dyn Connection>) -> Option<Vec<u8>> {
    let mut buffer = b"what was there before".to_vec();
    of(connection).receive(&mut buffer, limit(), soon()).expect("receives").then_some(buffer)
}

#[test]
fn messages_keep_their_bounds_and_the_end_follows_the_last() {
    let Some(pair) = pair() else { return };
    send(&pair.client, b"one");
    let parts = [IoSlice::new(b""), IoSlice::new(b"t"), IoSlice::new(b"wo")];
    of(&pair.client).send(&parts, soon()).expect("sends");
    assert_eq!(receive(&pair.server).as_deref(), Some(&b"one"[..]));
    assert_eq!(receive(&pair.server).as_deref(), Some(&b"two"[..]));
    send(&pair.server, b"back");
    assert_eq!(receive(&pair.client).as_deref(), Some(&b"back"[..]));
    drop(pair.client);
    assert_eq!(receive(&pair.server), None);
    assert_eq!(receive(&pair.server), None, "and stays");
}

#[test]
fn the_longest_message_passes_and_one_byte_more_is_refused() {
    let Some(pair) = pair() else { return };
    let longest = vec![3; limit()];
    send(&pair.client, &longest);
    assert_eq!(receive(&pair.server), Some(longest));
    for (message, is_limit) in [(vec![3; limit() + 1], true), (Vec::new(), false)] {
        let refused = of(&pair.client).send(&[IoSlice::new(&message)], soon());
        match refused {
            Err(Error::LimitExceeded { limit: said, .. }) if is_limit => {
                assert_eq!(usize::try_from(said).expect("small"), limit());
            }
            Err(Error::InvalidInput { .. }) if !is_limit => {}
            other => panic!("{other:?}"),
        }
    }
    send(&pair.client, b"still usable");
    assert_eq!(receive(&pair.server).as_deref(), Some(&b"still usable"[..]));
}

#[test]
fn a_message_of_very_many_parts_passes_whole() {
    let Some(pair) = pair() else { return };
    let parts: Vec<_> = (0..5000).map(|_| IoSlice::new(b"ab")).collect();
    of(&pair.client).send(&parts, soon()).expect("sends");
    assert_eq!(receive(&pair.server), Some(b"ab".repeat(5000)));
}

#[test]
fn a_message_beyond_the_receivers_limit_is_said_so_and_discarded_whole() {
    let Some(pair) = pair() else { return };
    send(&pair.client, &[1; 1000]);
    send(&pair.client, b"next");
    let mut buffer = Vec::with_capacity(5000);
    let refused = of(&pair.server).receive(&mut buffer, 999, soon());
    assert!(matches!(refused, Err(Error::LimitExceeded { asked: 1000, limit: 999, .. })));
    assert!(buffer.is_empty());
    assert!(of(&pair.server).receive(&mut buffer, 4, soon()).expect("receives"));
    assert_eq!(buffer, b"next");
    send(&pair.client, b"x");
    let refused = of(&pair.server).receive(&mut buffer, 0, soon());
    assert!(matches!(refused, Err(Error::LimitExceeded { asked: 1, limit: 0, .. })));
}

#[test]
fn deadlines_and_cancel_hold_for_messages() {
    let Some(pair) = pair() else { return };
    let mut buffer = Vec::new();
    let nothing = of(&pair.server).receive(&mut buffer, limit(), Deadline::NOW);
    assert!(matches!(nothing, Err(Error::TimedOut { .. })), "{nothing:?}");
    let block = [1; 4096];
    while of(&pair.client).send(&[IoSlice::new(&block)], Deadline::NOW).is_ok() {}
    let full = of(&pair.client).send(&[IoSlice::new(&block)], Deadline::NOW);
    assert!(matches!(full, Err(Error::TimedOut { .. })), "{full:?}");
    let client = Arc::clone(&pair.client);
    let sending = ahead(move || {
        client.messages().expect("messages").send(&[IoSlice::new(&block)], Deadline::NEVER)
    });
    let client = Arc::clone(&pair.client);
    let receiving = ahead(move || {
        client.messages().expect("messages").receive(&mut Vec::new(), 10, Deadline::NEVER)
    });
    pair.client.cancel();
    for outcome in
        [sending.join().expect("no panic"), receiving.join().expect("no panic").map(drop)]
    {
        assert!(matches!(outcome, Err(Error::Cancelled { .. })), "{outcome:?}");
    }
}

/// On these sockets a reset overtakes the data.
#[test]
fn messages_sent_before_a_peer_vanished_are_still_received() {
    let Some(pair) = pair() else { return };
    send(&pair.server, b"never read by the client");
    send(&pair.client, b"one");
    send(&pair.client, b"two");
    drop(pair.client);
    assert_eq!(receive(&pair.server).as_deref(), Some(&b"one"[..]));
    assert_eq!(receive(&pair.server).as_deref(), Some(&b"two"[..]));
    let ended = of(&pair.server).receive(&mut Vec::new(), 10, soon());
    assert!(matches!(ended, Ok(false) | Err(Error::Disconnected { .. })), "{ended:?}");
}

#[test]
fn closing_loses_no_message() {
    let Some(pair) = pair() else { return };
    let block = [1; 4096];
    let mut sent = 0;
    while of(&pair.server).send(&[IoSlice::new(&block)], Deadline::NOW).is_ok() {
        sent += 1;
    }
    send(&pair.client, b"unread");
    let server = Arc::clone(&pair.server);
    let closing = thread::spawn(move || server.close(soon()));
    let mut received = 0;
    while receive(&pair.client).is_some() {
        received += 1;
    }
    drop(pair.client);
    closing.join().expect("no panic").expect("closes");
    assert_eq!(received, sent);
}

#[test]
fn what_is_for_bytes_is_refused() {
    let Some(pair) = pair() else { return };
    let file = tempfile::tempfile().expect("a file");
    for outcome in [
        pair.client.read(&mut [0; 8], soon()).map(drop),
        pair.client.write_vectored(&[IoSlice::new(b"x")], soon()).map(drop),
        pair.client.send_file(&file, 0, 1, soon()).map(drop),
    ] {
        assert!(matches!(outcome, Err(Error::Unsupported { .. })), "{outcome:?}");
    }
    assert!(Pair::new().client.messages().is_none());
}

#[test]
fn a_message_connection_can_be_parked() {
    use ipc::transport::{Interest, Key};
    let Some(pair) = pair() else { return };
    let waiter = pair.waiter();
    pair.server.park(Key(1), Interest::Read).expect("parks");
    send(&pair.client, b"x");
    let mut ready = Vec::new();
    waiter.wait(&mut ready, soon()).expect("waits");
    assert_eq!(ready, [(Key(1), Ready { read: true, write: false })]);
    assert_eq!(receive(&pair.server).as_deref(), Some(&b"x"[..]));
}

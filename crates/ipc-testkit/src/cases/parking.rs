//! Parked connections and the waiter that watches them. In both modes.
//!
//! A report may be late, and spurious in that the next call finds nothing. But there is at most
//! one for each time that something is parked or armed: these cases wait for the ones that must
//! come and count them.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ipc_core::transport::{Interest, Key, Ready};
use ipc_core::{Deadline, Error, Listener, Operation, Waiter};

use crate::data::stream;
use crate::harness::{End, HEAD_STARTS, Harness, Pair, with_threads};

/// Parking works where it is declared, and is unsupported where it is not; a client's end, which
/// belongs to no listener, cannot be parked.
pub fn parking_is_as_declared(harness: &Harness) {
    let Pair { client, server, listener } = harness.pair();
    let at_client = client.park(Key(1), Interest::Read).expect_err("no listener, no waiter");
    let operation = Operation::Park;
    assert!(matches!(at_client, Error::Unsupported { operation: o } if o == operation));
    assert_eq!(listener.waiter().is_some(), harness.capabilities().parking);
    if listener.waiter().is_none() {
        let park = server.park(Key(1), Interest::Read).expect_err("no waiter");
        assert!(matches!(park, Error::Unsupported { .. }), "{park:?}");
        let arm = listener.arm().expect_err("no waiter");
        assert!(matches!(arm, Error::Unsupported { .. }), "{arm:?}");
    }
}

/// A parked connection is reported when there is something to read, and at once if there already
/// is.
pub fn what_there_is_to_read_is_reported_now_or_later(harness: &Harness) {
    let Some(lot) = Lot::new(harness) else { return };
    lot.server.park(Key(1), Interest::Read).expect("it has a waiter");
    lot.client.send(b"!");
    assert!(lot.report(Key(1)).read);
    lot.server.park(Key(2), Interest::Read).expect("it has a waiter");
    assert!(lot.report(Key(2)).read);
    lot.server.expect(b"!");
}

/// A connection parked for writing is reported once there is room.
pub fn room_to_write_is_reported_now_or_later(harness: &Harness) {
    let Some(lot) = Lot::new(harness) else { return };
    lot.server.park(Key(1), Interest::Write).expect("it has a waiter");
    assert!(lot.report(Key(1)).write);
    let filled = lot.server.fill(1);
    lot.server.park(Key(2), Interest::Write).expect("it has a waiter");
    lot.client.expect(&stream(1, 0, filled));
    assert!(lot.report(Key(2)).write);
    lot.server.send(b"goes on");
    lot.client.expect(b"goes on");
}

/// Parked for both while both hold, there is one report and no more.
pub fn both_interests_at_once_give_one_report(harness: &Harness) {
    let Some(lot) = Lot::new(harness) else { return };
    lot.client.send(b"x");
    lot.server.wait(Interest::Read, Deadline::NEVER).expect("something was sent");
    lot.server.park(Key(1), Interest::Both).expect("it has a waiter");
    let ready = lot.report(Key(1));
    assert!(ready.satisfies(Interest::Both), "{ready:?}");
    lot.client.send(b"y");
    assert_eq!(lot.reports_until_quiet(Key(1)), 0, "reported a second time");
}

/// What was reported is disarmed: the next byte is reported only if it is parked again.
pub fn a_report_disarms(harness: &Harness) {
    let Some(lot) = Lot::new(harness) else { return };
    lot.server.park(Key(1), Interest::Read).expect("it has a waiter");
    lot.client.send(b"x");
    lot.report(Key(1));
    lot.server.expect(b"x");
    lot.client.send(b"y");
    lot.server.wait(Interest::Read, Deadline::NEVER).expect("something was sent");
    assert_eq!(lot.reports_until_quiet(Key(1)), 0, "reported though it was not parked");
}

/// Parking again replaces key and interest.
pub fn parking_again_replaces(harness: &Harness) {
    let Some(lot) = Lot::new(harness) else { return };
    for key in [1, 2, 3] {
        lot.server.park(Key(key), Interest::Read).expect("it has a waiter");
    }
    lot.client.send(b"!");
    let (stale, ready) = lot.reports_up_to(Key(3));
    assert_eq!((stale, ready.read), (0, true), "reported under a key that was replaced");
}

/// A key that its connection took along to its end hits nobody: not the next connection, which may
/// have got the same descriptor.
pub fn a_stale_key_hits_nobody(harness: &Harness) {
    let Some(lot) = Lot::new(harness) else { return };
    for round in 1..=20 {
        let stale = Key(2 * round);
        let client = harness.connect(&*lot.listener);
        let server = harness.accept(&*lot.listener);
        server.park(stale, Interest::Read).expect("it has a waiter");
        server.vanish();
        drop(client);

        let client = harness.connect(&*lot.listener);
        let server = harness.accept(&*lot.listener);
        let key = Key(2 * round + 1);
        server.park(key, Interest::Read).expect("it has a waiter");
        client.send(b"!");
        assert!(lot.report(key).read);
        assert_eq!(lot.reports_until_quiet(key), 0, "reported a second time");
        server.expect(b"!");
    }
}

/// What a thread has parked or armed is reported though the thread has ended; so is the room that
/// comes when what it wrote has left.
pub fn a_parked_connection_outlives_the_thread_that_parked_it(harness: &Harness) {
    let Some(lot) = Lot::new(harness) else { return };
    in_another_thread(|| lot.server.park(Key(1), Interest::Read).expect("it has a waiter"));
    lot.client.send(b"!");
    assert!(lot.report(Key(1)).read);
    lot.server.expect(b"!");

    let filled = in_another_thread(|| {
        let filled = lot.server.fill(1);
        lot.server.park(Key(2), Interest::Write).expect("it has a waiter");
        filled
    });
    lot.client.expect(&stream(1, 0, filled));
    assert!(lot.report(Key(2)).write);

    in_another_thread(|| lot.listener.arm().expect("it has a waiter"));
    let _client = harness.connect(&*lot.listener);
    assert!(lot.reports_up_to(Key::LISTENER).1.read);
}

/// Runs `work` in a thread that has ended when this returns.
fn in_another_thread<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(work).join()).expect("no panic")
}

/// Cancelling and the peer's end are reported, so that the next call tells.
pub fn cancelling_and_the_peers_end_are_reported(harness: &Harness) {
    let Some(lot) = Lot::new(harness) else { return };
    lot.server.park(Key(1), Interest::Read).expect("it has a waiter");
    lot.server.cancel();
    lot.report(Key(1));
    lot.server.park(Key(2), Interest::Both).expect("it has a waiter");
    lot.report(Key(2));
    let told = lot.server.receive(Deadline::NOW).expect_err("it was cancelled");
    assert!(matches!(told, Error::Cancelled { .. }), "{told:?}");

    let Some(lot) = Lot::new(harness) else { return };
    lot.server.park(Key(3), Interest::Read).expect("it has a waiter");
    lot.client.vanish();
    wait_for(&*lot.waiter, Key(3));
    lot.server.expect_end();
}

/// An armed listener is reported once when somebody wants to be accepted, at once if somebody
/// does already.
pub fn an_armed_listener_is_reported_once(harness: &Harness) {
    let Some(lot) = Lot::new(harness) else { return };
    lot.listener.arm().expect("it has a waiter");
    let _first = harness.connect(&*lot.listener);
    assert!(lot.report(Key::LISTENER).read);
    let _second = harness.connect(&*lot.listener);
    assert_eq!(lot.reports_until_quiet(Key::LISTENER), 0, "reported though it was not armed");

    lot.listener.arm().expect("it has a waiter");
    lot.report(Key::LISTENER);
    for _ in 0..2 {
        drop(lot.listener.accept(Deadline::NEVER).expect("two are waiting"));
    }
    lot.listener.close();
    let arm = lot.listener.arm().expect_err("closed");
    assert!(matches!(arm, Error::Closed { .. }), "{arm:?}");
}

/// A waiter without anything to report waits until its deadline, and not at all if that has
/// passed.
pub fn a_waiter_waits_until_its_deadline(harness: &Harness) {
    let Some(lot) = Lot::new(harness) else { return };
    assert_eq!(lot.reports_until_quiet(Key(1)), 0);
    assert_no_wake_is_left(&*lot.waiter);
}

/// A wake ends one wait: one that is under way, else the next; two wakes end two.
pub fn a_wake_ends_exactly_one_wait(harness: &Harness) {
    let Some(lot) = Lot::new(harness) else { return };
    for wakes in [1, 2] {
        (0..wakes).for_each(|_| lot.waiter.wake());
        (0..wakes).for_each(|_| wait_once(&*lot.waiter));
        assert_no_wake_is_left(&*lot.waiter);
    }

    for head_start in HEAD_STARTS {
        wake_one_by_one(&*lot.waiter, head_start);
        // Had one wake ended two waits, the last one would still be there.
        assert_no_wake_is_left(&*lot.waiter);
    }
}

/// Has several threads wait, and ends one after the other.
fn wake_one_by_one(waiter: &dyn Waiter, head_start: Duration) {
    const WAITS: usize = 4;
    let (ended, ends) = mpsc::channel();
    let rescue = || (0..WAITS).for_each(|_| waiter.wake());
    with_threads(rescue, |crew| {
        crew.spawn_all_ahead(WAITS, head_start, move || {
            wait_once(waiter);
            ended.send(()).expect("all ends are counted");
        });
        for _ in 0..WAITS {
            waiter.wake();
            ends.recv().expect("one wait ends");
        }
    });
}

/// Of many threads that wait at once, exactly one gets each report.
pub fn each_report_goes_to_one_of_many_threads(harness: &Harness) {
    const PEERS: u64 = 16;
    const THREADS: usize = 4;
    let Some(lot) = Lot::new(harness) else { return };
    let peers: Vec<_> = (1..=PEERS)
        .map(|key| {
            let client = harness.connect(&*lot.listener);
            let server = harness.accept(&*lot.listener);
            server.park(Key(key), Interest::Read).expect("it has a waiter");
            (client, server)
        })
        .collect();
    let (report, reports) = mpsc::channel();
    let mut keys = thread::scope(|scope| {
        for _ in 0..THREADS {
            let (waiter, report) = (&lot.waiter, report.clone());
            scope.spawn(move || {
                while let Some(keys) = keys_of_one_wait(&**waiter) {
                    report.send(keys).expect("all reports are counted");
                }
            });
        }
        for (client, _) in &peers {
            client.send(b"!");
        }
        let mut keys = Vec::new();
        while keys.len() < peers.len() {
            keys.extend(reports.recv().expect("each peer is reported"));
        }
        for _ in 0..THREADS {
            lot.waiter.wake();
        }
        keys
    });
    keys.extend(reports.try_iter().flatten());
    keys.sort_unstable();
    assert_eq!(keys, (1..=PEERS).map(Key).collect::<Vec<_>>());
}

/// A pair whose server's end can be parked.
struct Lot {
    client: End,
    server: End,
    /// Another pair, always ready to be written to.
    mark: (End, End),
    listener: Box<dyn Listener>,
    waiter: Arc<dyn Waiter>,
}

impl Lot {
    /// `None` without parking, of which [`parking_is_as_declared`] makes sure.
    fn new(harness: &Harness) -> Option<Self> {
        let Pair { client, server, listener } = harness.pair();
        let waiter = listener.waiter()?;
        let mark = (harness.connect(&*listener), harness.accept(&*listener));
        Some(Self { client, server, mark, listener, waiter })
    }

    /// The report under `key`, waited for.
    fn report(&self, key: Key) -> Ready {
        wait_for(&*self.waiter, key)
    }

    /// How many reports came under other keys before the one under `key`, and that one.
    fn reports_up_to(&self, key: Key) -> (usize, Ready) {
        let mut reports = Vec::new();
        loop {
            self.waiter.wait(&mut reports, Deadline::NEVER).expect("it can wait");
            if let Some(at) = reports.iter().position(|(reported, _)| *reported == key) {
                return (reports.len() - 1, reports[at].1);
            }
        }
    }

    /// How many reports come under `key` until another connection, parked only now, has been
    /// reported and nothing more is there.
    fn reports_until_quiet(&self, key: Key) -> usize {
        const MARK: Key = Key(1 << 62);
        self.mark.1.park(MARK, Interest::Write).expect("it has a waiter");
        let mut reports = Vec::new();
        while !reports.iter().any(|(reported, _)| *reported == MARK) {
            self.waiter.wait(&mut reports, Deadline::NEVER).expect("it can wait");
        }
        self.waiter.wait(&mut reports, Deadline::NOW).expect("it can wait");
        reports.iter().filter(|(reported, _)| *reported == key).count()
    }
}

/// The first report under `key`, which must be the only one that its wait brings.
fn wait_for(waiter: &dyn Waiter, key: Key) -> Ready {
    let mut reports = Vec::new();
    loop {
        waiter.wait(&mut reports, Deadline::NEVER).expect("it can wait");
        let mut hits = reports.iter().filter(|(reported, _)| *reported == key);
        if let Some((_, ready)) = hits.next() {
            assert_eq!(hits.count(), 0, "{key:?} was reported more than once: {reports:?}");
            return *ready;
        }
        reports.clear();
    }
}

fn wait_once(waiter: &dyn Waiter) {
    let mut reports = Vec::new();
    waiter.wait(&mut reports, Deadline::NEVER).expect("it can wait");
    assert!(reports.is_empty(), "nothing is parked: {reports:?}");
}

/// The keys that one wait reports; `None` if it was woken.
fn keys_of_one_wait(waiter: &dyn Waiter) -> Option<Vec<Key>> {
    let mut reports = Vec::new();
    waiter.wait(&mut reports, Deadline::NEVER).expect("it can wait");
    (!reports.is_empty()).then(|| reports.into_iter().map(|(key, _)| key).collect())
}

fn assert_no_wake_is_left(waiter: &dyn Waiter) {
    let deadline = Deadline::after(Duration::from_millis(30));
    waiter.wait(&mut Vec::new(), deadline).expect("it can wait");
    assert!(deadline.has_passed(), "a wait ended before its deadline, by a wake too many");
}

//! Who is at the other end, and acting as it. In both modes.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use ipc_core::peer::{Assurance, Peer};
use ipc_core::{AsPeer, Deadline, Error, ImpersonationLevel, Operation, Policy, Result};

use crate::harness::{End, Harness, Pair};
use crate::outcome::failure;

/// Each end knows the other truthfully, or says that nobody vouches for it. (Both ends are this
/// process here.)
pub fn the_peer_is_known_truthfully_or_not_at_all(harness: &Harness) {
    let own = harness.transport().this_process().expect("the system tells");
    let pair = introduced(harness, ImpersonationLevel::Identification);
    for peer in [pair.client.peer(), pair.server.peer()] {
        match peer {
            Ok(peer) => assert_truthful(peer, &own, harness.capabilities().identity),
            Err(Error::IdentityUnknown { .. }) => {
                assert!(!harness.capabilities().identity, "identity was declared");
            }
            Err(error) => panic!("after the first bytes: {}", error.chain()),
        }
    }
}

fn assert_truthful(peer: &Peer, own: &Peer, declared: bool) {
    if declared {
        assert_ne!(*peer.assurance(), Assurance::None, "nobody vouches for {peer}");
        let (theirs, ours) = (peer.identity(), own.identity());
        let same = theirs.zip(ours).is_some_and(|(theirs, ours)| theirs.is_same_user(ours));
        assert!(same, "{theirs:?} is not this process, {ours:?}");
    } else {
        assert!(peer.identity().is_none(), "an identity that was not declared: {peer}");
    }
    if let Some(pid) = peer.pid() {
        assert_eq!(pid, std::process::id(), "a wrong process id");
    }
}

/// Who is at the other end can be asked at any time, even before the first byte: the answer is the
/// peer, or that the system does not tell yet.
pub fn a_silent_peer_is_known_or_not_yet_known(harness: &Harness) {
    let Pair { client, server, listener: _listener } = harness.pair();
    for peer in [client.peer(), server.peer()] {
        match peer {
            Ok(_) | Err(Error::NotYetKnown | Error::IdentityUnknown { .. }) => {}
            Err(error) => panic!("{}", error.chain()),
        }
    }
}

/// A client does not send a byte to a server that is not who it must be.
pub fn an_untrusted_server_gets_no_byte(harness: &Harness) {
    let listener = harness.listen();
    // The overflow id minus one: nobody is that.
    let picky = harness.connect_options().server(Policy::uid(65_533));
    let outcome = harness.transport().connect(listener.endpoint(), &picky);
    let refusal = failure("connecting to a server of another user than asked for", outcome);
    assert!(matches!(refusal, Error::ServerNotTrusted { .. }), "{refusal:?}");
    match listener.accept(Deadline::NOW) {
        Ok(server) => harness.end(server).expect_end(),
        Err(Error::TimedOut { .. }) => {}
        Err(error) => panic!("cannot accept: {}", error.chain()),
    }
}

/// Unless told otherwise a client talks to a server of its own user, if somebody vouches for it,
/// and to no other.
pub fn by_default_only_the_own_user_is_trusted(harness: &Harness) {
    let listener = harness.listen();
    let careful = harness.connect_options().server(Policy::same_user().or(Policy::system()));
    let own = harness.transport().this_process().expect("the system tells");
    let known = harness.capabilities().identity || *own.assurance() == Assurance::SameProcess;
    match harness.transport().connect(listener.endpoint(), &careful) {
        Ok(_) => assert!(known, "a server that nobody vouches for was trusted"),
        Err(Error::ServerNotTrusted { .. }) => assert!(!known, "this very user was not trusted"),
        Err(error) => panic!("cannot connect: {}", error.chain()),
    }
}

/// The client's level is what it asked for; the server's is none until it is stated, which it is
/// once and only there.
pub fn the_level_is_stated_once_by_the_server(harness: &Harness) {
    let level = ImpersonationLevel::Impersonation;
    let Pair { client, server, .. } = introduced(harness, level);
    assert_eq!((client.level(), server.level()), (Some(level), None));
    let at_client = client.state_level(level).expect_err("not at the client");
    assert!(matches!(at_client, Error::InvalidInput { .. }), "{at_client:?}");

    let lower = ImpersonationLevel::Identification;
    server.state_level(lower).expect("the first time");
    assert_eq!(server.level(), Some(lower));
    let again = server.state_level(level).expect_err("the second time");
    assert!(matches!(again, Error::InvalidInput { .. }), "{again:?}");
    assert_eq!((client.level(), server.level()), (Some(level), Some(lower)));
}

/// Acting as the peer works or says that it cannot; it never pretends.
pub fn run_as_peer_is_honest(harness: &Harness) {
    let pair = introduced(harness, ImpersonationLevel::Impersonation);
    pair.server.state_level(ImpersonationLevel::Impersonation).expect("the first time");
    for _ in 0..2 {
        let (outcome, ran) = run(&pair.server);
        let can = harness.capabilities().run_as_peer;
        let honest = match &outcome {
            Ok(()) => can,
            Err(Error::Unsupported { operation: Operation::RunAsPeer }) => !can,
            // The superuser of a place that the system cannot tell from the server's own.
            Err(Error::IdentityRefused { .. }) => can,
            Err(_) => false,
        };
        assert!(honest, "{outcome:?}");
        assert_eq!(ran, outcome.is_ok(), "{outcome:?}");
    }
}

/// Below level Impersonation, and before any level was stated, nothing is run.
pub fn below_impersonation_nothing_is_run(harness: &Harness) {
    use ImpersonationLevel::{Anonymous, Identification, Impersonation};
    let stated = [None, Some(Anonymous), Some(Identification)];
    for level in stated {
        let pair = introduced(harness, Impersonation);
        if let Some(level) = level {
            pair.server.state_level(level).expect("the first time");
        }
        let (outcome, ran) = run(&pair.server);
        assert!(!ran, "run at level {level:?}");
        match outcome {
            Err(Error::LevelTooLow { needed: Impersonation, granted }) => {
                assert_eq!(granted, level);
            }
            Err(Error::Unsupported { .. }) if !harness.capabilities().run_as_peer => {}
            outcome => panic!("{outcome:?}"),
        }
    }
}

/// A client's end never acts as its server.
pub fn a_client_does_not_act_as_its_server(harness: &Harness) {
    let pair = introduced(harness, ImpersonationLevel::Impersonation);
    let (outcome, ran) = run(&pair.client);
    assert!(outcome.is_err() && !ran, "{outcome:?}");
}

/// Acting as a peer inside of acting as a peer is refused, and the outer one goes on.
pub fn acting_does_not_nest(harness: &Harness) {
    let Some(pair) = acting_pair(harness) else { return };
    let inner = pair.server.as_peer(|_| run(&pair.server)).expect("it can act");
    assert!(matches!(inner, (Err(Error::Nested), false)), "{inner:?}");
    assert_eq!(pair.server.as_peer(|_| 7).expect("it can act again"), 7);
}

/// A panic in the work goes on, and the connection acts again after it.
pub fn a_panic_while_acting_goes_on(harness: &Harness) {
    let Some(pair) = acting_pair(harness) else { return };
    let act = || pair.server.as_peer(|_| resume_unwind(Box::new("on it goes")));
    let panic = catch_unwind(AssertUnwindSafe(act)).expect_err("it panicked");
    assert_eq!(panic.downcast_ref(), Some(&"on it goes"));
    assert_eq!(pair.server.as_peer(|_| 7).expect("it can act again"), 7);
}

/// A pair whose server can act; `None` where [`run_as_peer_is_honest`] has said that it cannot.
fn acting_pair(harness: &Harness) -> Option<Pair> {
    let pair = introduced(harness, ImpersonationLevel::Impersonation);
    pair.server.state_level(ImpersonationLevel::Impersonation).expect("the first time");
    run(&pair.server).0.is_ok().then_some(pair)
}

/// A pair that has exchanged its first bytes: some systems tell who the peer is only then.
fn introduced(harness: &Harness, level: ImpersonationLevel) -> Pair {
    let pair = harness.pair_with(&harness.bind_options(), &harness.connect_options().level(level));
    pair.client.send(b"!");
    pair.server.expect(b"!");
    pair
}

/// What became of acting as the peer of `end`, and whether the work has run.
fn run(end: &End) -> (Result<()>, bool) {
    let mut ran = false;
    let outcome = end.run_as_peer(&mut |_: &AsPeer| ran = true);
    (outcome, ran)
}

use std::fs::File;
use std::io;
use std::sync::Barrier;
use std::{panic, thread};

use rustix::process::DumpableBehavior;

use super::*;
use crate::sys::misuse;
use crate::testing::{Connected, User, act, is_root, takes_root};

mod children;
mod files;
mod namespaces;
mod storms;

/// This thread's identity.
fn identity() -> ThreadState {
    let mut state = ThreadState::default();
    this_thread().expect("threads have identities").read(&mut state).expect("readable");
    state
}

#[test]
fn a_peer_of_the_same_user_and_groups_is_acted_as_with_or_without_privilege() {
    let own = identity();
    let inside = Connected::with_self().act(|_| identity()).expect("no privilege is needed");
    assert_eq!((&inside.uid, &inside.gid, &inside.groups), (&own.uid, &own.gid, &own.groups));
    assert_eq!(inside.capabilities.effective, 0, "a privileged server lays its rights down");
    assert_eq!(identity(), own);
    assert!(can_run_as_peer());
}

#[test]
fn t03_without_privilege_another_user_is_refused_and_nothing_runs() {
    if !takes_root("t03_without_privilege_another_user_is_refused_and_nothing_runs") {
        return;
    }
    let client = User::new(41_500, &[]).connect();
    // A server's thread that has given up its privilege for good.
    User::new(42_000, &[]).run(|| {
        let own = identity();
        let refusal = client.act(|_| unreachable!()).expect_err("refused");
        assert!(matches!(refusal, Error::NotPrivileged { .. }), "{refusal:?}");
        assert!(refusal.to_string().contains("CAP_SETUID"), "{refusal}");
        assert_eq!(identity(), own);
    });
}

#[test]
fn the_level_decides_before_the_peer() {
    let Connected { peer, .. } = Connected::with_self();
    for level in
        [None, Some(ImpersonationLevel::Anonymous), Some(ImpersonationLevel::Identification)]
    {
        let refusal =
            run_as_peer(&peer, level, &ActAs::default(), &mut |_| unreachable!()).unwrap_err();
        assert!(matches!(refusal, Error::LevelTooLow { granted, .. } if granted == level));
    }
    let level = Some(ImpersonationLevel::Delegation);
    let refusal =
        run_as_peer(&peer, level, &ActAs::default(), &mut |_| unreachable!()).unwrap_err();
    assert!(matches!(refusal, Error::Unsupported { .. }), "{refusal:?}");
}

#[test]
fn t27_a_thread_that_acts_as_a_peer_acts_as_no_other() {
    let outer = Connected::with_self();
    let inner = Connected::with_self();
    let nested = outer.act(|_| inner.act(|_| unreachable!())).expect("acts");
    assert!(matches!(nested, Err(Error::Nested)), "{nested:?}");
    inner.act(|_| ()).expect("afterwards it can");
}

#[test]
fn t06_a_panic_of_the_work_goes_on_when_the_thread_is_itself_again() {
    let own = identity();
    let client = if is_root() { User::new(41_500, &[]).connect() } else { Connected::with_self() };
    let outcome = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        client.act(|_| panic::resume_unwind(Box::new("boom")))
    }));
    let panic = outcome.map(|result: Result<()>| result).expect_err("goes on");
    assert_eq!(panic.downcast_ref(), Some(&"boom"));
    assert_eq!(identity(), own);
    client.act(|_| ()).expect("the next request is fine");
}

#[test]
fn the_account_database_is_not_asked_while_acting() {
    let Connected { peer, .. } = &Connected::with_self();
    let own = peer.peer().account_name();
    assert_eq!(act(peer, &ActAs::default(), |_| peer.peer().account_name()).expect("acts"), None);
    assert_eq!(peer.peer().account_name(), own);
}

#[test]
fn only_this_thread_becomes_the_peer_in_all_its_ids() {
    if !takes_root("only_this_thread_becomes_the_peer_in_all_its_ids") {
        return;
    }
    let (own, client) = (identity(), User::new(41_500, &[41_600, 41_601]));
    let (inside, elsewhere) = thread::scope(|scope| {
        let (ask, asked) = std::sync::mpsc::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        scope.spawn(move || asked.iter().for_each(|()| tell.send(identity()).expect("heard")));
        client
            .connect()
            .act(|_| {
                ask.send(()).expect("asked");
                (identity(), told.recv().expect("told"))
            })
            .expect("root may")
    });
    assert_eq!((inside.uid.effective, inside.gid.effective), (41_500, 41_500));
    assert_eq!(inside.groups, [41_600, 41_601]);
    assert_eq!((inside.uid.real, inside.uid.saved), (own.uid.real, own.uid.saved));
    assert_eq!(inside.capabilities.effective, 0);
    assert_eq!(elsewhere, own);
    assert_eq!(identity(), own);
}

#[test]
fn t28_many_threads_act_as_many_clients_without_mixing_them_up() {
    const THREADS: u32 = 4;
    const ROUNDS: u32 = 20_000;
    if !takes_root("t28_many_threads_act_as_many_clients_without_mixing_them_up") {
        return;
    }
    let own = identity();
    let clients: Vec<Vec<_>> = (0..THREADS)
        .map(|thread| {
            let user = |n| User::new(41_500 + 100 * thread + n, &[43_000 + 100 * thread + n]);
            (0..8).map(|n| (user(n), user(n).connect())).collect()
        })
        .collect();
    let start = Barrier::new(clients.len());
    thread::scope(|scope| {
        for clients in &clients {
            scope.spawn(|| {
                start.wait();
                for (user, client) in clients.iter().cycle().take(ROUNDS as usize) {
                    let inside = client.act(|_| identity()).expect("root may");
                    assert_eq!((inside.uid.effective, inside.gid.effective), (user.uid, user.gid));
                    assert_eq!(inside.groups, user.groups);
                    assert_eq!(identity(), own);
                }
            });
        }
    });
}

#[test]
fn t50_a_signal_that_hits_the_acting_thread_disturbs_nothing() {
    let own = identity();
    let client = if is_root() { User::new(41_500, &[]).connect() } else { Connected::with_self() };
    let before = misuse::interrupt_this_thread();
    let after = client.act(|_| misuse::interrupt_this_thread()).expect("acts");
    assert_eq!(after, before + 1);
    assert_eq!(identity(), own);
}

#[test]
fn t51_the_servers_memory_stays_closed_to_the_acting_thread_for_good() {
    if !takes_root("t51_the_servers_memory_stays_closed_to_the_acting_thread_for_good") {
        return;
    }
    let client = User::new(41_500, &[]).connect();
    let look = || -> Vec<io::Result<File>> {
        let names = ["/proc/thread-self/mem", "/proc/thread-self/environ", "/proc/self/mem"];
        names.into_iter().map(File::open).collect()
    };
    for outcome in client.act(|_| look()).expect("root may") {
        let refusal = outcome.expect_err("closed");
        assert_eq!(refusal.kind(), io::ErrorKind::PermissionDenied);
    }
    let dumpable = rustix::process::dumpable_behavior().expect("told");
    assert_ne!(dumpable, DumpableBehavior::Dumpable);
}

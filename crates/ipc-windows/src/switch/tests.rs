use std::fs::File;
use std::path::PathBuf;
use std::sync::Barrier;
use std::{panic, thread};

use ipc_core::Policy;
use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_BAD_IMPERSONATION_LEVEL};

use super::*;
use crate::identity::this_process;
use crate::restricted::Restrictions;
use crate::sys::probe;
use crate::testing::{
    Directory, Grant, Server, Visitor, act, child, code, in_process, is_visitor, output, part, say,
    skip, takes_honest_windows, watched, without_administrators,
};
use crate::{Acl, FileAccess, FileAcl};

mod rights;

/// What marks the token of this thread.
fn carried() -> Option<Statistics> {
    ThisThread::default().read().expect("told")
}

#[test]
fn the_thread_is_the_client_inside_and_itself_outside() {
    const TEST: &str = "the_thread_is_the_client_inside_and_itself_outside";
    if !takes_honest_windows(TEST) {
        return;
    }
    let (mut server, _pipe) = in_process(Grant::FULL);
    let client = server.client();
    assert_eq!(carried(), None);
    let inside = act(&client, |_| (carried(), is_acting())).expect("acts");
    assert_eq!(inside.0.map(|token| token.logon), Some(client.statistics().logon));
    assert!(inside.1 && !is_acting());
    assert_eq!(carried(), None);
}

#[test]
fn t25_other_threads_stay_the_process() {
    const TEST: &str = "t25_other_threads_stay_the_process";
    if !takes_honest_windows(TEST) {
        return;
    }
    let (mut server, _pipe) = in_process(Grant::FULL);
    let client = server.client();
    thread::scope(|scope| {
        let (ask, asked) = std::sync::mpsc::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        scope.spawn(move || asked.iter().for_each(|()| tell.send(carried()).expect("heard")));
        let (elsewhere, spawned) = act(&client, |_| {
            ask.send(()).expect("asked");
            (told.recv().expect("told"), thread::spawn(carried).join().expect("told"))
        })
        .expect("acts");
        drop(ask);
        assert_eq!(elsewhere, None);
        assert_eq!(spawned, None, "a thread that starts meanwhile has no token either");
    });
}

#[test]
fn the_level_decides_and_nothing_runs() {
    const TEST: &str = "the_level_decides_and_nothing_runs";
    if !takes_honest_windows(TEST) {
        return;
    }
    use ImpersonationLevel::{Anonymous, Delegation, Identification, Impersonation};
    let (mut server, _pipe) = in_process(Grant::FULL);
    let client = server.client();
    for stated in [None, Some(Anonymous), Some(Identification)] {
        let refusal = run_as_peer(&client, stated, &mut |_| unreachable!()).expect_err("too low");
        assert!(matches!(refusal, Error::LevelTooLow { granted, .. } if granted == stated));
        assert_eq!(carried(), None);
    }
    let mut ran = 0;
    for stated in [Impersonation, Delegation] {
        run_as_peer(&client, Some(stated), &mut |_| ran += 1).expect("enough");
    }
    assert_eq!(ran, 2);
    let (mut server, _pipe) = in_process(Grant::Fixed(Identification));
    let refusal = act(&server.client(), |_| unreachable!()).expect_err("too low");
    assert!(
        matches!(refusal, Error::LevelTooLow { .. } | Error::NotPrivileged { .. }),
        "{refusal:?}"
    );
}

#[test]
fn t27_a_thread_that_acts_as_a_peer_acts_as_no_other() {
    const TEST: &str = "t27_a_thread_that_acts_as_a_peer_acts_as_no_other";
    if !takes_honest_windows(TEST) {
        return;
    }
    let (mut outer, _one) = in_process(Grant::FULL);
    let (mut inner, _two) = in_process(Grant::FULL);
    let (outer, inner) = (outer.client(), inner.client());
    let nested = act(&outer, |_| act(&inner, |_| unreachable!())).expect("acts");
    assert!(matches!(nested, Err(Error::Nested)), "{nested:?}");
    act(&inner, |_| ()).expect("afterwards it can");
}

#[test]
fn t27_a_thread_with_a_token_of_its_own_keeps_it() {
    const TEST: &str = "t27_a_thread_with_a_token_of_its_own_keeps_it";
    if !takes_honest_windows(TEST) {
        return;
    }
    let (mut server, _pipe) = in_process(Grant::FULL);
    let client = server.client();
    let restricted = without_administrators().token().expect("made");
    token::carry(&restricted.to_carry(ImpersonationLevel::Impersonation).expect("copied"))
        .expect("carried");
    let before = carried();
    let refusal = act(&client, |_| unreachable!()).expect_err("refused");
    assert_eq!(carried(), before);
    token::revert().expect("reverted");
    assert!(matches!(refusal, Error::Nested), "{refusal:?}");
    act(&client, |_| ()).expect("afterwards it can");
}

#[test]
fn t06_a_panic_of_the_work_goes_on_when_the_thread_is_itself_again() {
    const TEST: &str = "t06_a_panic_of_the_work_goes_on_when_the_thread_is_itself_again";
    if !takes_honest_windows(TEST) {
        return;
    }
    let (mut server, _pipe) = in_process(Grant::FULL);
    let client = server.client();
    let outcome = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        act(&client, |_| panic::resume_unwind(Box::new("boom")))
    }));
    let panic = outcome.map(|result: Result<()>| result).expect_err("goes on");
    assert_eq!(panic.downcast_ref(), Some(&"boom"));
    assert_eq!(carried(), None);
    act(&client, |_| ()).expect("the next request is fine");
}

#[test]
fn t45_a_client_that_leaves_meanwhile_is_acted_as_to_the_end() {
    const TEST: &str = "t45_a_client_that_leaves_meanwhile_is_acted_as_to_the_end";
    if !takes_honest_windows(TEST) {
        return;
    }
    let (mut server, pipe) = in_process(Grant::FULL);
    let client = server.client();
    let inside = act(&client, |_| {
        drop(pipe);
        drop(server);
        carried()
    });
    assert_eq!(inside.expect("acts").map(|token| token.logon), Some(client.statistics().logon));
    assert_eq!(carried(), None);
    act(&client, |_| ()).expect("and once more");
}

#[test]
fn t26_work_that_changes_whose_token_the_thread_carries_ends_the_process() {
    const TEST: &str =
        "switch::tests::t26_work_that_changes_whose_token_the_thread_carries_ends_the_process";
    if part().is_some() {
        let (mut server, _pipe) = in_process(Grant::FULL);
        let outcome = act(&server.client(), |_| token::revert().expect("reverted"));
        return say(&format!("went on: {outcome:?}"));
    }
    if !takes_honest_windows(TEST) {
        return;
    }
    let dead = output(child(TEST, Restrictions::default(), "reverts", ""));
    let (out, err) = (String::from_utf8_lossy(&dead.stdout), String::from_utf8_lossy(&dead.stderr));
    assert!(!dead.status.success() && !out.contains("went on"), "{out}");
    assert!(err.contains("the work has changed whose token the thread carries"), "{err}");
}

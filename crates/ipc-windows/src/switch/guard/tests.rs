use std::cell::{Cell, RefCell};

use super::super::ThisThread;
use super::*;
use crate::restricted::Restrictions;
use crate::testing::{child, part, say};

/// A thread that does as it is told, and fails or lies where the test says so.
#[derive(Debug, Default)]
struct Scripted {
    carries: Cell<Option<Statistics>>,
    calls: RefCell<Vec<&'static str>>,
    /// Fails each call with that name when it comes for the n-th time.
    fails: Vec<(&'static str, usize)>,
    /// Answers success instead, and does nothing.
    lies: bool,
}

impl Scripted {
    fn failing(call: &'static str, nth: usize) -> Self {
        Self { fails: vec![(call, nth)], ..Self::default() }
    }

    fn lying(call: &'static str, nth: usize) -> Self {
        Self { lies: true, ..Self::failing(call, nth) }
    }

    fn carrying(token: Statistics) -> Self {
        Self { carries: Cell::new(Some(token)), ..Self::default() }
    }

    fn call(&self, name: &'static str, change: impl FnOnce()) -> io::Result<()> {
        self.calls.borrow_mut().push(name);
        let nth = self.calls.borrow().iter().filter(|call| **call == name).count();
        match self.fails.contains(&(name, nth)) {
            true if self.lies => Ok(()),
            true => Err(io::Error::other("as scripted")),
            false => {
                change();
                Ok(())
            }
        }
    }

    fn enter(&self, token: Statistics) -> Result<Acting<'_, Self>, NotEntered> {
        try_enter(self, &token, CLIENT)
    }
}

impl ThreadToken for Scripted {
    type Token = Statistics;

    fn read(&self) -> io::Result<Option<Statistics>> {
        self.call("read", || ())?;
        Ok(self.carries.get())
    }

    fn carry(&self, token: &Statistics) -> io::Result<()> {
        self.call("carry", || self.carries.set(Some(*token)))
    }

    fn revert(&self) -> io::Result<()> {
        self.call("revert", || self.carries.set(None))
    }
}

const CLIENT: Statistics =
    Statistics { token: 7, logon: 41, level: Some(ImpersonationLevel::Impersonation) };

fn undone<T: std::fmt::Debug>(outcome: Result<T, NotEntered>) -> Error {
    match outcome {
        Err(NotEntered::Undone(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_thread_carries_the_clients_token_and_then_none() {
    let thread = Scripted::default();
    let mut acting = thread.enter(CLIENT).expect("entered");
    assert_eq!(thread.carries.get(), Some(CLIENT));
    acting.leave().expect("left");
    assert_eq!(thread.carries.get(), None);
    drop(acting);
    let calls = thread.calls.borrow();
    assert_eq!(
        *calls,
        ["read", "carry", "read", "read", "revert", "read"],
        "and dropped it is quiet"
    );
}

#[test]
fn t27_a_thread_that_carries_a_token_keeps_it_and_takes_no_other() {
    let somebody = Statistics { logon: 42, ..CLIENT };
    let thread = Scripted::carrying(somebody);
    let refusal = undone(thread.enter(CLIENT));
    assert!(matches!(refusal, Error::Nested), "{refusal:?}");
    assert_eq!(thread.carries.get(), Some(somebody));
    assert_eq!(*thread.calls.borrow(), ["read"]);
}

#[test]
fn t04_a_step_that_fails_is_undone() {
    for (call, nth, step) in [
        ("read", 1, "reading the thread's token"),
        ("carry", 1, "SetThreadToken"),
        ("read", 2, "reading the token back"),
    ] {
        let thread = Scripted::failing(call, nth);
        let refusal = undone(thread.enter(CLIENT));
        assert!(matches!(refusal, Error::SwitchFailed { step: s, .. } if s == step), "{refusal:?}");
        assert_eq!(thread.carries.get(), None, "{step}");
    }
}

#[test]
fn t03_a_switch_that_only_claims_success_is_found_out() {
    let thread = Scripted::lying("carry", 1);
    let refusal = undone(thread.enter(CLIENT));
    assert!(matches!(refusal, Error::SwitchFailed { step: READING_BACK, .. }), "{refusal:?}");
}

#[test]
fn t28_another_clients_token_is_found_out_and_undone() {
    let thread = Scripted::default();
    let refusal = undone(thread.enter(Statistics { logon: 42, ..CLIENT }));
    assert!(matches!(refusal, Error::SwitchFailed { step: READING_BACK, .. }), "{refusal:?}");
    assert_eq!(thread.carries.get(), None);
}

#[test]
fn t03_a_token_that_came_out_weaker_is_found_out_and_undone() {
    for level in
        [None, Some(ImpersonationLevel::Anonymous), Some(ImpersonationLevel::Identification)]
    {
        let thread = Scripted::default();
        let refusal = undone(thread.enter(Statistics { level, ..CLIENT }));
        assert!(matches!(refusal, Error::NotPrivileged { .. }), "{refusal:?}");
        assert_eq!(thread.carries.get(), None);
    }
    let delegated = Statistics { level: Some(ImpersonationLevel::Delegation), ..CLIENT };
    drop(Scripted::default().enter(delegated).expect("more is enough"));
}

#[test]
fn t05_an_undo_that_fails_leaves_the_thread_stranded() {
    // The way in fails when it reads back; then each step of undoing it fails.
    for (call, nth) in [("revert", 1), ("read", 3)] {
        let mut thread = Scripted::failing(call, nth);
        thread.fails.push(("read", 2));
        let outcome = thread.enter(CLIENT);
        assert!(matches!(outcome, Err(NotEntered::Stranded(_))), "{call}: {outcome:?}");
    }
    // It carries the wrong token, and reverting only claims success.
    let thread = Scripted::lying("revert", 1);
    let outcome = thread.enter(Statistics { logon: 42, ..CLIENT });
    assert!(matches!(outcome, Err(NotEntered::Stranded(_))), "{outcome:?}");
}

#[test]
fn t05_a_way_out_that_fails_or_only_claims_success_leaves_the_thread_stranded() {
    for (call, nth) in [("read", 3), ("revert", 1), ("read", 4)] {
        let thread = Scripted::failing(call, nth);
        thread.enter(CLIENT).expect("entered").leave().expect_err(call);
    }
    let thread = Scripted::lying("revert", 1);
    thread.enter(CLIENT).expect("entered").leave().expect_err("revert");
}

#[test]
fn t26_a_token_that_was_changed_meanwhile_is_found_out() {
    for meanwhile in [None, Some(Statistics { token: 8, ..CLIENT })] {
        let thread = Scripted::default();
        let mut acting = thread.enter(CLIENT).expect("entered");
        thread.carries.set(meanwhile);
        acting.leave().expect_err("found out");
        assert_eq!(thread.carries.get(), None, "and it is itself all the same");
    }
}

#[test]
fn t05_a_thread_that_cannot_become_itself_ends_the_process() {
    const TEST: &str =
        "switch::guard::tests::t05_a_thread_that_cannot_become_itself_ends_the_process";
    match part().as_ref().map(|(part, _)| part.as_str()) {
        Some("on the way out") => {
            let thread = Scripted::failing("revert", 1);
            drop(enter(&thread, &CLIENT, CLIENT).expect("entered"));
            return say("went on");
        }
        Some(_) => {
            let mut thread = Scripted::failing("revert", 1);
            thread.fails.push(("read", 2));
            let _refusal = enter(&thread, &CLIENT, CLIENT);
            return say("went on");
        }
        None => {}
    }
    for part in ["on the way out", "on the way in"] {
        let dead = crate::testing::output(child(TEST, Restrictions::default(), part, ""));
        let (out, err) =
            (String::from_utf8_lossy(&dead.stdout), String::from_utf8_lossy(&dead.stderr));
        assert!(!dead.status.success(), "{part}: {out}");
        assert!(!out.contains("went on"), "{part}: {out}");
        assert!(
            err.contains("RevertToSelf") && err.contains("ending the process"),
            "{part}: {err}"
        );
    }
}

/// Compiles only while `T` is not `Send`: else both implementations apply.
trait OneMeaningUnlessSend<Marker> {
    const CHECKED: () = ();
}
impl<T> OneMeaningUnlessSend<()> for T {}
impl<T: Send> OneMeaningUnlessSend<u8> for T {}

#[test]
fn t27_the_guard_stays_on_its_thread() {
    let () = <Acting<'_, ThisThread> as OneMeaningUnlessSend<_>>::CHECKED;
}

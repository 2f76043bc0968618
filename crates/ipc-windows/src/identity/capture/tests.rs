use std::cell::{Cell, RefCell};

use ipc_core::ImpersonationLevel;

use super::*;
use crate::restricted::Restrictions;
use crate::testing::{child, output, part, say};

/// A client's token, taken by a thread that fails or lies where the test says so.
#[derive(Debug, Default)]
struct Scripted {
    carries: Cell<bool>,
    calls: RefCell<Vec<&'static str>>,
    /// Fails each call with that name when it comes for the n-th time.
    fails: Vec<(&'static str, usize, u32)>,
    /// Answers success instead, and does nothing.
    lies: bool,
}

impl Scripted {
    fn failing(call: &'static str, nth: usize, code: u32) -> Self {
        Self { fails: vec![(call, nth, code)], ..Self::default() }
    }

    fn call(&self, name: &'static str, change: impl FnOnce()) -> io::Result<()> {
        self.calls.borrow_mut().push(name);
        let nth = self.calls.borrow().iter().filter(|call| **call == name).count();
        let scripted = self.fails.iter().find(|(call, n, _)| (*call, *n) == (name, nth));
        match scripted {
            Some(_) if self.lies => Ok(()),
            Some((_, _, code)) => Err(error(*code)),
            None => {
                change();
                Ok(())
            }
        }
    }
}

impl Source for Scripted {
    type Token = ();

    fn is_carrying(&self) -> io::Result<bool> {
        self.call("is carrying", || ())?;
        Ok(self.carries.get())
    }

    fn impersonate(&self) -> io::Result<()> {
        self.call("impersonate", || self.carries.set(true))
    }

    fn open(&self) -> io::Result<Option<()>> {
        self.call("open", || ())?;
        Ok(self.carries.get().then_some(()))
    }

    fn revert(&self) -> io::Result<()> {
        self.call("revert", || self.carries.set(false))
    }

    fn keep(&self, (): ()) -> io::Result<((), Statistics)> {
        self.call("keep", || ())?;
        let level = Some(ImpersonationLevel::Identification);
        Ok(((), Statistics { token: 1, logon: 2, level }))
    }
}

const REFUSED: u32 = windows_sys::Win32::Foundation::ERROR_ACCESS_DENIED;

#[test]
fn the_thread_carries_the_token_no_longer_than_it_takes_to_open_it() {
    let source = Scripted::default();
    token_of(&source).expect("taken");
    let calls = ["is carrying", "impersonate", "open", "revert", "is carrying", "keep"];
    assert_eq!(*source.calls.borrow(), calls);
    assert!(!source.carries.get());
}

#[test]
fn t03_a_step_that_fails_gives_no_token_and_leaves_the_thread_itself() {
    for (call, step) in [
        ("is carrying", "reading the thread's token"),
        ("impersonate", "ImpersonateNamedPipeClient"),
        ("open", "OpenThreadToken"),
        ("keep", "DuplicateTokenEx"),
    ] {
        let source = Scripted::failing(call, 1, REFUSED);
        let refusal = token_of(&source).expect_err(call);
        assert!(
            matches!(&refusal, CaptureError::Failed { step: s, .. } if *s == step),
            "{refusal:?}"
        );
        assert!(!source.carries.get(), "{call}");
    }
}

#[test]
fn what_the_system_says_of_its_client_is_told_apart() {
    let source = Scripted::failing("impersonate", 1, ERROR_CANNOT_IMPERSONATE);
    let refusal = token_of(&source).expect_err("not yet");
    assert!(matches!(Error::from(refusal), Error::NotYetKnown));
    let source = Scripted::failing("open", 1, ERROR_CANT_OPEN_ANONYMOUS);
    let refusal = Error::from(token_of(&source).expect_err("anonymous"));
    assert!(matches!(&refusal, Error::IdentityUnknown { .. }), "{refusal:?}");
    assert!(!source.carries.get());
}

#[test]
fn t03_a_system_that_only_claims_to_give_the_token_gives_none() {
    let source = Scripted { lies: true, ..Scripted::failing("impersonate", 1, REFUSED) };
    let refusal = token_of(&source).expect_err("none");
    assert!(matches!(refusal, CaptureError::Unknown(_)), "{refusal:?}");
}

#[test]
fn t27_a_thread_that_carries_a_token_keeps_it() {
    let source = Scripted { carries: Cell::new(true), ..Scripted::default() };
    let refusal = token_of(&source).expect_err("refused");
    assert!(matches!(Error::from(refusal), Error::Nested));
    assert_eq!(*source.calls.borrow(), ["is carrying"]);
}

#[test]
fn t05_a_thread_that_cannot_become_itself_ends_the_process() {
    const TEST: &str =
        "identity::capture::tests::t05_a_thread_that_cannot_become_itself_ends_the_process";
    if let Some((part, _)) = part() {
        let mut source = match part.as_str() {
            "reading back fails" => Scripted::failing("is carrying", 2, REFUSED),
            _ => Scripted::failing("revert", 1, REFUSED),
        };
        source.lies = part == "reverting lies";
        let _outcome = token_of(&source);
        return say("went on");
    }
    for part in ["reverting fails", "reverting lies", "reading back fails"] {
        let dead = output(child(TEST, Restrictions::default(), part, ""));
        let (out, err) =
            (String::from_utf8_lossy(&dead.stdout), String::from_utf8_lossy(&dead.stderr));
        assert!(!dead.status.success() && !out.contains("went on"), "{part}: {out}");
        assert!(err.contains("ending the process"), "{part}: {err}");
    }
}

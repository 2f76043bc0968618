use std::cell::RefCell;

use super::super::thread::Ids;
use super::*;
use crate::sys::thread_identity::ThisThread;

/// A thread that follows the kernel's rules about ids and capabilities, and fails or lies where the
/// test says so.
#[derive(Debug)]
struct Scripted {
    state: RefCell<ThreadState>,
    calls: RefCell<Vec<&'static str>>,
    /// Fails each call with that name when it comes for the n-th time.
    fails: Vec<(&'static str, usize)>,
    /// Answers success instead, and does nothing.
    lies: bool,
}

impl Scripted {
    fn new(state: &ThreadState) -> Self {
        let (state, calls) = (RefCell::new(state.clone()), RefCell::default());
        Self { state, calls, fails: Vec::new(), lies: false }
    }

    fn failing(state: &ThreadState, call: &'static str, nth: usize) -> Self {
        Self { fails: vec![(call, nth)], ..Self::new(state) }
    }

    fn lying(state: &ThreadState, call: &'static str, nth: usize) -> Self {
        Self { lies: true, ..Self::failing(state, call, nth) }
    }

    /// Does `change` unless the script has other plans.
    fn call(
        &self,
        name: &'static str,
        change: impl FnOnce(&mut ThreadState) -> io::Result<()>,
    ) -> io::Result<()> {
        self.calls.borrow_mut().push(name);
        let nth = self.calls.borrow().iter().filter(|call| **call == name).count();
        match self.fails.contains(&(name, nth)) {
            true if self.lies => Ok(()),
            true => Err(io::Error::other("as scripted")),
            false => change(&mut self.state.borrow_mut()),
        }
    }

    fn changes(&self) -> Vec<&'static str> {
        let calls = self.calls.borrow();
        calls.iter().copied().filter(|call| *call != "read" && *call != "capget").collect()
    }
}

fn allow(allowed: bool) -> io::Result<()> {
    if allowed { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::EPERM)) }
}

impl ThreadIdentity for Scripted {
    fn read(&self, state: &mut ThreadState) -> io::Result<()> {
        self.call("read", |_| Ok(()))?;
        state.clone_from(&self.state.borrow());
        Ok(())
    }

    fn capabilities(&self) -> io::Result<Capabilities> {
        self.call("capget", |_| Ok(()))?;
        Ok(self.state.borrow().capabilities)
    }

    fn set_groups(&self, groups: &[u32]) -> io::Result<()> {
        self.call("setgroups", |state| {
            allow(state.capabilities.effective & SETGID != 0)?;
            state.groups = groups.to_vec();
            Ok(())
        })
    }

    fn set_effective_gid(&self, gid: u32) -> io::Result<()> {
        self.call("setresgid", |state| {
            let Ids { real, effective, saved } = state.gid;
            let own = [real, effective, saved].contains(&gid);
            allow(own || state.capabilities.effective & SETGID != 0)?;
            state.gid.effective = gid;
            Ok(())
        })
    }

    fn set_effective_uid(&self, uid: u32) -> io::Result<()> {
        self.call("setresuid", |state| {
            let Ids { real, effective, saved } = state.uid;
            let own = [real, effective, saved].contains(&uid);
            allow(own || state.capabilities.effective & SETUID != 0)?;
            state.uid.effective = uid;
            match (effective == 0, uid == 0) {
                (true, false) => state.capabilities.effective = 0,
                (false, true) => state.capabilities.effective = state.capabilities.permitted,
                _ => {}
            }
            Ok(())
        })
    }

    fn set_capabilities(&self, capabilities: Capabilities) -> io::Result<()> {
        self.call("capset", |state| {
            allow(capabilities.effective & !capabilities.permitted == 0)?;
            allow(capabilities.permitted & !state.capabilities.permitted == 0)?;
            state.capabilities = capabilities;
            Ok(())
        })
    }
}

const SETGID: u64 = 1 << 6;
const SETUID: u64 = 1 << 7;
const ALL: u64 = (1 << 41) - 1;

fn server(uid: u32, effective: u64) -> ThreadState {
    let ids = Ids { real: uid, effective: uid, saved: uid };
    let capabilities = Capabilities { effective, permitted: effective, inheritable: 0 };
    ThreadState { uid: ids, gid: ids, groups: vec![4, 27], capabilities }
}

/// Root, root with some capabilities laid down by itself, and a server with no more than it needs.
fn servers() -> [ThreadState; 3] {
    let mut modest = server(0, ALL);
    modest.capabilities.effective = SETGID | SETUID;
    [server(0, ALL), modest, server(42_000, SETGID | SETUID)]
}

fn client(uid: u32) -> UnixIdentity {
    UnixIdentity { uid, gid: 41_500, groups: Some(vec![41_600, 41_601]) }
}

fn enter_as<'a>(
    thread: &'a Scripted,
    own: &ThreadState,
    uid: u32,
) -> Result<Acting<'a, Scripted>, NotEntered> {
    try_enter(thread, own.clone(), &client(uid), Change::Identity)
}

#[test]
fn the_thread_becomes_the_peer_without_capabilities_and_itself_again() {
    for own in servers() {
        let thread = Scripted::new(&own);
        let mut acting = enter_as(&thread, &own, 41_500).expect("entered");
        let inside = thread.state.borrow().clone();
        assert_eq!((inside.uid.effective, inside.gid.effective), (41_500, 41_500));
        assert_eq!(inside.groups, [41_600, 41_601]);
        assert_eq!(inside.capabilities.effective, 0);
        assert_eq!((inside.uid.real, inside.uid.saved), (own.uid.real, own.uid.saved));
        acting.leave().expect("left");
        assert_eq!(*thread.state.borrow(), own);
    }
}

#[test]
fn the_steps_come_in_the_one_order_that_works() {
    let root = server(0, ALL);
    let thread = Scripted::new(&root);
    drop(enter_as(&thread, &root, 41_500).expect("entered"));
    let (enter, leave) =
        (["setgroups", "setresgid", "setresuid"], ["setresuid", "setresgid", "setgroups"]);
    assert_eq!(thread.changes(), [enter, leave].concat(), "root's capabilities follow its uid");

    let modest = server(42_000, SETGID | SETUID);
    let thread = Scripted::new(&modest);
    drop(enter_as(&thread, &modest, 41_500).expect("entered"));
    assert_eq!(
        thread.changes(),
        [&enter[..], &["capset", "capset"], &leave[..]].concat(),
        "others lay theirs down last and raise them first"
    );
}

#[test]
fn root_acts_as_root_without_its_capabilities() {
    let root = server(0, ALL);
    let thread = Scripted::new(&root);
    let acting = enter_as(&thread, &root, 0).expect("entered");
    assert_eq!(thread.state.borrow().capabilities.effective, 0);
    drop(acting);
    assert_eq!(*thread.state.borrow(), root);
}

#[test]
fn with_the_right_ids_already_only_capabilities_are_laid_down() {
    let own = server(7, 1 << 10);
    let thread = Scripted::new(&own);
    let acting =
        try_enter(&thread, own.clone(), &client(41_500), Change::Capabilities).expect("entered");
    assert_eq!(thread.state.borrow().capabilities.effective, 0);
    drop(acting);
    assert_eq!(*thread.state.borrow(), own);
    assert_eq!(thread.changes(), ["capset", "capset"]);
}

#[test]
fn t04_a_step_that_fails_half_way_is_undone() {
    for own in servers() {
        for call in ["setgroups", "setresgid", "setresuid", "capget", "read"] {
            let thread = Scripted::failing(&own, call, 1);
            match enter_as(&thread, &own, 41_500) {
                Err(NotEntered::Undone(failed)) => {
                    let step = if call == "read" { "reading back" } else { call };
                    assert_eq!(failed.step, step);
                }
                other => panic!("{call}: {other:?}"),
            }
            assert_eq!(*thread.state.borrow(), own, "{call}");
        }
    }
    let modest = server(42_000, SETGID | SETUID);
    let thread = Scripted::failing(&modest, "capset", 1);
    assert!(matches!(enter_as(&thread, &modest, 41_500), Err(NotEntered::Undone(_))));
    assert_eq!(*thread.state.borrow(), modest);
}

#[test]
fn t03_a_step_that_only_claims_success_is_found_out_and_undone() {
    for own in servers() {
        for call in ["setgroups", "setresgid", "setresuid"] {
            let thread = Scripted::lying(&own, call, 1);
            match enter_as(&thread, &own, 41_500) {
                Err(NotEntered::Undone(failed)) => assert_eq!(failed.step, "reading back"),
                other => panic!("{call}: {other:?}"),
            }
            assert_eq!(*thread.state.borrow(), own, "{call}");
        }
    }
}

#[test]
fn t05_an_undo_that_fails_leaves_the_thread_stranded() {
    let root = server(0, ALL);
    // The way in fails when it reads back; then each step of undoing it fails.
    for call in ["setresuid", "setresgid", "setgroups"] {
        let mut thread = Scripted::failing(&root, call, 2);
        thread.fails.push(("read", 1));
        let outcome = enter_as(&thread, &root, 41_500);
        assert!(matches!(outcome, Err(NotEntered::Stranded(_))), "{call}: {outcome:?}");
    }
}

#[test]
fn t05_a_way_out_that_fails_or_only_claims_success_leaves_the_thread_stranded() {
    for own in servers() {
        for call in ["setresuid", "setresgid", "setgroups", "read"] {
            let thread = Scripted::failing(&own, call, 2);
            let mut acting = enter_as(&thread, &own, 41_500).expect("entered");
            acting.leave().expect_err(call);
        }
        for call in ["setresuid", "setresgid", "setgroups"] {
            let thread = Scripted::lying(&own, call, 2);
            let mut acting = enter_as(&thread, &own, 41_500).expect("entered");
            acting.leave().expect_err(call);
        }
    }
}

#[test]
fn t26_an_identity_that_was_changed_meanwhile_is_found_out() {
    let changes: [fn(&mut ThreadState); 4] = [
        |state| state.groups = vec![7, 8],
        |state| state.uid.effective = 42_000,
        |state| state.gid.effective = 42_000,
        |state| state.uid.saved = 41_500,
    ];
    for own in servers() {
        for change in changes {
            let thread = Scripted::new(&own);
            let mut acting = enter_as(&thread, &own, 41_500).expect("entered");
            change(&mut thread.state.borrow_mut());
            acting.leave().expect_err("found out");
        }
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

//! Requests that are not to be had, from the beginning or in the middle: the thread opens, says so,
//! and nothing is ever opened with this process's own rights.

use std::io;

use ipc_core::ErrorKind;
use ipc_core::audit::{self, noting_mechanism};
use rustix::fs::FlockOperation;

use super::*;
use crate::mechanism::{Mechanism, OpensBy};
use crate::sys::misuse::refuse_call;
use crate::testing::requests::{Setting, warnings};
use crate::testing::{assert_passed, child, part, takes_root};
use crate::transport::UnixTransport;

const CALLS: [libc::c_long; 3] =
    [libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];
const ERRORS: [libc::c_int; 7] = [
    libc::EPERM,
    libc::ENOSYS,
    libc::EAGAIN,
    libc::EBUSY,
    libc::ENOMEM,
    libc::EINVAL,
    libc::EACCES,
];

#[test]
fn t57_whatever_call_is_refused_and_when_the_answers_stay_the_clients() {
    const TEST: &str = "t57_whatever_call_is_refused_and_when_the_answers_stay_the_clients";
    let Some(_setting) = takes_requests(TEST) else { return };
    let directory = tree();
    let root = &UnixRoot::open_dir(directory.path()).expect("opens");
    for (call, error) in CALLS.iter().flat_map(|call| ERRORS.map(|error| (*call, error))) {
        for opens_before in [0, 1, 2] {
            thread::scope(|scope| {
                scope.spawn(move || {
                    let (early, late) = (of_client(Chosen::Request), of_client(Chosen::Request));
                    (0..opens_before).for_each(|_| ask(&early, root));
                    refuse_call(call, error, false);
                    let (heard, ()) = warnings(|| {
                        for _ in 0..3 {
                            ask(&early, root);
                            ask(&late, root);
                        }
                    });
                    // Having a ring and two that are registered is not enough only for a new ring.
                    let goes_on = call == libc::SYS_io_uring_setup && opens_before > 0;
                    assert_eq!(heard, usize::from(!goes_on), "{call} {error} {opens_before}");
                });
            });
        }
    }
}

#[test]
fn t57_who_asks_for_requests_only_is_refused_where_they_fail() {
    const TEST: &str = "t57_who_asks_for_requests_only_is_refused_where_they_fail";
    let Some(_setting) = takes_requests(TEST) else { return };
    let directory = tree();
    let root = &UnixRoot::open_dir(directory.path()).expect("opens");
    for call in CALLS {
        thread::scope(|scope| {
            scope.spawn(move || {
                let (early, late) =
                    (of_client(Chosen::RequestOnly), of_client(Chosen::RequestOnly));
                if call != libc::SYS_io_uring_setup {
                    (0..2).for_each(|_| ask(&early, root));
                }
                refuse_call(call, libc::EPERM, false);
                if call == libc::SYS_io_uring_enter {
                    refused(&early, root);
                }
                (0..2).for_each(|_| refused(&late, root));
            });
        });
    }
}

fn refused(client: &Client, root: &UnixRoot) {
    match client.open(root, "own-0600").expect_err("no request, no file") {
        Error::SwitchFailed { source, .. } => {
            assert_eq!(source.kind(), io::ErrorKind::PermissionDenied);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn t57_a_ring_that_can_number_no_more_leaves_the_others_to_the_thread() {
    const TEST: &str = "t57_a_ring_that_can_number_no_more_leaves_the_others_to_the_thread";
    let Some(_setting) = takes_requests(TEST) else { return };
    let directory = tree();
    let root = UnixRoot::open_dir(directory.path()).expect("opens");
    let early = of_client(Chosen::RequestOnly);
    ask(&early, &root);
    let ring = own_ring::get().expect("a ring");
    let mut many = Vec::new();
    let full = loop {
        match ring.register() {
            Ok(registration) => many.push(registration),
            Err(error) => break error,
        }
    };
    assert_eq!((many.len(), full.raw_os_error()), (65_534, Some(libc::EBUSY)));
    let (late, only) = (of_client(Chosen::Request), of_client(Chosen::RequestOnly));
    let (heard, ()) = warnings(|| (0..3).for_each(|_| ask(&late, &root)));
    assert_eq!((heard, count(&late)), (1, 0));
    assert!(matches!(only.open(&root, "own-0600"), Err(Error::SwitchFailed { .. })));
    (0..3).for_each(|_| ask(&early, &root));
}

#[test]
fn t57_where_the_machine_switches_requests_off_servers_say_so_and_serve() {
    const TEST: &str = "t57_where_the_machine_switches_requests_off_servers_say_so_and_serve";
    match part().as_deref() {
        Some("begins") => return serves_without_requests(),
        Some(_) => unreachable!(),
        None => {}
    }
    if !takes_root(TEST) {
        return;
    }
    let setting = Setting::hold(FlockOperation::LockExclusive);
    let Some(off) = SwitchedOff::now() else {
        return crate::testing::skip(TEST, "takes the sysctl `kernel.io_uring_disabled`");
    };
    assert_passed(&child(&path_of(TEST), "begins").output().expect("runs"));
    drop((off, setting));
}

#[test]
fn t57_a_server_that_runs_while_requests_are_switched_off_goes_on() {
    const TEST: &str = "t57_a_server_that_runs_while_requests_are_switched_off_goes_on";
    if !takes_root(TEST) {
        return;
    }
    let setting = Setting::hold(FlockOperation::LockExclusive);
    if let Err(why) = available() {
        return crate::testing::skip(TEST, &format!("takes requests to open files: {why}"));
    }
    let directory = tree();
    let root = &UnixRoot::open_dir(directory.path()).expect("opens");
    let (early, late) = (of_client(Chosen::Request), of_client(Chosen::Request));
    (0..2).for_each(|_| ask(&early, root));
    let by = |client: &Client| noting_mechanism(|| ask(client, root)).1;
    assert_eq!(by(&early), Some(audit::Mechanism::Request));
    let Some(off) = SwitchedOff::now() else {
        return crate::testing::skip(TEST, "takes the sysctl `kernel.io_uring_disabled`");
    };
    // This thread has its ring; one that begins now gets none.
    let (heard, ()) =
        warnings(|| [&early, &late].map(|client| ask(client, root)).into_iter().collect());
    assert_eq!((heard, count(&early), count(&late)), (0, 1, 1));
    thread::scope(|scope| {
        scope.spawn(|| {
            let (heard, ()) = warnings(|| (0..3).for_each(|_| ask(&early, root)));
            assert_eq!((heard, count(&early)), (1, 1));
            assert_eq!(by(&early), Some(audit::Mechanism::Thread), "whoever keeps account sees it");
        });
    });
    drop((off, setting));
}

/// What a server does that begins where requests are switched off.
fn serves_without_requests() {
    let why = available().expect_err("switched off");
    assert!(why.contains("kernel.io_uring_disabled"), "{why}");
    let transport = UnixTransport::new();
    let OpensBy::Thread { why: said } = transport.opens_by().expect("by the thread") else {
        panic!("there are no requests");
    };
    assert_eq!(said, why);
    let place = tempfile::tempdir().expect("a directory");
    let at = format!("unix:{}/socket", place.path().display()).parse().expect("an endpoint");
    let only = transport.clone().mechanism(Mechanism::Request);
    for refusal in [bind(&only, &at).expect_err("refused"), only.opens_by().expect_err("refused")] {
        assert_eq!(refusal.kind(), ErrorKind::Unsupported);
        assert!(refusal.chain().contains(why), "{}", refusal.chain());
    }
    bind(&transport, &at).expect("binds");
    let directory = tree();
    let root = UnixRoot::open_dir(directory.path()).expect("opens");
    let client = of_client(Mechanism::Auto.choose().expect("the thread"));
    assert_eq!(client.chosen, Chosen::Thread);
    (0..2).for_each(|_| ask(&client, &root));
}

fn bind(transport: &UnixTransport, at: &ipc_core::Endpoint) -> Result<()> {
    ipc_core::Transport::bind(transport, at, &ipc_core::BindOptions::new()).map(drop)
}

/// The reason that a server on a thread with that call refused would give.
fn reason_with(call: libc::c_long, error: libc::c_int) -> String {
    let tried = thread::scope(|scope| {
        let tried = scope.spawn(|| {
            refuse_call(call, error, false);
            self_test::try_out()
        });
        tried.join().expect("tried")
    });
    tried.expect_err("refused")
}

#[test]
fn t57_the_self_test_names_what_is_missing() {
    let Some(_setting) = takes_requests("t57_the_self_test_names_what_is_missing") else { return };
    for (call, error, words) in [
        (libc::SYS_io_uring_setup, libc::EPERM, "switched off"),
        (libc::SYS_io_uring_setup, libc::ENOSYS, "this kernel has no io_uring"),
        (libc::SYS_io_uring_register, libc::EINVAL, "before Linux 5.10"),
        (libc::SYS_io_uring_enter, libc::EPERM, "a request failed"),
        (libc::SYS_mkdir, libc::EROFS, "no place for a self-test"),
    ] {
        let why = reason_with(call, error);
        assert!(why.contains(words), "{call} {error}: {why}");
    }
    let unprivileged = User::new(42_000, &[]).run(self_test::try_out);
    let why = unprivileged.expect_err("it cannot switch");
    assert!(why.contains("CAP_SETUID"), "{why}");
    self_test::try_out().expect("nothing is missing");
}

/// Opens what `client` may and what it may not: wrong answers of either kind fail.
fn ask(client: &Client, root: &UnixRoot) {
    assert_eq!(client.read(root, "own-0600").expect("may"), "own-0600");
    for name in ["root-0600", "strangers-0600", "unsearchable/others-0644"] {
        let refusal = client.open(root, name).expect_err("may not");
        assert_eq!(refusal.kind(), ErrorKind::PermissionDenied, "{name}");
    }
    client.stat(root, "root-0600").expect("may look");
    let refusal = client.stat(root, "unsearchable/missing").expect_err("may not");
    assert_eq!(refusal.kind(), ErrorKind::PermissionDenied);
}

fn of_client(chosen: Chosen) -> Client {
    Client::of(&client(), chosen)
}

/// The machine's setting, put back when this is dropped.
struct SwitchedOff {
    before: String,
}

impl SwitchedOff {
    fn now() -> Option<Self> {
        let before = fs::read_to_string(SETTING).ok()?;
        fs::write(SETTING, "2").ok()?;
        Some(Self { before })
    }
}

impl Drop for SwitchedOff {
    fn drop(&mut self) {
        fs::write(SETTING, self.before.trim()).expect("put back");
    }
}

const SETTING: &str = "/proc/sys/kernel/io_uring_disabled";

fn path_of(test: &str) -> String {
    format!("request::tests::refusals::{test}")
}

//! How long a registration lives, and whose it is.

use std::num::NonZeroU16;
use std::sync::Barrier;

use super::*;
use crate::sys::misuse;
use crate::testing::{assert_passed, child, part};

#[test]
fn t56_seventy_thousand_registrations_in_a_circle_are_mixed_up_with_none_that_lives() {
    const TEST: &str =
        "t56_seventy_thousand_registrations_in_a_circle_are_mixed_up_with_none_that_lives";
    const PASSING: u32 = 70_000;
    let Some(_setting) = takes_requests(TEST) else { return };
    let (directory, users) = private_files(8);
    let root = UnixRoot::open_dir(directory.path()).expect("opens");
    let living: Vec<_> =
        users.iter().map(|user| (user, Client::of(user, Chosen::RequestOnly))).collect();
    let check = || {
        for (user, client) in &living {
            for (other, _) in &living {
                let (outcome, own) = (client.read(&root, &name(other)), other.uid == user.uid);
                match outcome {
                    Ok(text) => assert!(own && text == name(user), "{} {text}", user.uid),
                    Err(error) => {
                        assert!(!own, "{}: {error}", user.uid);
                        assert_eq!(error.kind(), ipc_core::ErrorKind::PermissionDenied);
                    }
                }
            }
        }
    };
    check();
    let before = registered();
    assert_eq!(before.len(), 8, "{before:?}");
    let passing = Client::of(&User::new(41_900, &[]), Chosen::RequestOnly);
    for n in 1..=PASSING {
        let known = Registrations::default();
        let opener = Opener { known: &known, ..passing.opener() };
        opener.stat(&root, &RelativePath::new(b"").expect("the root")).expect("may");
        assert_eq!(known.0.lock().len(), 1);
        if n % 5_000 == 0 {
            check();
        }
    }
    assert_eq!(registered(), before);
}

#[test]
fn t56_what_is_registered_ends_with_its_connection_on_whatever_thread_that_is() {
    const TEST: &str = "t56_what_is_registered_ends_with_its_connection_on_whatever_thread_that_is";
    let Some(_setting) = takes_requests(TEST) else { return };
    let (directory, users) = private_files(3);
    let root = UnixRoot::open_dir(directory.path()).expect("opens");
    let clients: Vec<_> = users.iter().map(|user| Client::of(user, Chosen::RequestOnly)).collect();
    for (user, client) in users.iter().zip(&clients) {
        client.open(&root, &name(user)).expect("its own");
    }
    assert_eq!(registered().len(), 3);
    for (left, client) in clients.into_iter().enumerate().map(|(n, client)| (2 - n, client)) {
        thread::scope(|scope| scope.spawn(|| drop(client)).join()).expect("dropped");
        assert_eq!(registered().len(), left);
    }
}

#[test]
fn a_connection_is_registered_once_on_each_thread_that_opens_for_it() {
    const TEST: &str = "a_connection_is_registered_once_on_each_thread_that_opens_for_it";
    let Some(_setting) = takes_requests(TEST) else { return };
    let (directory, users) = private_files(4);
    let root = UnixRoot::open_dir(directory.path()).expect("opens");
    let clients: Vec<_> = users.iter().map(|user| Client::of(user, Chosen::RequestOnly)).collect();
    let start = Barrier::new(4);
    let serve = || {
        start.wait();
        for n in 0..400 {
            let (user, client) = (&users[n % 4], &clients[n % 4]);
            assert_eq!(client.read(&root, &name(user)).expect("its own"), name(user));
            client.open(&root, &name(&users[(n + 1) % 4])).expect_err("another's");
        }
        assert_eq!(registered().len(), 4, "one for each client, whatever was asked");
    };
    thread::scope(|scope| {
        // Joined one by one: the scope itself does not wait until their rings are closed.
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(serve)).collect();
        threads.into_iter().for_each(|thread| thread.join().expect("served"));
    });
    // The threads have ended, and their rings with them: what was theirs goes at the next occasion.
    clients[0].open(&root, &name(&users[0])).expect("its own");
    assert_eq!(count(&clients[0]), 1);
}

#[test]
fn nothing_is_left_open_by_opens_by_threads_that_end_and_by_connections() {
    const TEST: &str = "nothing_is_left_open_by_opens_by_threads_that_end_and_by_connections";
    if part().is_none() {
        let Some(_setting) = takes_requests(TEST) else { return };
        return assert_passed(&child(&path_of(TEST), "alone").output().expect("runs"));
    }
    let (directory, users) = private_files(2);
    let root = UnixRoot::open_dir(directory.path()).expect("opens");
    let lasting = Client::of(&users[0], Chosen::RequestOnly);
    let serve = |rounds: usize| {
        for _ in 0..rounds {
            let passing = Client::of(&users[1], Chosen::RequestOnly);
            for client in [&lasting, &passing] {
                for user in &users {
                    let _ = client.open(&root, &name(user));
                    let _ = client.list(&root, &name(user));
                    client.stat(&root, &name(user)).expect("all may look");
                }
            }
        }
    };
    // With the self-test, and all that is made once, done.
    serve(1);
    let before = open_descriptors();
    for _ in 0..20 {
        thread::scope(|scope| scope.spawn(|| serve(5)).join()).expect("served");
    }
    serve(200);
    assert_eq!(open_descriptors(), before);
    let rings = before.iter().filter(|name| name.contains("[io_uring]")).count();
    assert_eq!(rings, 1, "{before:?}");
}

#[test]
fn a_forked_process_has_a_ring_of_its_own_and_leaves_its_parents_alone() {
    const TEST: &str = "a_forked_process_has_a_ring_of_its_own_and_leaves_its_parents_alone";
    if part().is_none() {
        let Some(_setting) = takes_requests(TEST) else { return };
        return assert_passed(&child(&path_of(TEST), "alone").output().expect("runs"));
    }
    let (directory, users) = private_files(3);
    let root = UnixRoot::open_dir(directory.path()).expect("opens");
    let clients: Vec<_> = users.iter().map(|user| Client::of(user, Chosen::RequestOnly)).collect();
    for (user, client) in users.iter().zip(&clients).take(2) {
        client.open(&root, &name(user)).expect("its own");
    }
    let before = registered();
    assert_eq!(before.len(), 2);
    let [first, second, third] = &clients[..] else { unreachable!() };
    let answered = misuse::in_fork(|| {
        // What the child drops was never the child's.
        second.known.0.lock().clear();
        let may = |client: &Client, user| client.read(&root, &name(user)).is_ok();
        [
            may(first, &users[0]),
            !may(first, &users[1]),
            may(second, &users[1]),
            may(third, &users[2]),
            !may(third, &users[0]),
        ] == [true; 5]
    });
    assert!(answered, "the child opens as its clients, and for nobody else");
    assert_eq!(registered(), before);
    for _ in 0..2 {
        assert!(first.open(&root, &name(&users[0])).is_ok());
        first.open(&root, &name(&users[1])).expect_err("another's");
    }
    assert_eq!(registered(), before, "the parent goes on with what it had");
}

/// The numbers under which this thread's ring keeps somebody's credentials.
fn registered() -> Vec<NonZeroU16> {
    own_ring::get().expect("there is a ring").registered()
}

/// What the descriptors of this process lead to.
fn open_descriptors() -> Vec<String> {
    let entries = fs::read_dir("/proc/self/fd").expect("listed");
    let targets = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    let mut targets: Vec<_> = targets.map(|target| target.display().to_string()).collect();
    targets.sort();
    targets
}

/// A directory with a file for each of so many users, which nobody else may open.
fn private_files(users: u32) -> (tempfile::TempDir, Vec<User>) {
    use std::os::unix::fs::{PermissionsExt, chown};
    let directory = tempfile::tempdir().expect("a directory");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o711)).expect("ours");
    let users: Vec<_> = (0..users).map(|n| User::new(41_500 + n, &[43_000 + n])).collect();
    for user in &users {
        let path = directory.path().join(name(user));
        fs::write(&path, name(user)).expect("written");
        chown(&path, Some(user.uid), Some(0)).expect("root may");
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("root may");
    }
    (directory, users)
}

fn name(user: &User) -> String {
    format!("of-{}", user.uid)
}

fn path_of(test: &str) -> String {
    format!("request::tests::lives::{test}")
}

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::{env, thread};

use super::{Account, can_become_others, keep_only_switching};
use crate::sys::misuse;
use crate::sys::privileges::try_to_get_back;
use crate::testing::{User, assert_passed, child, part, takes_root};

#[test]
fn an_account_is_found_by_name_by_id_and_taken_as_given_with_its_group() {
    let root = Account { uid: 0, gid: 0 };
    assert_eq!(Account::find("root").expect("everywhere"), root);
    assert_eq!(Account::find("0").expect("everywhere"), root);
    let given = Account { uid: 4_123_456_789, gid: 7 };
    assert_eq!(Account::find("4123456789:7").expect("as given"), given);
    for text in ["", "no such user", "4123456789", "1:", ":1", "-1", "1:x", "-1:-1"] {
        let error = Account::find(text).expect_err(text);
        assert_eq!(error.kind(), io::ErrorKind::NotFound, "{text}");
    }
}

#[test]
fn root_is_no_user_to_give_up_rights_for() {
    let error = keep_only_switching(Account { uid: 0, gid: 7 }).expect_err("root");
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn t52_what_was_given_up_stays_so_and_clients_are_acted_as() {
    const TEST: &str = "t52_what_was_given_up_stays_so_and_clients_are_acted_as";
    if part().is_some() {
        // A test has a thread beside it, and what is forked has not.
        assert!(misuse::in_fork(be_modest), "see above");
        return;
    }
    if takes_root(TEST) {
        let directory = tempfile::tempdir().expect("a directory");
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).expect("root may");
        let file = directory.path().join("clients");
        fs::write(&file, "text").expect("written");
        fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("root may");
        chown(&file, Some(41_500), Some(41_500)).expect("root may");
        let output = child(&path(TEST), "server").env(FILE, &file).output();
        assert_passed(&output.expect("runs"));
    }
}

fn be_modest() -> bool {
    keep_only_switching(SERVER).expect("root may");
    keep_only_switching(SERVER).expect("and once more without root");
    let here = rights();
    for (name, value) in [
        ("CapPrm", "00000000000000c0"),
        ("CapEff", "00000000000000c0"),
        ("CapBnd", "00000000000000c0"),
        ("CapInh", "0000000000000000"),
        ("CapAmb", "0000000000000000"),
        ("NoNewPrivs", "1"),
        ("Groups", ""),
        ("Uid", "42000\t42000\t42000\t42000"),
        ("Gid", "42000\t42000\t42000\t42000"),
    ] {
        assert!(here.contains(&(name.to_owned(), value.to_owned())), "{name}: {here:?}");
    }
    assert_eq!(thread::spawn(rights).join().expect("reads"), here, "of every later thread");
    assert!(can_become_others());
    let file = env::var_os(FILE).expect("set");
    let client = User::new(41_500, &[]).connect();
    (0..2).all(|_| {
        let by_itself = File::open(&file).is_ok();
        !by_itself && client.act(|_| File::open(&file).is_ok()).expect("acts")
    })
}

#[test]
fn rights_are_not_given_up_while_another_thread_would_keep_them() {
    const TEST: &str = "rights_are_not_given_up_while_another_thread_would_keep_them";
    if part().is_some() {
        let before = rights();
        thread::scope(|scope| {
            let (end, ended) = std::sync::mpsc::channel::<()>();
            scope.spawn(move || ended.recv());
            let error = keep_only_switching(SERVER).expect_err("two threads");
            assert!(error.to_string().contains("threads already"), "{error}");
            drop(end);
        });
        assert_eq!(rights(), before, "nothing was changed");
        return;
    }
    if takes_root(TEST) {
        assert_passed(&child(&path(TEST), "server").output().expect("runs"));
    }
}

#[test]
fn t52_a_process_that_has_more_is_found_out() {
    if takes_root("t52_a_process_that_has_more_is_found_out") {
        let error = try_to_get_back().expect_err("root has everything");
        assert!(error.to_string().contains("still got capability 0"), "{error}");
    }
}

/// What the kernel says of this thread's ids and capabilities.
fn rights() -> Vec<(String, String)> {
    let status = fs::read_to_string("/proc/thread-self/status").expect("readable");
    let lines = status.lines().filter_map(|line| line.split_once(':'));
    let lines = lines.map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    let telling = ["Uid", "Gid", "Groups", "NoNewPrivs"];
    lines.filter(|(name, _)| name.starts_with("Cap") || telling.contains(&&**name)).collect()
}

fn path(test: &str) -> String {
    format!("privileges::tests::{test}")
}

const SERVER: Account = Account { uid: 42_000, gid: 42_000 };
const FILE: &str = "IPC_UNIX_TEST_FILE";

//! What ends the process, and what a server with no more than two capabilities can do: each in a
//! child, which is this test binary.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Output;
use std::sync::mpsc;
use std::{env, thread};

use rustix::process::Uid;

use super::identity;
use crate::sys::misuse;
use crate::testing::{
    User, WITH_TWO_CAPABILITIES, assert_passed, child, child_by, part, said, takes_root,
};

#[test]
fn t05_a_thread_that_cannot_become_itself_again_ends_the_process() {
    const TEST: &str = "t05_a_thread_that_cannot_become_itself_again_ends_the_process";
    if part().is_some() {
        let client = User::new(41_500, &[]).connect();
        let lost = Uid::from_raw(41_500);
        let _ = client.act(|_| rustix::thread::set_thread_res_uid(lost, lost, lost));
        return; // alive: the parent's assertion fails
    }
    if takes_root(TEST) {
        let output = child(&path(TEST), "server").output().expect("runs");
        assert_aborted(&output);
        assert!(said(&output).contains("cannot become itself again"), "{}", said(&output));
    }
}

#[test]
fn t26_a_process_wide_change_of_identity_while_a_thread_acts_ends_the_process() {
    const TEST: &str = "t26_a_process_wide_change_of_identity_while_a_thread_acts_ends_the_process";
    if part().is_some() {
        let client = User::new(41_500, &[41_600]).connect();
        let (acts, acting) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || client.act(|_| (acts.send(()), ended.recv())));
            acting.recv().expect("acts");
            misuse::set_groups_of_all_threads(&[7, 8]);
            drop(end);
        });
        return; // alive: the parent's assertion fails
    }
    if takes_root(TEST) {
        assert_aborted(&child(&path(TEST), "root").output().expect("runs"));
        let modest = child_by(&WITH_TWO_CAPABILITIES, &path(TEST), "two capabilities").output();
        assert_aborted(&modest.expect("runs"));
    }
}

#[test]
fn t25_a_server_with_two_capabilities_acts_as_its_clients_and_reads_nothing_itself() {
    const TEST: &str =
        "t25_a_server_with_two_capabilities_acts_as_its_clients_and_reads_nothing_itself";
    if part().is_some() {
        return serve_with_two_capabilities(Path::new(&env::var_os(DIRECTORY).expect("set")));
    }
    if takes_root(TEST) {
        let directory = files();
        let output = child_by(&WITH_TWO_CAPABILITIES, &path(TEST), "server")
            .env(DIRECTORY, directory.path())
            .output();
        assert_passed(&output.expect("runs"));
    }
}

fn serve_with_two_capabilities(directory: &Path) {
    let own = identity();
    let client = User::new(41_500, &[41_600]).connect();
    let open = |name: &str| File::open(directory.join(name)).map(drop).map_err(|e| e.kind());
    let names = ["clients", "groups", "roots"];
    let (may, denied) = (Ok(()), Err(io::ErrorKind::PermissionDenied));
    for _ in 0..3 {
        let inside = client.act(|_| names.map(open)).expect("acts");
        assert_eq!(inside, [may, may, denied]);
        assert_eq!(names.map(open), [denied; 3], "as itself it can read nothing");
        assert_eq!(identity(), own);
    }
    let (ask, asked) = mpsc::channel::<&str>();
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| asked.into_iter().for_each(|name| tell.send(open(name)).expect("heard")));
        let by_another_thread = client.act(|_| {
            names.map(|name| {
                ask.send(name).expect("asked");
                told.recv().expect("told")
            })
        });
        assert_eq!(by_another_thread.expect("acts"), [denied; 3], "t25: it fails closed");
        drop(ask);
    });
}

fn files() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).expect("root may");
    for (name, mode, owner, group) in
        [("clients", 0o600, 41_500, 0), ("groups", 0o640, 0, 41_600), ("roots", 0o600, 0, 0)]
    {
        let path = directory.path().join(name);
        fs::write(&path, name).expect("written");
        chown(&path, Some(owner), Some(group)).expect("root may");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("root may");
    }
    directory
}

fn assert_aborted(output: &Output) {
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{}", said(output));
}

fn path(test: &str) -> String {
    format!("switch::tests::children::{test}")
}

const DIRECTORY: &str = "IPC_UNIX_TEST_DIRECTORY";

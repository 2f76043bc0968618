//! A server that the kernel keeps in what it serves.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::fs::{self, File};
use std::process::Command;

use common::users::{ALICE, is_root};
use common::{Place, Server, fileserve, run, skip};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

/// Whether a server is fenced in here; says aloud that the test is left out if not.
fn takes_fences(test: &str) -> bool {
    let place = Place::new();
    let line = Server::start(&place).says("fenced   ");
    if !line.contains("by the kernel") {
        skip(test, &line);
    }
    line.contains("by the kernel")
}

#[test]
fn a_server_says_whether_it_is_fenced_in_and_every_thread_of_it_is() {
    const TEST: &str = "a_server_says_whether_it_is_fenced_in_and_every_thread_of_it_is";
    if !takes_fences(TEST) {
        return;
    }
    let place = Place::new();
    place.file("x", "content");
    const GAINS_NOTHING: &str = "NoNewPrivs:\t1";
    let own = fs::read_to_string("/proc/thread-self/status").expect("readable");
    let inherits_that = own.contains(GAINS_NOTHING);
    for (options, words, is_fenced) in [
        (&[][..], "by the kernel (Landlock", true),
        (&["--landlock", "on"], "by the kernel (Landlock", true),
        (&["--landlock", "off"], "no, as it was asked for", false),
    ] {
        let server = Server::with(&place, options);
        let line = server.says("fenced   ");
        assert!(line.contains(words), "{line}");
        assert_eq!(run(fileserve(["get", server.endpoint(), "x"])).text(), "content");
        // What cannot be seen of a fence from outside begins with what can.
        let tasks = fs::read_dir(format!("/proc/{}/task", server.pid())).expect("lives");
        for task in tasks {
            let status = task.expect("listed").path().join("status");
            let status = fs::read_to_string(status).expect("readable");
            let gains_nothing = status.contains(GAINS_NOTHING);
            assert_eq!(gains_nothing, is_fenced || inherits_that, "{status}");
        }
    }
}

#[test]
fn a_server_of_every_file_is_fenced_in_only_if_asked() {
    const TEST: &str = "a_server_of_every_file_is_fenced_in_only_if_asked";
    if !takes_fences(TEST) {
        return;
    }
    let place = Place::new();
    let file = place.file("x", "content");
    for (landlock, words) in [("auto", "no, for it serves every file"), ("on", "every file")] {
        let mut serve = fileserve(["serve", &place.endpoint(), "--any-path", "--landlock"]);
        serve.arg(landlock);
        let mut server = Server::run(serve, place.endpoint());
        let line = server.says("fenced   ");
        assert!(line.contains(words), "{line}");
        let mut get = fileserve(["get", server.endpoint()]);
        get.arg(&file);
        assert_eq!(run(get).text(), "content");
        server.ask_to_stop();
        assert!(server.wait().success());
    }
}

#[test]
fn a_fenced_server_leaves_nothing_behind_and_can_be_started_again() {
    let place = Place::new();
    place.file("x", "content");
    let before = place.names();
    for _ in 0..3 {
        let mut server = Server::start(&place);
        assert_eq!(run(fileserve(["get", server.endpoint(), "x"])).text(), "content");
        server.ask_to_stop();
        assert!(server.wait().success());
        assert_eq!(place.names(), before, "socket and lock are gone");
    }
    let mut serve = fileserve(["serve", "unix:@fileserve-test-fence", "--root"]);
    serve.arg(place.files());
    let mut server = Server::run(serve, "unix:@fileserve-test-fence".to_owned());
    assert_eq!(run(fileserve(["get", server.endpoint(), "x"])).text(), "content");
    server.ask_to_stop();
    assert!(server.wait().success());
}

#[test]
fn what_looks_from_outside_outlasts_signals_and_ends_with_its_server() {
    const TEST: &str = "what_looks_from_outside_outlasts_signals_and_ends_with_its_server";
    if !takes_fences(TEST) {
        return;
    }
    let place = Place::new();
    let mut server = Server::start(&place);
    let [outside] = children(server.pid())[..] else { panic!("{:?}", children(server.pid())) };
    let handle = pidfd_open(outside, PidfdFlags::empty()).expect("lives");
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        kill_process(outside, signal).expect("ours");
    }
    let who = run(fileserve(["whoami", server.endpoint()])).text();
    assert!(who.contains("mount ns     the server's own"), "{who}");
    server.kill();
    let mut ended = [PollFd::new(&handle, PollFlags::IN)];
    assert_eq!(poll(&mut ended, None).expect("waited"), 1);
    let next = Server::start(&place);
    assert_eq!(run(fileserve(["whoami", next.endpoint()])).code(), 0);
}

fn children(of: u32) -> Vec<Pid> {
    let parent = format!("\nPPid:\t{of}\n");
    let all = fs::read_dir("/proc").expect("readable");
    let ids = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let is_child = |id: &i32| {
        fs::read_to_string(format!("/proc/{id}/status"))
            .is_ok_and(|status| status.contains(&parent))
    };
    ids.filter(is_child).map(|id| Pid::from_raw(id).expect("not 0")).collect()
}

#[test]
fn t17_a_fenced_server_knows_where_its_clients_live() {
    const TEST: &str = "t17_a_fenced_server_knows_where_its_clients_live";
    if !is_root(TEST) || !takes_fences(TEST) {
        return;
    }
    let can_unshare = Command::new("unshare").args(["--mount", "true"]).status();
    if !can_unshare.is_ok_and(|status| status.success()) {
        return skip(TEST, "`unshare --mount` does not work here");
    }
    let place = Place::new();
    place.owned("alices", "hers", 0o600, ALICE, ALICE);
    place.owned("roots", "secret", 0o600, 0, 0);
    let server = Server::for_all(&place);
    let get = |wrapper: &[&str], name: &str| {
        // The program lies where not every user may look.
        let program = File::open(env!("CARGO_BIN_EXE_fileserve")).expect("cargo has built it");
        let mut get = Command::new(wrapper[0]);
        get.args(&wrapper[1..]).arg("/proc/self/fd/0").stdin(program);
        get.args(["get", server.endpoint(), name]);
        run(get)
    };
    let alice = ["setpriv", "--reuid=42001", "--regid=42001", "--clear-groups", "--"];
    assert_eq!(get(&["env"], "roots").text(), "secret");
    get(&["unshare", "--mount"], "roots").failed(14, "another mount namespace");
    get(&["unshare", "--user", "--map-root-user"], "roots").failed(14, "another user namespace");
    assert_eq!(get(&alice, "alices").text(), "hers");
    let sandboxed = [&alice[..], &["unshare", "--user"]].concat();
    get(&sandboxed, "alices").failed(14, "another user namespace");
}

//! The mechanisms by which a server opens files as its clients, and what it says of them.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use common::users::{ALICE, BOB, fileserve_as, is_root};
use common::{Place, Server, fileserve, run, skip};

#[test]
fn by_each_mechanism_clients_get_their_own_and_the_server_says_which_it_is() {
    const TEST: &str = "by_each_mechanism_clients_get_their_own_and_the_server_says_which_it_is";
    if !is_root(TEST) {
        return;
    }
    for (mechanism, words) in
        [("auto", ""), ("request", "io_uring"), ("thread", "as it was asked for")]
    {
        let place = Place::new();
        place.owned("alices", "hers", 0o600, ALICE, ALICE);
        place.owned("bobs", "his", 0o600, BOB, BOB);
        place.owned("closed", "secret", 0o600, 0, 0);
        let options = ["--allow", "any", "--socket-mode", "0666", "--mechanism", mechanism];
        if mechanism == "request" {
            if let Some(why) = no_requests(&place) {
                skip(TEST, &why);
                continue;
            }
        }
        let server = Server::with(&place, options);
        let line = server.says("by       ");
        assert!(line.contains(words), "{mechanism}: {line}");
        for _ in 0..3 {
            for (user, own, others) in [(ALICE, "alices", "bobs"), (BOB, "bobs", "alices")] {
                let get = |name: &str| run(fileserve_as(user, ["get", server.endpoint(), name]));
                assert_eq!(get(own).text(), if user == ALICE { "hers" } else { "his" });
                get(others).failed(4, "permission denied");
                get("closed").failed(4, "permission denied");
            }
        }
    }
}

#[test]
fn t57_the_mechanism_is_the_one_that_these_tests_are_run_for() {
    const TEST: &str = "t57_the_mechanism_is_the_one_that_these_tests_are_run_for";
    if !is_root(TEST) {
        return;
    }
    let line = Server::start(&Place::new()).says("by       ");
    // Set where the tests are run once more without requests.
    match std::env::var("IPC_TEST_MECHANISM") {
        Ok(_) => assert!(line.contains("switching the thread (io_uring is switched off"), "{line}"),
        Err(_) if line.contains("requests with registered credentials") => {}
        Err(_) => skip(TEST, &line),
    }
}

/// Why a server that opens by requests only does not start here, if it does not.
fn no_requests(place: &Place) -> Option<String> {
    let server = Server::with(place, ["--mechanism", "auto"]);
    let line = server.says("by       ");
    let why = (!line.contains("requests with")).then_some(line)?;
    drop(server);
    let mut only = fileserve(["serve", &place.endpoint(), "--mechanism", "request", "--root"]);
    only.arg(place.files());
    let refused = run(only);
    assert!(refused.stderr().contains("files cannot be opened by request"), "{}", refused.stderr());
    Some(why)
}

#[test]
fn a_server_that_can_become_nobody_cannot_be_asked_for_requests() {
    const TEST: &str = "a_server_that_can_become_nobody_cannot_be_asked_for_requests";
    if !is_root(TEST) {
        return;
    }
    let arguments = ["serve", "unix:@fileserve-test-mechanisms", "--any-path", "--mechanism"];
    let mut serve = fileserve_as(ALICE, arguments);
    serve.arg("request");
    run(serve).failed(1, "lacks CAP_SETUID and CAP_SETGID");
}

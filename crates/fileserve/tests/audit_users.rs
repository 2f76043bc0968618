//! The account of a server for several Unix users: who asked, for what, how it was opened, and what
//! came of it, of every request and of nothing else.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use common::account::{lines, of};
use common::users::{ALICE, BOB, CAROL, DAVE, fileserve_as, is_root, set_mode};
use common::{Place, Server, raw, run, skip};
use fileserve::platform::{self, Mechanism, Serving};
use fileserve::protocol::Names;
use fileserve::{FileService, Files as _};
use ipc_core::audit::{Decision, Event, Sink};
use ipc_core::server::Server as Builder;
use ipc_core::{Failure, Policy};
use rustix::process::{Signal, kill_process};
use serde_json::Value;

/// How often each client asks for each path.
const TIMES: u64 = 50;

/// A client of that user, which has connected and waits to be let go.
fn client(server: &Server, uid: u32, paths: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fileserve"));
    let times = TIMES.to_string();
    command.args(["__client", server.endpoint(), "--as", &format!("{uid}:{uid}:")]);
    command.args(["--times", &times]).args(paths);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut stdout = BufReader::new(child.stdout.as_mut().expect("piped"));
    let mut ready = String::new();
    stdout.read_line(&mut ready).expect("text");
    assert_eq!(ready, "ready\n");
    child
}

/// What is in the file that only `name` may read.
fn content(name: &str) -> String {
    format!("only {name} reads this")
}

/// Who asked for what, what came of it, and how many bytes.
type Key = (u64, String, String, u64);

fn key(line: &Value) -> Key {
    let text = |name: &str| line[name].as_str().unwrap_or_else(|| panic!("{line}")).to_owned();
    let number = |name: &str| line[name].as_u64().unwrap_or_else(|| panic!("{line}"));
    (number("uid"), text("path"), text("outcome"), number("bytes"))
}

#[test]
fn t28_every_request_of_four_users_at_once_is_accounted_for_and_nothing_else_is() {
    let test = "t28_every_request_of_four_users_at_once_is_accounted_for_and_nothing_else_is";
    if !is_root(test) {
        return;
    }
    for mechanism in ["auto", "thread"] {
        let place = Place::new();
        let users = [(ALICE, "alice"), (BOB, "bob"), (CAROL, "carol"), (DAVE, "dave")];
        for (uid, name) in users {
            place.owned(name, &content(name), 0o600, uid, uid);
        }
        place.owned("key", "secret", 0o600, 0, 0);
        let paths = ["alice", "bob", "carol", "dave", "key", "missing", "."];
        let allowed = ["--allow", "any", "--socket-mode", "0666", "--mechanism", mechanism];
        let server = Server::audited(&place, &allowed);
        let by = server.says("by       ");
        let mut clients: Vec<_> =
            (0..8).map(|number| client(&server, users[number % 4].0, &paths)).collect();
        for client in &mut clients {
            client.stdin.as_mut().expect("piped").write_all(b"\n").expect("the client lives");
        }
        for client in clients {
            assert!(client.wait_with_output().expect("a child").status.success());
        }
        server.stop();

        let mut expected = BTreeMap::new();
        for (uid, own) in users {
            for path in paths {
                let (outcome, bytes) = match path {
                    "missing" => ("not found", 0),
                    "." => ("is a directory", 0),
                    path if path == own => ("ok", content(own).len() as u64),
                    _ => ("permission denied", 0),
                };
                let key = (u64::from(uid), path.to_owned(), outcome.to_owned(), bytes);
                expected.insert(key, 2 * TIMES);
            }
        }
        let lines = lines(&place.account());
        let mut found: BTreeMap<Key, u64> = BTreeMap::new();
        of(&lines, "result").into_iter().for_each(|line| *found.entry(key(line)).or_default() += 1);
        assert_eq!(found, expected, "{mechanism}");
        check_that_lines_belong_together(&lines);

        let mechanisms: BTreeSet<_> =
            of(&lines, "open").iter().map(|line| line["mechanism"].to_string()).collect();
        if mechanism == "thread" {
            assert_eq!(mechanisms, [r#""thread""#.to_owned()].into());
        } else if by.contains("requests with") {
            // The first on each thread is opened by that.
            assert_eq!(mechanisms, [r#""request""#, r#""thread""#].map(str::to_owned).into());
        } else {
            skip(test, &by);
        }
    }
}

/// Each connection has one line of each kind, each call one `open` or `refusal` before its one
/// `result`, and all of a connection are about one user.
fn check_that_lines_belong_together(lines: &[Value]) {
    let mut connections: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    for line in &lines[1..] {
        let number = line["connection"].as_u64().unwrap_or_else(|| panic!("{line}"));
        connections.entry(number).or_default().push(line);
    }
    assert_eq!(lines[0]["event"], "begin");
    assert_eq!(connections.len(), 8);
    for lines in connections.values() {
        let events: Vec<_> = lines[..3].iter().map(|line| line["event"].clone()).collect();
        assert_eq!(events, ["connect", "policy", "level"]);
        assert!(lines.iter().all(|line| line["uid"] == lines[0]["uid"]), "{lines:?}");
        assert_eq!((lines.len() - 3) % 2, 0);
        let mut calls = BTreeSet::new();
        for pair in lines[3..].chunks_exact(2) {
            let (first, last) = (pair[0], pair[1]);
            let expected = if last["outcome"] == "ok" { "open" } else { "refusal" };
            assert_eq!((&first["event"], &last["event"]), (&expected.into(), &"result".into()));
            for same in ["call", "path", "method", "mechanism", "uid"] {
                assert_eq!(first[same], last[same]);
            }
            assert!(calls.insert(first["call"].as_u64()), "a second account of {first}");
        }
    }
}

#[test]
fn a_user_whom_policy_refuses_is_accounted_for_by_its_number() {
    if !is_root("a_user_whom_policy_refuses_is_accounted_for_by_its_number") {
        return;
    }
    let place = Place::new();
    let server = Server::audited(&place, &["--socket-mode", "0666"]);
    run(fileserve_as(ALICE, ["ls", server.endpoint()])).failed(7, "refused by policy");
    server.stop();
    let lines = lines(&place.account());
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert_eq!(lines[1]["uid"], ALICE);
    assert_eq!((&lines[2]["event"], &lines[2]["uid"]), (&"policy".into(), &ALICE.into()));
    assert_eq!(lines[2]["outcome"], "refused by policy");
}

#[test]
fn a_server_that_gives_up_its_rights_keeps_its_account_and_says_what_it_cannot_open_anew() {
    let test =
        "a_server_that_gives_up_its_rights_keeps_its_account_and_says_what_it_cannot_open_anew";
    if !is_root(test) {
        return;
    }
    const SERVER: u32 = 42_005;
    for own_directory in [true, false] {
        let place = Place::new();
        for name in ["run", "log"] {
            std::fs::create_dir(place.beside(name)).expect("a directory");
            set_mode(&place.beside(name), 0o755);
        }
        let give = |path| std::os::unix::fs::chown(path, Some(SERVER), Some(SERVER));
        give(place.beside("run")).expect("root gives directories away");
        if own_directory {
            give(place.beside("log")).expect("root gives directories away");
        }
        let endpoint = format!("unix:{}", place.beside("run/socket").display());
        let account = place.beside("log/account");
        let mut command = common::fileserve(["serve", &endpoint, "--allow", "any", "--root"]);
        command.arg(place.files()).args(["--user", "42005:42005", "--socket-mode", "0666"]);
        let server = Server::run(command_with(command, &account), endpoint.clone());
        let ask = || {
            run(fileserve_as(ALICE, ["ls", &endpoint, "--server", "uid:42005"])).stdout();
        };
        if !own_directory {
            server.says("this user can make no file beside");
        }
        ask();
        let renamed = place.beside("log/account.1");
        std::fs::rename(&account, &renamed).expect("root renames it");
        kill_process(server.process(), Signal::HUP).expect("it lives");
        if own_directory {
            server.says("goes on in a newly opened");
        } else {
            server.says("Permission denied (os error 13); the account goes on in the old file");
        }
        ask();
        server.stop();
        let counts = |path| if own_directory { lines(path).len() } else { 0 };
        assert_eq!(lines(&renamed).len() + counts(&account), 1 + 2 * 6);
        assert_eq!(account.exists(), own_directory);
    }
}

fn command_with(mut command: Command, account: &std::path::Path) -> Command {
    command.arg("--audit").arg(account);
    command
}

/// Notes as whom each event was told.
#[derive(Debug, Default)]
struct AsWhom(Mutex<Vec<(Decision, u32)>>);

impl Sink for AsWhom {
    fn write(&self, event: &Event<'_>) -> Result<(), Failure> {
        let told = (event.decision, rustix::process::geteuid().as_raw());
        self.0.lock().expect("noted").push(told);
        Ok(())
    }
}

#[test]
fn t50_nothing_is_told_while_a_thread_has_become_the_client() {
    if !is_root("t50_nothing_is_told_while_a_thread_has_become_the_client") {
        return;
    }
    let place = Place::new();
    place.owned("alices", "hers", 0o600, ALICE, ALICE);
    let serving =
        Serving { socket_mode: Some(0o666), mechanism: Mechanism::Thread, ..Serving::default() };
    let root = platform::open_root(&place.files(), &serving).expect("a directory");
    let transport = platform::server_transport(&serving).expect("a transport");
    let told = Arc::new(AsWhom::default());
    let server = Builder::builder(transport, place.endpoint().parse().expect("an endpoint"))
        .policy(Policy::any())
        .audit(told.clone())
        .serve(FileService::new(root, Names::BelowRoot).into_service())
        .expect("serves");
    let endpoint = place.endpoint();
    for command in [&["get", &*endpoint, "alices"][..], &["ls", &endpoint, "missing"]] {
        run(fileserve_as(ALICE, command));
    }
    run(fileserve_as(ALICE, ["whoami", &*endpoint])).stdout();
    server.shutdown(raw::soon()).expect("nothing is under way");
    let told = told.0.lock().expect("noted");
    for decision in [Decision::Open, Decision::Switch, Decision::Refusal, Decision::Result] {
        assert!(told.contains(&(decision, 0)), "{decision}");
    }
    assert!(told.iter().all(|(_, uid)| *uid == 0), "{told:?}");
}

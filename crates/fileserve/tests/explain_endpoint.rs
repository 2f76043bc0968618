//! `fileserve explain` of endpoints: missing, left behind, somebody else's or closed to this user; and
//! that a server which is not trusted hears nothing of it.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::thread;

use common::{Place, Server, fileserve, run};
use serde_json::Value;

#[test]
fn where_nothing_is_the_place_is_named_and_what_protects_it() {
    let place = Place::new();
    let told = explain(&place, &["x"], 6);
    let at = &told["places"][0];
    assert_eq!(at["state"], "missing", "{told:#}");
    assert_eq!(at["name"], place.beside("socket").to_str().expect("text"));
    let guards = at["guards"].as_array().expect("a list");
    assert_eq!(guards.first().expect("the top")["name"], "/");
    assert_eq!(
        guards.last().expect("the last")["name"],
        place.beside("").to_str().expect("text").trim_end_matches('/')
    );
    assert_eq!(guards.last().expect("the last")["mode"], "0755");
    assert_eq!(told["me"]["reason"], "no-server");
    assert_eq!(told["path"]["reason"], "no-server");
    assert_eq!(told["server"], Value::Null);
}

#[test]
fn what_is_left_of_a_server_is_told_from_what_is_no_socket_and_from_a_link_to_nothing() {
    let place = Place::new();
    let socket = place.beside("socket");
    drop(UnixListener::bind(&socket).expect("bound"));
    assert_eq!(explain(&place, &[], 6)["places"][0]["state"], "stale");
    fs::remove_file(&socket).expect("removed");
    fs::write(&socket, "").expect("written");
    assert_eq!(explain(&place, &[], 6)["places"][0]["state"], "not-an-endpoint");
    fs::remove_file(&socket).expect("removed");
    symlink("nothing", &socket).expect("linked");
    let told = explain(&place, &[], 6);
    assert_eq!(told["places"][0]["state"], "dangling-link");
    let last = told["places"][0]["guards"].as_array().expect("a list").last().expect("one").clone();
    assert_eq!(last["note"], "a link to nothing");
}

#[test]
fn a_server_is_named_with_its_process_its_program_and_its_lock() {
    let place = Place::new();
    place.file("x", "content");
    let server = Server::start(&place);
    let told = explain(&place, &["x"], 0);
    assert_eq!(told["places"][0]["state"], "live");
    assert_eq!(told["server"]["trusted"], true);
    assert_eq!(told["path"]["served"], true);
    assert_eq!(told["me"]["known"]["level"], "impersonation");
    if cfg!(target_os = "linux") {
        assert_eq!(told["server"]["pid"], server.pid());
        let program = fs::canonicalize(env!("CARGO_BIN_EXE_fileserve")).expect("it is there");
        let told = told["server"]["executable"].as_str();
        // A server that acts as others lets only root look at its program.
        assert!(told.is_none() || told == program.to_str(), "{told:?}");
    }
    let guards = told["places"][0]["guards"].as_array().expect("a list");
    let guard = |role: &str| guards.iter().find(|guard| guard["role"] == role).expect(role);
    assert_eq!(guard("endpoint")["kind"], "socket");
    assert_eq!(guard("endpoint")["mode"], "0600");
    assert_eq!(guard("lock")["note"], format!("names process {}", server.pid()));
    let text = run(command(&place, &["x"])).text();
    for words in ["somebody listens", "trusted    yes", "connect    yes", "`x`: served"] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn t07_a_server_that_is_not_trusted_is_named_and_hears_nothing() {
    let place = Place::new();
    let listener = UnixListener::bind(place.beside("socket")).expect("bound");
    let heard = thread::spawn(move || {
        let (mut visitor, _) = listener.accept().expect("somebody comes");
        let mut heard = Vec::new();
        visitor.read_to_end(&mut heard).expect("readable");
        listener.set_nonblocking(true).expect("ours");
        (heard, listener)
    });
    let told = explain(&place, &["x", "--server", "uid:4242"], 12);
    let (heard, listener) = heard.join().expect("no panic");
    assert_eq!(heard, b"");
    assert!(listener.accept().is_err(), "it came twice");
    assert_eq!(told["server"]["trusted"], false, "{told:#}");
    assert_eq!(told["me"]["reason"], "distrust");
    assert_eq!(told["path"]["reason"], "distrust");
    if cfg!(target_os = "linux") {
        assert_eq!(told["server"]["pid"], std::process::id());
    }
    let warnings = told["places"][0]["warnings"].to_string();
    assert!(warnings.contains("whom this client does not take for its server"), "{warnings}");
}

#[test]
fn a_server_that_never_answers_holds_nobody_up() {
    let place = Place::new();
    let _listener = UnixListener::bind(place.beside("socket")).expect("bound");
    let told = explain(&place, &["x", "--timeout", "300ms"], 8);
    assert_eq!(told["places"][0]["state"], "live");
    assert_eq!(told["me"]["connects"], false);
}

#[test]
#[cfg(target_os = "linux")]
fn a_server_without_room_is_told_from_one_that_is_gone() {
    let place = Place::new();
    let listener = UnixListener::bind(place.beside("socket")).expect("bound");
    rustix::net::listen(&listener, 0).expect("ours");
    let _waiting = UnixStream::connect(place.beside("socket")).expect("room for one");
    let told = explain(&place, &["--timeout", "300ms"], 8);
    assert_eq!(told["places"][0]["state"], "busy");
}

#[test]
fn who_else_could_serve_there_is_said() {
    let place = Place::new();
    let directory = place.beside("open");
    fs::create_dir(&directory).expect("created");
    let told = |mode| {
        set_mode(&directory, mode);
        let at = format!("unix:{}/socket", directory.display());
        let answer = run(fileserve(["explain", &at, "--json"]));
        assert_eq!(answer.code(), 6);
        let told: Value = serde_json::from_slice(&answer.0.stdout).expect("JSON");
        told["places"][0]["warnings"].to_string()
    };
    assert_eq!(told(0o755), "[]");
    assert!(told(0o777).contains("has mode 0777: everybody could replace the socket"));
    assert!(told(0o1777).contains("has mode 1777: everybody could put a socket there first"));
}

/// A bare name's directory that others may write is used by no client, and so not asked either.
#[test]
#[cfg(target_os = "linux")]
fn a_directory_that_others_may_write_is_told_as_unsafe_and_nobody_is_asked() {
    use common::users::{ALICE, fileserve_as};
    let place = Place::new();
    let runtime = place.beside("runtime");
    fs::create_dir_all(runtime.join("ipc")).expect("created");
    let is_root = fileserve::platform::can_become_others();
    if is_root {
        for directory in [runtime.clone(), runtime.join("ipc")] {
            std::os::unix::fs::chown(directory, Some(ALICE), None).expect("root may");
        }
    }
    set_mode(&runtime.join("ipc"), 0o777);
    let listener = UnixListener::bind(runtime.join("ipc/files.sock")).expect("bound");
    let arguments = ["explain", "files", "x", "--json", "--server", "any"];
    let mut command = if is_root { fileserve_as(ALICE, arguments) } else { fileserve(arguments) };
    command.env("XDG_RUNTIME_DIR", &runtime);
    let answer = run(command);
    let told: Value = serde_json::from_slice(&answer.0.stdout).expect("JSON");
    assert_eq!(answer.code(), 12, "{told:#}");
    let fault = told["places"][0]["unsafe"].as_str().expect("there is one");
    assert!(fault.contains("has mode 777; set it to 700"), "{fault}");
    assert_eq!(told["me"]["reason"], "distrust");
    listener.set_nonblocking(true).expect("ours");
    let mut heard = Vec::new();
    while let Ok((mut visitor, _)) = listener.accept() {
        visitor.read_to_end(&mut heard).expect("readable");
    }
    assert_eq!(heard, b"", "something was sent to it");
}

#[cfg(target_os = "linux")]
mod others {
    use super::*;
    use common::users::{ALICE, BOB, TEAM, fileserve_as, is_root};
    use std::os::unix::fs::chown;

    #[test]
    fn who_may_not_get_to_the_socket_is_told_what_keeps_him_out() {
        if !is_root("others::who_may_not_get_to_the_socket_is_told_what_keeps_him_out") {
            return;
        }
        let place = Place::new();
        let server = Server::with(&place, ["--socket-group", &TEAM.to_string(), "--allow", "any"]);
        let told = explain_as(ALICE, server.endpoint());
        let at = &told["places"][0];
        assert_eq!(at["state"], "closed", "{told:#}");
        assert_eq!(at["closed_by"], place.beside("socket").to_str().expect("text"));
        assert_eq!(at["denial"]["right"], "write");
        assert_eq!(at["denial"]["rule"], "mode");
        assert_eq!(told["me"]["reason"], "permission");

        set_mode(&place.beside(""), 0o700);
        let told = explain_as(ALICE, server.endpoint());
        let at = &told["places"][0];
        assert_eq!(at["state"], "closed", "{told:#}");
        let directory = place.beside("");
        let directory = directory.to_str().expect("text").trim_end_matches('/');
        assert_eq!(at["closed_by"], directory);
        assert_eq!(at["denial"]["right"], "search");
        let text = run(fileserve_as(ALICE, ["explain", server.endpoint()]));
        let text = String::from_utf8(text.0.stdout).expect("text");
        assert!(
            text.contains(&format!("you may not search `{directory}`: everybody else has ---"))
        );
    }

    /// Nothing of what is in a closed directory is told, not even whether a server is.
    #[test]
    fn t54_behind_a_closed_directory_a_server_and_none_are_told_alike() {
        if !is_root("others::t54_behind_a_closed_directory_a_server_and_none_are_told_alike") {
            return;
        }
        let place = Place::new();
        set_mode(&place.beside(""), 0o700);
        let told = || run(fileserve_as(ALICE, ["explain", &place.endpoint(), "--json"])).0.stdout;
        let missing = told();
        let server = Server::start(&place);
        assert_eq!(told(), missing);
        drop(server);
    }

    #[test]
    fn t07_a_server_of_another_user_is_named_and_not_trusted() {
        if !is_root("others::t07_a_server_of_another_user_is_named_and_not_trusted") {
            return;
        }
        let place = Place::new();
        chown(place.beside(""), Some(ALICE), None).expect("root may");
        let options = ["--allow", "any", "--socket-mode", "0666"];
        let mut serve = fileserve_as(ALICE, ["serve", &place.endpoint(), "--json"]);
        serve.arg("--root").arg(place.files()).args(options);
        let server = Server::run(serve, place.endpoint());
        let answer = run(fileserve_as(BOB, ["explain", server.endpoint(), "x", "--json"]));
        let told: Value = serde_json::from_slice(&answer.0.stdout).expect("JSON");
        assert_eq!(answer.code(), 12);
        assert_eq!(told["server"]["identity"]["uid"], ALICE, "{told:#}");
        assert_eq!(told["server"]["trusted"], false);
        assert_eq!(told["me"]["reason"], "distrust");
        let warnings = told["places"][0]["warnings"].to_string();
        assert!(warnings.contains("its owner, uid 42001, could replace the socket"), "{warnings}");
    }

    fn explain_as(uid: u32, endpoint: &str) -> Value {
        let answer = run(fileserve_as(uid, ["explain", endpoint, "--json"]));
        assert_eq!(answer.code(), 4, "{}", answer.stderr());
        serde_json::from_slice(&answer.0.stdout).expect("JSON")
    }
}

fn command(place: &Place, arguments: &[&str]) -> Command {
    let mut command = fileserve(["explain", &place.endpoint()]);
    command.args(arguments);
    command
}

#[track_caller]
fn explain(place: &Place, arguments: &[&str], code: i32) -> Value {
    let answer = run(command(place, &[arguments, &["--json"]].concat()));
    let told: Value = serde_json::from_slice(&answer.0.stdout).expect("JSON");
    assert_eq!(answer.code(), code, "{told:#}");
    assert_eq!(told["exit_code"], code);
    told
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

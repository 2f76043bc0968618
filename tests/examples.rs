//! The examples do what their pages say.

mod common;

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

use common::{Place, soon};
use fileserve::FileService;
use fileserve::protocol::{Files as _, Names};
use ipc::server::Server;
use ipc::{Native, NativeRoot};
use ipc_testkit::skip;

/// The example of that name, which cargo has built beside this test; else it says that `test` is
/// left out.
fn example(test: &str, name: &str) -> Option<PathBuf> {
    let own = std::env::current_exe().expect("this binary has a path");
    let built = own.parent()?.parent()?.join("examples").join(format!("{name}{EXE_SUFFIX}"));
    if !built.exists() {
        skip(test, "cargo builds the examples only where all tests are asked for");
        return None;
    }
    Some(built)
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn echo_returns_what_it_hears() {
    let Some(echo) = example("echo_returns_what_it_hears", "echo") else { return };
    let place = Place::new();
    let at = place.endpoint();
    let mut serve = Command::new(&echo);
    let mut server =
        Ended(serve.args(["serve", at.as_str()]).stderr(Stdio::piped()).spawn().expect("starts"));
    let mut lines = BufReader::new(server.0.stderr.take().expect("piped")).lines();
    let listens = lines.next().expect("a first line").expect("text");
    assert!(listens.contains("listening at"), "{listens}");

    let mut call = Command::new(&echo);
    let answer = call.args(["is anybody there?", at.as_str()]).output().expect("starts");
    assert_eq!(said(&answer).trim(), "is anybody there?");
    let heard = lines.next().expect("a second line").expect("text");
    assert!(heard.contains("heard \"is anybody there?\" from "), "{heard}");
}

#[test]
fn handles_go_both_ways_and_the_account_says_so() {
    let name = "handles_go_both_ways_and_the_account_says_so";
    let Some(handles) = example(name, "handles") else { return };
    let place = Place::new();
    let notes = place.path("notes");
    fs::write(&notes, "milk\nbread\n").expect("a file");
    let at = place.endpoint();
    let mut serve = Command::new(&handles);
    serve.arg("serve").arg(place.directory()).arg(at.as_str());
    let mut server = Ended(serve.stderr(Stdio::piped()).spawn().expect("starts"));
    let mut lines = BufReader::new(server.0.stderr.take().expect("piped")).lines();
    let listens = lines.next().expect("a first line").expect("text");
    assert!(listens.contains("listening at"), "{listens}");

    let mut count = Command::new(&handles);
    let counted = count.arg("lines").arg(&notes).arg(at.as_str()).output().expect("starts");
    assert_eq!(said(&counted).trim(), "2 lines");
    let mut show = Command::new(&handles);
    let shown = show.args(["show", "notes", at.as_str()]).output().expect("starts");
    assert_eq!((said(&shown).trim(), &*shown.stdout), ("11 bytes", &b"milk\nbread\n"[..]));

    let mut account = lines.map(|line| line.expect("text"));
    let mut tells =
        |words: &[&str]| account.any(|line| words.iter().all(|word| line.contains(word)));
    assert!(tells(&["event=\"open\"", "method=\"lines\"", "mechanism=\"client\""]));
    assert!(tells(&["event=\"open\"", "method=\"lend\"", "path=\"notes\"", "outcome=\"ok\""]));
    assert!(tells(&["event=\"result\"", "method=\"lend\"", "outcome=\"ok\""]));
}

/// A child that does not outlive its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn file_client_gets_a_file() {
    let Some(file_client) = example("file_client_gets_a_file", "file_client") else { return };
    let place = Place::new();
    fs::write(place.path("notes"), "remember the milk").expect("a file");
    let root = NativeRoot::open_dir(place.directory()).expect("a directory");
    let service = FileService::new(Arc::new(root), Names::BelowRoot);
    let server = Server::builder(Arc::new(Native::new()), place.endpoint());
    let server = server.serve(service.into_service()).expect("serves");

    let mut get = Command::new(file_client);
    let got = get.args([place.endpoint().as_str(), "notes"]).output().expect("starts");
    assert!(said(&got).contains("17 bytes"), "{got:?}");
    assert_eq!(got.stdout, b"remember the milk");
    server.shutdown(soon()).expect("every client has left");
}

#[test]
fn custom_transport_asks_and_is_answered() {
    let name = "custom_transport_asks_and_is_answered";
    let Some(custom_transport) = example(name, "custom_transport") else { return };
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|free| free.local_addr());
    let port = free.expect("a free port").port().to_string();
    let talked = Command::new(custom_transport).arg(port).output().expect("starts");
    let said = said(&talked);
    assert!(said.contains("asks: is anybody here?") && said.contains("says: yes"), "{said}");
}

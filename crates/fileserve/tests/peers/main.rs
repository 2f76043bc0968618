//! Programs of .NET and of Node, in both roles, against this one.
//!
//! `Peer.cs` and `peer.js` beside this file are written in the manner of the sample whose protocol
//! this is; `cargo xtask peers` makes them ready.
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

#[path = "../common/mod.rs"]
mod common;
mod identities;
mod runtime;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use common::{Place, Server, Text, dotnet as by_hand, fileserve, run, texts};
use fileserve::dotnet;
use ipc_core::Deadline;
use runtime::{Answer, Peer, bounded};

/// A test for each program.
macro_rules! for_each_program {
    ($(fn $name:ident($peer:ident) $body:block)*) => {
        mod dotnet_program {
            use super::*;
            $(#[test] fn $name() {
                let test = concat!("dotnet_program::", stringify!($name));
                if let Some($peer) = Peer::dotnet(test) { bounded(move || $body); }
            })*
        }
        mod node_program {
            use super::*;
            $(#[test] fn $name() {
                let test = concat!("node_program::", stringify!($name));
                if let Some($peer) = Peer::node(test) { bounded(move || $body); }
            })*
        }
    };
}

for_each_program! {
    fn as_client_gets_from_here_what_its_own_server_gives(peer) {
        let files = Files::new();
        let _here = Server::for_dotnet(&files.place, [""; 0]);
        let from_here = peer.ask(&files.place, ONCE, &files.paths());
        let place = Place::new();
        let _there = peer.serve(&place);
        let from_there = peer.ask(&place, ONCE, &files.paths());
        let leaves_out = peer.leaves_out_open_ends;
        for (at, (here, there)) in from_here.iter().zip(&from_there).enumerate() {
            let mut here = whole(only(here));
            let text = files.texts.get(at);
            if text.is_some_and(|(text, _)| text.ends_open && leaves_out) {
                here.1.pop();
            }
            assert!(here == whole(only(there)), "{:?}", files.paths()[at]);
        }
    }

    fn as_client_gets_the_text_of_every_file_that_it_may_read(peer) {
        let files = Files::new();
        let server = Server::for_dotnet(&files.place, [""; 0]);
        let answers = peer.ask(&files.place, ONCE, &files.paths());
        let (texts, refused) = answers.split_at(files.texts.len());
        for (answer, (text, _)) in texts.iter().zip(&files.texts) {
            assert!(whole(only(answer)) == ("text".to_owned(), beginning(text)), "{}", text.name);
        }
        for (answer, path) in refused.iter().zip(&files.refused) {
            assert_eq!(only(answer).0, "closed", "{path:?}");
        }
        let records = answers.iter().map(|_| server.record());
        assert_eq!(records.filter(|record| record["outcome"] == "ok").count(), texts.len());
    }

    fn as_server_is_asked_for_the_text_of_every_file(peer) {
        let files = Files::new();
        let _server = peer.serve(&files.place);
        for (text, path) in &files.texts {
            let got = run(get(&files.place, path));
            // What does not fit is cut within a unit, or between two.
            let code = if got.stderr().contains("has cut it") { 11 } else { 0 };
            assert_eq!(got.code(), code, "{}: {}", text.name, got.stderr());
            let mut expected = beginning(text);
            if text.ends_open && peer.leaves_out_open_ends {
                expected.pop();
            }
            let expected = String::from_utf16_lossy(&expected);
            assert!(got.0.stdout == expected.as_bytes(), "{}", text.name);
        }
        for path in &files.refused {
            run(get(&files.place, path)).failed(7, "closed without a word");
        }
    }

    fn as_clients_of_which_eight_ask_at_once_lose_nothing(peer) {
        let place = Place::new();
        let path = place.file("notes", "content");
        let _server = Server::for_dotnet(&place, ["--workers", "4"]);
        let answers = peer.ask(&place, (8, 63), &[path]);
        let content = ("text".to_owned(), "content".encode_utf16().collect());
        assert_eq!(answers, [vec![content; 8 * 63]]);
    }

    fn as_server_that_eight_clients_ask_at_once_loses_nothing(peer) {
        let place = Place::new();
        let path = place.file("notes", "content").display().to_string();
        let _server = peer.serve(&place);
        let ask = || {
            let server = by_hand::connect(&place.pipe());
            dotnet::fetch(&*server, &path, Deadline::NEVER).expect("served").text
        };
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..63).for_each(|_| assert_eq!(ask(), "content")));
            }
        });
    }
}

/// Such a client of .NET looks who owns the pipe, or who listens at the socket.
#[test]
fn a_client_that_asks_only_servers_of_its_own_user_is_served() {
    let test = "a_client_that_asks_only_servers_of_its_own_user_is_served";
    let Some(peer) = Peer::dotnet(test) else { return };
    bounded(move || {
        let place = Place::new();
        let path = place.file("notes", "content");
        let _server = Server::for_dotnet(&place, [""; 0]);
        let content = ("text".to_owned(), "content".encode_utf16().collect());
        assert_eq!(peer.ask_carefully(&place, &path), content);
    });
}

/// Files of every kind, and what is none or may not be read.
struct Files {
    place: Place,
    texts: Vec<(Text, PathBuf)>,
    refused: Vec<PathBuf>,
}

impl Files {
    fn new() -> Self {
        let place = Place::new();
        let made = |text: Text| (text.clone(), place.file(text.name, &text.bytes));
        let texts = texts().into_iter().map(made).collect();
        let refused = vec![place.files().join("missing"), place.files(), "".into()];
        Self { place, texts, refused }
    }

    fn paths(&self) -> Vec<PathBuf> {
        let texts = self.texts.iter().map(|(_, path)| path);
        texts.chain(&self.refused).cloned().collect()
    }
}

/// The answer to whoever asked once.
fn only(answers: &[Answer]) -> &Answer {
    let [answer] = answers else { panic!("{} answers", answers.len()) };
    answer
}

fn get(place: &Place, path: &Path) -> Command {
    let mut get = fileserve(["get", &place.pipe(), "--compat", "dotnet"]);
    get.arg(path);
    get
}

/// As much of a text as travels.
fn beginning(text: &Text) -> Vec<u16> {
    let units: Vec<u16> = text.text.encode_utf16().take(MOST).collect();
    String::from_utf16_lossy(&units).encode_utf16().collect()
}

/// An answer without the half unit at which the sample cuts, and with what .NET makes of half a pair.
fn whole((outcome, units): &Answer) -> Answer {
    let units = &units[..units.len().min(MOST)];
    (outcome.clone(), String::from_utf16_lossy(units).encode_utf16().collect())
}

const ONCE: (usize, usize) = (1, 1);

/// In UTF-16 units.
const MOST: usize = dotnet::MAX_TEXT / 2;

//! `--compat dotnet` in both roles, by this program and by hand: what is served, what it says, and
//! what it makes of clients and servers that do not keep to the protocol.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::process::Command;
use std::time::Duration;

use common::users::{ALICE, BOB, fileserve_as, is_root};
use common::{Place, Run, Server, fileserve, run, texts};
use fileserve::dotnet::GREETING;
use fileserve::platform;
use ipc_core::{BindOptions, ConnectOptions, Connection, Deadline, Error};

#[test]
fn every_kind_of_text_file_comes_as_its_text() {
    let place = Place::new();
    let server = Server::for_dotnet(&place, [""; 0]);
    for text in texts() {
        let got = run(get(&server, place.file(text.name, &text.bytes)));
        let (sent, units) = (got.text(), text.text.encode_utf16().take(32_767));
        assert_eq!(sent, String::from_utf16_lossy(&units.collect::<Vec<_>>()), "{}", text.name);
        let record = server.record();
        assert_eq!(record["outcome"], "ok", "{record}");
        assert_eq!(record["cut"], text.text.encode_utf16().count() > 32_767, "{record}");
        assert_eq!(record["bytes"], 2 * sent.encode_utf16().count(), "{record}");
    }
}

#[test]
fn a_file_that_is_cut_is_a_warning_on_both_sides() {
    let place = Place::new();
    let path = place.file("long", "x".repeat(100_000));
    let server = Server::for_dotnet(&place, [""; 0]);
    let got = run(get(&server, &path));
    assert_eq!(got.text().len(), 32_767);
    assert!(got.stderr().contains("perhaps not all"), "{}", got.stderr());
    assert!(server.says("warning").contains("long` cut to 65534 bytes"));
}

#[test]
fn the_server_says_that_this_protocol_has_no_place_for_a_level() {
    let place = Place::new();
    Server::for_dotnet(&place, [""; 0]).says("no place for a level");
}

#[test]
fn what_cannot_be_served_is_answered_by_no_word_and_the_operator_learns_why() {
    let place = Place::new();
    let server = Server::for_dotnet(&place, [""; 0]);
    let missing = place.files().join("missing");
    for (path, outcome) in [
        (missing.as_path(), "not found"),
        (&place.files(), "is a directory"),
        ("notes.txt".as_ref(), "invalid input"),
        ("".as_ref(), "invalid input"),
    ] {
        let refused = run(get(&server, path));
        refused.failed(7, "closed without a word");
        assert!(refused.stderr().contains("whoever runs the server"), "{}", refused.stderr());
        let record = server.record();
        assert_eq!(record["outcome"], outcome, "{record}");
    }
}

#[test]
fn below_a_root_names_are_relative() {
    let place = Place::new();
    place.file("sub/notes", "content");
    let mut serve = fileserve(["serve", &place.pipe(), "--compat", "dotnet", "--json"]);
    serve.arg("--root").arg(place.files());
    let server = Server::run(serve, place.pipe());
    assert_eq!(run(get(&server, "sub/notes")).text(), "content");
    assert_eq!(server.record()["name"], "sub/notes");
    for outside in ["../socket", "/etc/passwd"] {
        run(get(&server, outside)).failed(7, "closed without a word");
        assert_eq!(server.record()["outcome"], "invalid input");
    }
}

#[test]
fn a_name_is_where_programs_of_dotnet_have_it() {
    let place = Place::new();
    let path = place.file("notes", "content");
    let mut serve = fileserve(["serve", "a pipe", "--compat", "dotnet", "--any-path"]);
    serve.env("TMPDIR", place.beside(""));
    let _server = Server::run(serve, String::new());
    assert_eq!(place.names(), ["CoreFxPipe_a pipe", "CoreFxPipe_a pipe.lock"]);
    let mut get = fileserve(["get", "a pipe", "--compat", "dotnet"]);
    get.arg(&path).env("TMPDIR", place.beside(""));
    assert_eq!(run(get).text(), "content");
    run(fileserve(["get", "a/b", "x", "--compat", "dotnet"])).failed(2, "absolute path");
}

#[test]
fn each_client_gets_what_it_may_read_itself() {
    if !is_root("each_client_gets_what_it_may_read_itself") {
        return;
    }
    let place = Place::new();
    let path = place.owned("alices", "only alice reads this", 0o600, ALICE, ALICE);
    let server = Server::for_dotnet(&place, ["--allow", "any", "--socket-mode", "0666"]);
    let get_as = |uid| {
        let mut get = fileserve_as(uid, ["get", server.endpoint(), "--compat", "dotnet"]);
        get.arg(&path);
        run(get)
    };
    assert_eq!(get_as(ALICE).text(), "only alice reads this");
    get_as(BOB).failed(7, "you may not read it");
    run(get(&server, &path)).failed(7, "you may not read it");
    for (uid, outcome) in [(ALICE, "ok"), (BOB, "permission denied"), (0, "permission denied")] {
        let record = server.record();
        assert_eq!((&record["uid"], &record["outcome"]), (&uid.into(), &outcome.into()));
    }
}

#[test]
fn who_is_not_admitted_hears_nothing_at_all() {
    if !is_root("who_is_not_admitted_hears_nothing_at_all") {
        return;
    }
    let place = Place::new();
    let server = Server::for_dotnet(&place, ["--socket-mode", "0666"]);
    let mut get = fileserve_as(ALICE, ["get", server.endpoint(), "--compat", "dotnet"]);
    get.arg("/x");
    run(get).failed(7, "it does not serve you");
    server.says("uid 42001 is not admitted by `same-user`");
}

#[test]
fn a_client_that_breaks_the_protocol_is_named_to_the_operator_and_others_are_served() {
    let place = Place::new();
    let path = place.file("notes", "content");
    let server = Server::for_dotnet(&place, [""; 0]);
    for (said, leaves, words) in [
        (&b"\0\x03abc"[..], false, "a string of 3 bytes"),
        (b"\0\x04a\0\x3d\xd8", false, "half of a surrogate pair, d83d"),
        (b"\xff\xfe", false, "65534 bytes of a file's name exceed the limit"),
        (b"\0\x08/\0x", true, "left after 5 bytes"),
        (b"\0", true, "left after 1 bytes"),
    ] {
        let client = connect(&place);
        assert_eq!(read_string(&*client), GREETING);
        client.write_all(said, soon()).expect("the server reads");
        if leaves {
            client.finish_writing().expect("half-close");
        }
        assert!(server.says("was disconnected").contains(words), "{words}");
        assert_eq!(client.read(&mut [0], soon()).expect("closed"), 0, "no word");
        assert_eq!(run(get(&server, &path)).text(), "content");
    }
}

#[test]
fn clients_that_say_nothing_or_stop_in_the_middle_hold_up_nobody() {
    let place = Place::new();
    let path = place.file("notes", "content");
    let server = Server::for_dotnet(&place, [""; 0]);
    let idle: Vec<_> = (0..16).map(|_| connect(&place)).collect();
    for byte in [0, 40, b'/', 0] {
        idle.iter().for_each(|client| client.write_all(&[byte], soon()).expect("it reads"));
        assert_eq!(run(get(&server, &path)).text(), "content");
    }
}

#[test]
fn a_name_that_comes_byte_by_byte_before_the_greeting_is_read_is_a_name() {
    let place = Place::new();
    let path = place.file("notes", "content");
    let _server = Server::for_dotnet(&place, [""; 0]);
    let client = connect(&place);
    for byte in string(path.to_str().expect("text")) {
        client.write_all(&[byte], soon()).expect("the server reads");
    }
    assert_eq!(read_string(&*client), GREETING);
    assert_eq!(read_string(&*client), "content");
    assert_eq!(client.read(&mut [0], soon()).expect("closed"), 0);
}

#[test]
fn a_client_that_ends_its_half_behind_the_name_is_answered() {
    let place = Place::new();
    let path = place.file("notes", "content");
    let _server = Server::for_dotnet(&place, [""; 0]);
    let client = connect(&place);
    client.write_all(&string(path.to_str().expect("text")), soon()).expect("the server reads");
    client.finish_writing().expect("half-close");
    assert_eq!(read_string(&*client), GREETING);
    assert_eq!(read_string(&*client), "content");
}

#[test]
fn a_server_that_is_none_of_these_is_told_no_name() {
    let place = Place::new();
    let told = |said: &[u8], code, words: &str| {
        let endpoint = platform::dotnet_endpoint(&place.pipe()).expect("a name");
        let listener =
            platform::transport().bind(&endpoint, &BindOptions::new()).expect("a free name");
        let mut get = fileserve(["get", &place.pipe(), "/x", "--compat", "dotnet"]);
        get.args(["--timeout", if code == 8 { "300ms" } else { "20s" }]);
        let child = get.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let child = child.spawn().expect("starts");
        let client = listener.accept(soon()).expect("a client");
        client.write_all(said, soon()).expect("it reads");
        if code != 8 {
            client.finish_writing().expect("half-close");
        }
        let heard = client.read(&mut [0], soon());
        assert!(matches!(heard, Ok(0) | Err(Error::Disconnected { .. })), "{heard:?}");
        Run(child.wait_with_output().expect("a child")).failed(code, words);
    };
    told(b"", 7, "it does not serve you");
    told(b"HTTP/1.1 400 Bad Request\r\n\r\n", 9, "it does not greet");
    told(&string("I am another server!"), 9, "it does not greet");
    told(b"\0\x32I\0", 8, "timed out");
}

#[test]
fn nobody_there_is_no_server_and_a_native_server_is_no_server_of_this_protocol() {
    let place = Place::new();
    let get =
        || fileserve(["get", &place.pipe(), "/x", "--compat", "dotnet", "--timeout", "300ms"]);
    run(get()).failed(6, "no server is listening");
    let _native = Server::start(&place);
    run(get()).failed(8, "timed out"); // each waits for the other to speak first
}

#[test]
fn a_shutdown_waits_for_nobody_who_has_not_asked() {
    let place = Place::new();
    let mut server = Server::for_dotnet(&place, ["--drain", "20s"]);
    let client = connect(&place);
    assert_eq!(read_string(&*client), GREETING);
    client.write_all(b"\0\x08/\0", soon()).expect("the server reads");
    server.ask_to_stop();
    assert_eq!(client.read(&mut [0], soon()).expect("closed"), 0);
    assert!(server.wait().success());
}

/// What asks `server` for `path`.
fn get(server: &Server, path: impl AsRef<std::path::Path>) -> Command {
    let mut get = fileserve(["get", server.endpoint(), "--compat", "dotnet"]);
    get.arg(path.as_ref());
    get
}

fn connect(place: &Place) -> Box<dyn Connection> {
    let endpoint = platform::dotnet_endpoint(&place.pipe()).expect("a name");
    platform::transport().connect(&endpoint, &ConnectOptions::new()).expect("a server")
}

fn string(text: &str) -> Vec<u8> {
    let units = text.encode_utf16().flat_map(u16::to_le_bytes);
    let length = u16::try_from(2 * text.encode_utf16().count()).expect("short").to_be_bytes();
    length.into_iter().chain(units).collect()
}

fn read_string(from: &dyn Connection) -> String {
    let mut length = [0; 2];
    from.read_exact(&mut length, soon()).expect("a length");
    let mut payload = vec![0; u16::from_be_bytes(length).into()];
    from.read_exact(&mut payload, soon()).expect("a string");
    let units = payload.chunks(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    String::from_utf16(&units.collect::<Vec<_>>()).expect("text")
}

/// Before a test is rather failed than waited for.
fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(30))
}

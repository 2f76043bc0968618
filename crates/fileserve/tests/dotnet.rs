//! `--compat dotnet` in both roles, by this program and by hand: what is served, what it says, and
//! what it makes of clients and servers that do not keep to the protocol.
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::process::Stdio;

use common::{Place, Run, Server, dotnet, fileserve, raw, run, system, texts};
use fileserve::dotnet::GREETING;
use ipc_core::Error;

#[test]
fn every_kind_of_text_file_comes_as_its_text() {
    let place = Place::new();
    let server = Server::for_dotnet(&place, [""; 0]);
    for text in texts() {
        let got = run(dotnet::get(&server, place.file(text.name, &text.bytes)));
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
    let got = run(dotnet::get(&server, &path));
    assert_eq!(got.text().len(), 32_767);
    assert!(got.stderr().contains("perhaps not all"), "{}", got.stderr());
    let line = server.says("long` cut to 65534 bytes");
    assert!(line.contains("warning"), "{line}");
}

#[test]
fn a_long_file_is_read_only_as_far_as_it_is_sent() {
    let place = Place::new();
    place.sparse("long", system::LARGE);
    let server = Server::for_dotnet(&place, [""; 0]);
    let before = server.peak_memory();
    let got = run(dotnet::get(&server, place.files().join("long")));
    assert_eq!(got.text(), "\0".repeat(32_767));
    let grown = server.peak_memory().zip(before).map(|(after, before)| after - before);
    assert!(grown.is_none_or(|bytes| bytes < 4 << 20), "{grown:?}");
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
        let refused = run(dotnet::get(&server, path));
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
    assert_eq!(run(dotnet::get(&server, "sub/notes")).text(), "content");
    assert_eq!(server.record()["name"], "sub/notes");
    for outside in ["../socket", "/etc/passwd"] {
        run(dotnet::get(&server, outside)).failed(7, "closed without a word");
        assert_eq!(server.record()["outcome"], "invalid input");
    }
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
        let client = dotnet::connect(&place.pipe());
        assert_eq!(dotnet::read_string(&*client), GREETING);
        client.write_all(said, raw::soon()).expect("the server reads");
        let stays = (!leaves).then_some(client);
        assert!(server.says("was disconnected").contains(words), "{words}");
        if let Some(client) = stays {
            assert_eq!(client.read(&mut [0], raw::soon()).expect("closed"), 0, "no word");
        }
        assert_eq!(run(dotnet::get(&server, &path)).text(), "content");
    }
}

#[test]
fn clients_that_say_nothing_or_stop_in_the_middle_hold_up_nobody() {
    let place = Place::new();
    let path = place.file("notes", "content");
    let server = Server::for_dotnet(&place, [""; 0]);
    let idle: Vec<_> = (0..16).map(|_| dotnet::connect(&place.pipe())).collect();
    for byte in [0, 40, b'/', 0] {
        idle.iter().for_each(|client| client.write_all(&[byte], raw::soon()).expect("it reads"));
        assert_eq!(run(dotnet::get(&server, &path)).text(), "content");
    }
}

#[test]
fn a_name_that_comes_byte_by_byte_before_the_greeting_is_read_is_a_name() {
    let place = Place::new();
    let path = place.file("notes", "content");
    let _server = Server::for_dotnet(&place, [""; 0]);
    let client = dotnet::connect(&place.pipe());
    for byte in dotnet::string(path.to_str().expect("text")) {
        client.write_all(&[byte], raw::soon()).expect("the server reads");
    }
    assert_eq!(dotnet::read_string(&*client), GREETING);
    assert_eq!(dotnet::read_string(&*client), "content");
    assert_eq!(client.read(&mut [0], raw::soon()).expect("closed"), 0);
}

#[test]
fn a_server_that_is_none_of_these_is_told_no_name() {
    let place = Place::new();
    let told = |said: &[u8], code, words: &str| {
        let listener = raw::listen(&place.endpoint());
        let timeout = if code == 8 { "300ms" } else { "20s" };
        let mut get = fileserve(["get", &place.pipe(), "/x", "--compat", "dotnet"]);
        get.args(["--timeout", timeout]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = get.spawn().expect("starts");
        let client = listener.accept(raw::soon()).expect("a client");
        if !said.is_empty() {
            client.write_all(said, raw::soon()).expect("it reads");
            let heard = client.read(&mut [0], raw::soon());
            assert!(matches!(heard, Ok(0) | Err(Error::Disconnected { .. })), "{heard:?}");
        }
        drop(client);
        Run(child.wait_with_output().expect("a child")).failed(code, words);
    };
    told(b"", 7, "it does not serve you");
    told(b"HTTP/1.1 400 Bad Request\r\n\r\n", 9, "it does not greet");
    told(&dotnet::string("I am another server!"), 9, "it does not greet");
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
    let client = dotnet::connect(&place.pipe());
    assert_eq!(dotnet::read_string(&*client), GREETING);
    client.write_all(b"\0\x08/\0", raw::soon()).expect("the server reads");
    server.ask_to_stop();
    assert_eq!(client.read(&mut [0], raw::soon()).expect("closed"), 0);
    assert!(server.wait().success());
}

//! The account of a server: that everything is in it, once, and that no client writes in it.
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::io::{Read as _, Write as _};
use std::process::Stdio;

use common::account::{lines, of, path_in, wait_for};
use common::{Place, Server, fileserve, raw, run, system};
use fileserve::protocol::{Part, WirePath};
use ipc_core::{ErrorKind, ImpersonationLevel};
use serde_json::Value;

/// Names that are meant to end a line, to begin one, to hide one, or to turn it around.
const HOSTILE: [&[u8]; 12] = [
    b"a\nb",
    b"\r\n{\"event\":\"open\"}\n",
    b"x\",\"outcome\":\"ok\",\"y\":\"",
    b"back\\slash\\\"",
    b"\x1b[2K\x1b[1A\x07\x7f",
    "\u{2028}\u{2029}\u{85}".as_bytes(),
    "\u{202e}txt.exe\u{202c}".as_bytes(),
    "\u{feff}\u{200b}\u{e0001}".as_bytes(),
    b"\xff\xfe\n\xc3",
    b"\xed\xa0\x80",
    b"\\u000a\\n",
    b"}",
];

#[test]
fn t58_no_name_that_a_client_chose_ends_a_line_or_begins_another() {
    let place = Place::new();
    let server = Server::audited(&place, &[]);
    let mut files = raw::calls(server.endpoint(), ImpersonationLevel::Impersonation);
    for name in HOSTILE {
        let path = WirePath::new(name).expect("short");
        files.stat(path).expect_err("there is no such file");
    }
    drop(files);
    server.stop();
    let text = std::fs::read_to_string(place.account()).expect("an account");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    for hidden in ['\u{2028}', '\u{85}', '\u{202e}', '\u{feff}', '\u{200b}', '\u{e0001}'] {
        assert!(!text.contains(hidden), "{hidden:?}");
    }
    let lines = lines(&place.account());
    assert_eq!(lines.len(), 4 + 2 * HOSTILE.len(), "{lines:#?}");
    for event in ["refusal", "result"] {
        let named: Vec<_> = of(&lines, event).into_iter().map(path_in).collect();
        assert_eq!(named, HOSTILE, "{event}");
    }
}

#[test]
fn a_request_is_one_line_before_a_byte_leaves_and_one_when_it_has_ended() {
    let place = Place::new();
    place.file("notes", "hello");
    let server = Server::audited(&place, &[]);
    assert_eq!(run(fileserve(["get", server.endpoint(), "notes"])).text(), "hello");
    run(fileserve(["get", server.endpoint(), "missing"])).failed(3, "not found");
    run(fileserve(["whoami", server.endpoint()])).stdout();
    run(fileserve(["stat", server.endpoint(), "notes/"])).failed(5, "not a directory");
    server.stop();
    let mut lines = lines(&place.account());
    // A client may be gone, and the next be there, before the result of the first is written.
    lines.sort_by_key(|line| line["connection"].as_u64());
    let told: Vec<String> = lines
        .iter()
        .filter(|line| line["method"] != "about")
        .map(|line| {
            let text = |name: &str| match &line[name] {
                Value::Null => String::new(),
                Value::String(text) => format!(" {text}"),
                other => format!(" {other}"),
            };
            ["event", "method", "path", "outcome", "bytes"].map(text).concat()
        })
        .collect();
    let session = [" connect ok", " policy ok", " level ok"];
    let expected = [
        &[" begin"][..],
        &session,
        &[" open get notes ok", " result get notes ok 5"],
        &session,
        &[" refusal get missing not found", " result get missing not found 0"],
        &session,
        &[" switch whoami ok", " result whoami ok 0"],
        &session,
        &[" open stat notes/ ok", " result stat notes/ not a directory 0"],
    ];
    assert_eq!(told, expected.concat());
    let begin = &lines[0];
    assert_eq!(begin["endpoint"], place.endpoint());
    assert!(begin["process"].is_u64(), "{begin}");
    for line in &lines {
        let time = line["time"].as_str().expect("a time");
        assert!(time.starts_with("20") && time.ends_with('Z') && time.len() == 27, "{time}");
    }
}

#[test]
fn who_is_not_served_and_who_leaves_in_the_midst_is_accounted_for() {
    let place = Place::new();
    place.sparse("long", 64 << 20);
    let server = Server::audited(&place, &[]);
    let mut files = raw::calls(server.endpoint(), ImpersonationLevel::Identification);
    let path = || WirePath::new("long").expect("short");
    let error = files.get(path(), Part::WHOLE).expect_err("it granted too little");
    assert_eq!(error.kind(), ErrorKind::LevelTooLow);
    raw::be_disconnected(server.endpoint());

    let mut get = fileserve(["get", server.endpoint(), "long"]);
    let mut leaving = get.stdout(Stdio::piped()).spawn().expect("starts");
    leaving.stdout.as_mut().expect("piped").read_exact(&mut [0]).expect("it has begun");
    leaving.kill().expect("a child");
    leaving.wait().expect("a child");
    let is_cut = |line: &Value| line["event"] == "result" && line["outcome"] == "disconnected";
    let lines = wait_for(&place.account(), is_cut);
    let cut = lines.iter().find(|line| is_cut(line)).expect("just seen");
    assert!(cut["bytes"].as_u64().is_some_and(|bytes| bytes < 64 << 20), "{cut}");
    assert_eq!((&cut["path"], &cut["method"]), (&"long".into(), &"get".into()));

    let refusals = of(&lines, "refusal");
    let outcomes: Vec<_> = refusals.iter().map(|line| line["outcome"].clone()).collect();
    assert_eq!(outcomes, ["impersonation level too low", "protocol error"]);
    let reason = refusals[0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("grants identification and this needs impersonation"), "{reason}");
    assert!(refusals[1]["call"].is_null(), "it is about no call: {}", refusals[1]);
    let opened = of(&lines, "open");
    assert_eq!(opened.len(), 1);
    assert_eq!((&opened[0]["connection"], &opened[0]["call"]), (&cut["connection"], &cut["call"]));
    drop(server);

    let server = Server::audited(&place, &["--deny", "same-user"]);
    run(fileserve(["whoami", server.endpoint()])).failed(7, "refused by policy");
    server.stop();
    let lines = common::account::lines(&place.account());
    let begun = lines.iter().rposition(|line| line["event"] == "begin").expect("appended");
    let last: Vec<_> = lines[begun + 1..].iter().map(|line| line["event"].clone()).collect();
    assert_eq!(last, ["connect", "policy"]);
    assert_eq!(lines[begun + 2]["outcome"], "refused by policy");
    assert_eq!(lines[begun + 2]["policy"], "same-user and not same-user");
}

#[test]
fn an_anonymous_client_is_named_where_it_connects_and_nowhere_else() {
    let place = Place::new();
    place.file("notes", "hello");
    let public = [&system::SERVE_ALL[..], &["--access", "server"]].concat();
    let server = Server::audited(&place, &public);
    let mut files = raw::calls(server.endpoint(), ImpersonationLevel::Anonymous);
    files.stat(WirePath::new("notes").expect("short")).expect("for everybody");
    assert_eq!(server.record()["peer"], Value::Null);
    drop(files);
    server.stop();
    let lines = lines(&place.account());
    for line in &lines[1..] {
        let named = !(line["uid"].is_null() && line["sid"].is_null() && line["pid"].is_null());
        let before = line["event"] == "connect" || line["event"] == "policy";
        // Where the system carries the level, the server never knows.
        assert_eq!(named, before && cfg!(unix), "{line}");
    }
    assert_eq!(of(&lines, "level")[0]["level"], "anonymous");
    assert_eq!(of(&lines, "open")[0]["mechanism"], "server");
}

#[test]
fn a_line_that_the_end_of_a_server_has_torn_spoils_no_other() {
    let place = Place::new();
    let account = fileserve::platform::open_log(&place.account(), None);
    let mut account = account.expect("a file");
    account.write_all(b"{\"event\":\"op").expect("written");
    let server = Server::audited(&place, &[]);
    run(fileserve(["whoami", server.endpoint()])).stdout();
    server.stop();
    let text = std::fs::read_to_string(place.account()).expect("an account");
    let (torn, rest) = text.split_once('\n').expect("it was ended");
    assert_eq!(torn, "{\"event\":\"op");
    let whole = rest.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok());
    assert_eq!(whole.count(), 6);
}

/// Every line of JSON on the page that describes them.
fn lines_of_the_page() -> Vec<Value> {
    let page = include_str!("../../../docs/audit.md");
    let (_, rest) = page.split_once("```json\n").expect("examples");
    let (examples, _) = rest.split_once("```").expect("their end");
    examples.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn the_lines_are_those_of_the_page() {
    let place = Place::new();
    place.file("notes.txt", "hello");
    let server = Server::audited(&place, &[]);
    run(fileserve(["get", server.endpoint(), "notes.txt"])).stdout();
    run(fileserve(["get", server.endpoint(), "salaries"])).failed(3, "not found");
    run(fileserve(["whoami", server.endpoint()])).stdout();
    server.stop();
    let seen = lines(&place.account());
    let who = if cfg!(windows) { &["sid"][..] } else { &["uid", "gid"] };
    let fields = |line: &Value| -> Vec<String> {
        let names = line.as_object().expect("an object").keys();
        let names = names.filter(|name| !["uid", "gid", "sid"].contains(&name.as_str()));
        names.cloned().collect()
    };
    for example in lines_of_the_page().iter().filter(|line| line["event"] != "lost") {
        let is_alike = |line: &&Value| {
            let same = |name: &str| line[name] == example[name];
            let outcomes = [&line["outcome"], &example["outcome"]].map(|outcome| outcome == "ok");
            same("event") && same("method") && outcomes[0] == outcomes[1]
        };
        let line = seen.iter().find(is_alike).unwrap_or_else(|| panic!("none like {example}"));
        assert_eq!(fields(line), fields(example), "{line}");
        if example["connection"].is_u64() {
            assert!(who.iter().all(|who| !line[who].is_null()), "{line}");
        }
    }
}

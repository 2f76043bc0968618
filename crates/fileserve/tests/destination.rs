//! Where `get -o` writes, and what others can make of that: links, FIFOs, devices, modes and what is
//! open already, as only Unix has them.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::users::{ALICE, BOB, fileserve_as, is_root, set_mode};
use common::{Place, Run, Server, fileserve, run};
use fileserve::platform;

/// A directory beside what is served that everybody may write to.
fn shared(place: &Place, mode: u32) -> PathBuf {
    let shared = place.beside("shared");
    fs::create_dir(&shared).expect("a directory");
    set_mode(&shared, mode);
    shared
}

/// A file of that owner and mode.
fn plant(path: &Path, content: impl AsRef<[u8]>, uid: u32, mode: u32) {
    fs::write(path, content).expect("written");
    chown(path, Some(uid), Some(uid)).expect("root gives files away");
    set_mode(path, mode);
}

/// `get PATH -o OUTPUT`, with further options.
fn get(server: &Server, path: &str, output: &Path, options: &[&str]) -> Command {
    let mut get = fileserve(["get", server.endpoint(), path, "-o"]);
    get.arg(output).args(options);
    get
}

/// The same as another user.
fn get_as(uid: u32, server: &Server, path: &str, output: &Path, options: &[&str]) -> Command {
    let mut get = fileserve_as(uid, ["get", server.endpoint(), path, "-o"]);
    get.arg(output).args(options);
    get
}

/// Runs to the end, which must come.
fn run_in_time(mut command: Command) -> Run {
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut stderr = child.stderr.take().expect("piped");
    let (send, ended) = mpsc::channel();
    thread::spawn(move || {
        let mut said = Vec::new();
        let _ = stderr.read_to_end(&mut said);
        let _ = send.send(said);
    });
    let said = ended.recv_timeout(Duration::from_secs(20));
    if said.is_err() {
        let _ = child.kill();
    }
    let mut output = child.wait_with_output().expect("a child");
    output.stderr = said.expect("it hangs");
    Run(output)
}

/// A line for the shell, with `$0` the program and `$1` on what follows.
fn shell<S: AsRef<OsStr>>(line: &str, arguments: impl IntoIterator<Item = S>) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", line, env!("CARGO_BIN_EXE_fileserve")]).args(arguments).stdin(Stdio::null());
    shell
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o7777
}

fn mkfifo(path: &Path) {
    platform::make_fifo(path).expect("a FIFO");
}

#[test]
fn a_part_that_another_user_has_planted_takes_no_secret() {
    if !is_root("a_part_that_another_user_has_planted_takes_no_secret") {
        return;
    }
    let place = Place::new();
    place.owned("secret", "for root alone", 0o600, 0, 0);
    let server = Server::start(&place);
    let shared = shared(&place, 0o1777);
    plant(&shared.join(".out.part"), "", BOB, 0o666);
    let refused = run(get(&server, "secret", &shared.join("out"), &[]));
    refused.failed(1, "belongs to uid 42002; remove it");
    assert!(refused.stderr().contains(".out.part"), "{}", refused.stderr());
    assert_eq!(fs::read(shared.join(".out.part")).expect("still there"), b"");
    assert!(!fs::exists(shared.join("out")).expect("readable"));
}

#[test]
fn a_part_that_another_user_has_planted_is_not_resumed() {
    if !is_root("a_part_that_another_user_has_planted_is_not_resumed") {
        return;
    }
    let place = Place::new();
    let served = place.file("big", vec![b'g'; 4 << 20]);
    let server = Server::for_all(&place);
    let shared = shared(&place, 0o777);
    let served = fs::metadata(served).expect("there");
    let note = serde_json::json!({
        "device": served.dev(), "inode": served.ino(), "length": served.len(),
        "modified": { "seconds": served.mtime(), "nanoseconds": served.mtime_nsec() },
    });
    let forge = |uid_of_part, uid_of_note| {
        plant(&shared.join(".p.part"), vec![b'F'; 4 << 20], uid_of_part, 0o644);
        plant(&shared.join(".p.part.validator"), note.to_string(), uid_of_note, 0o644);
    };
    for (of_part, of_note) in [(BOB, BOB), (BOB, ALICE), (ALICE, BOB)] {
        forge(of_part, of_note);
        run(get_as(ALICE, &server, "big", &shared.join("p"), &["--resume"]))
            .failed(1, "belongs to uid 42002");
        assert!(!fs::exists(shared.join("p")).expect("readable"), "{of_part} {of_note}");
    }
}

#[test]
fn a_part_that_others_can_reach_is_not_adopted() {
    let place = Place::new();
    place.file("notes", "hello");
    let server = Server::start(&place);
    let part = place.beside(".out.part");
    let refused = |fault: &str| {
        let refused = run_in_time(get(&server, "notes", &place.beside("out"), &[]));
        refused.failed(1, fault);
        assert!(refused.stderr().contains(".out.part`"), "{}", refused.stderr());
        fs::remove_file(&part).expect("still there");
    };
    fs::write(&part, "older").expect("written");
    set_mode(&part, 0o620);
    refused("others may write to it; remove it");
    fs::write(&part, "older").expect("written");
    fs::hard_link(&part, place.beside("second")).expect("a second name");
    refused("has a second name");
    symlink("second", &part).expect("a link");
    refused("is not a regular file");
    mkfifo(&part);
    refused("is not a regular file");
    assert_eq!(fs::read(place.beside("second")).expect("there"), b"older");
}

#[test]
fn a_link_that_another_user_has_planted_is_not_followed() {
    if !is_root("a_link_that_another_user_has_planted_is_not_followed") {
        return;
    }
    let place = Place::new();
    place.file("notes", "hello");
    let server = Server::for_all(&place);
    let precious = place.beside("precious");
    let device = place.beside("device");
    for mode in [0o777, 0o1777] {
        let shared = shared(&place, mode);
        plant(&precious, "keep me", ALICE, 0o600);
        for target in [precious.as_path(), device.as_path(), Path::new("/dev/null")] {
            let link = shared.join("out");
            symlink(target, &link).expect("a link");
            std::os::unix::fs::lchown(&link, Some(BOB), Some(BOB)).expect("root gives it away");
            run(get_as(ALICE, &server, "notes", &link, &[]))
                .failed(1, "is a link of uid 42002; remove it");
            fs::remove_file(&link).expect("still there");
        }
        assert_eq!(fs::read(&precious).expect("there"), b"keep me");
        fs::remove_dir_all(&shared).expect("nothing else in it");
    }
    assert!(!fs::exists(device).expect("readable"));
}

#[test]
fn a_link_of_ones_own_is_followed_and_stays() {
    let place = Place::new();
    place.file("notes", "hello");
    let server = Server::start(&place);
    fs::create_dir(place.beside("sub")).expect("a directory");
    symlink("sub/target", place.beside("out")).expect("a link");
    for before in [None, Some("older")] {
        if let Some(before) = before {
            fs::write(place.beside("sub/target"), before).expect("written");
        }
        run(get(&server, "notes", &place.beside("out"), &[])).stdout();
        assert_eq!(fs::read(place.beside("sub/target")).expect("there"), b"hello");
    }
    assert_eq!(place.names(), ["out", "sub"]);
    assert!(fs::symlink_metadata(place.beside("out")).expect("there").is_symlink());
    symlink("loop", place.beside("loop")).expect("a link");
    run(get(&server, "notes", &place.beside("loop"), &[])).failed(1, "symbolic links");
}

#[test]
fn a_note_that_is_a_fifo_holds_nothing_up() {
    let place = Place::new();
    place.file("notes", "hello");
    let server = Server::start(&place);
    mkfifo(&place.beside(".out.part.validator"));
    let options = ["--resume", "--timeout", "5s"];
    let refused = run_in_time(get(&server, "notes", &place.beside("out"), &options));
    refused.failed(1, ".out.part.validator`");
    assert!(refused.stderr().contains("is not a regular file; remove it"), "{}", refused.stderr());
    assert_eq!(place.names(), [".out.part.validator"]);
}

#[test]
fn a_fifo_takes_the_content_and_is_not_waited_for_longer_than_asked() {
    let place = Place::new();
    place.file("notes", "hello");
    place.file("long", vec![b'x'; 1 << 20]);
    let server = Server::start(&place);
    let fifo = place.beside("fifo");
    mkfifo(&fifo);
    run_in_time(get(&server, "notes", &fifo, &["--timeout", "100ms"])).failed(8, "timed out");

    let path = fifo.clone();
    let reader = thread::spawn(move || fs::read(path).expect("readable"));
    run_in_time(get(&server, "long", &fifo, &[])).stdout();
    assert_eq!(reader.join().expect("no panic").len(), 1 << 20);

    let idle = File::options().read(true).write(true).open(&fifo).expect("a reader that is idle");
    run_in_time(get(&server, "long", &fifo, &["--timeout", "200ms"])).failed(8, "timed out");
    drop(idle);
    assert_eq!(place.names(), ["fifo"]);
}

#[test]
fn what_is_open_already_takes_the_content_where_it_stands() {
    let place = Place::new();
    place.file("notes", "hello\n");
    let server = Server::start(&place);
    let out = place.beside("log");
    for (stream, number) in
        [("/dev/stdout", 1), ("/dev/fd/1", 1), ("/proc/self/fd/1", 1), ("/dev/fd/7", 7)]
    {
        let get = format!(r#""$0" get "$1" notes -o {stream}"#);
        let line =
            format!(r#"exec {number}>"$2"; echo first >&{number}; {get}; echo last >&{number}"#);
        let done = run(shell(&line, [server.endpoint().as_ref(), out.as_os_str()]));
        assert_eq!(done.stderr(), "", "{stream}");
        assert_eq!(fs::read_to_string(&out).expect("there"), "first\nhello\nlast\n", "{stream}");
    }
    assert_eq!(place.names(), ["log"]);
}

#[test]
fn a_link_to_standard_output_is_never_replaced_even_if_that_has_no_name_any_more() {
    let place = Place::new();
    place.file("notes", "hello");
    let server = Server::start(&place);
    let out = place.beside("out");
    symlink("/proc/self/fd/1", &out).expect("a link");
    let line =
        r#"exec >"$2.gone" 9<"$2.gone"; rm "$2.gone"; "$0" get "$1" notes -o "$2"; cat <&9 >&2"#;
    let done = run(shell(line, [server.endpoint().as_ref(), out.as_os_str()]));
    assert_eq!(done.stderr(), "hello");
    assert!(fs::symlink_metadata(&out).expect("there").is_symlink());
    assert_eq!(place.names(), ["out"]);
}

#[test]
fn a_replaced_file_keeps_its_mode_and_a_new_one_has_what_the_umask_leaves() {
    let place = Place::new();
    place.file("notes", "hello");
    let server = Server::start(&place);
    let out = place.beside("out");
    let line = r#"umask 027; exec "$0" get "$1" notes -o "$2""#;
    let get = || run(shell(line, [server.endpoint().as_ref(), out.as_os_str()])).text();
    get();
    assert_eq!(mode_of(&out), 0o640);
    for mode in [0o600, 0o664, 0o400] {
        set_mode(&out, mode);
        get();
        assert_eq!(mode_of(&out), mode, "{mode:o}");
    }
}

#[test]
fn a_file_is_its_receivers_alone_until_it_is_whole() {
    let place = Place::new();
    let file = File::create(place.files().join("big")).expect("a file");
    file.set_len(1 << 30).expect("a sparse file");
    let server = Server::start(&place);
    let mut child = get(&server, "big", &place.beside("out"), &[]).spawn().expect("starts");
    let part = place.beside(".out.part");
    while fs::metadata(&part).map_or(0, |part| part.len()) == 0 {
        assert!(child.try_wait().expect("a child").is_none(), "ended too early");
        thread::yield_now();
    }
    let modes = [mode_of(&part), mode_of(&place.beside(".out.part.validator"))];
    child.kill().expect("a child");
    child.wait().expect("a child");
    assert_eq!(modes, [0o600, 0o600]);
}

#[test]
fn a_file_that_cannot_get_its_name_is_kept_and_said_where() {
    if !is_root("a_file_that_cannot_get_its_name_is_kept_and_said_where") {
        return;
    }
    let place = Place::new();
    place.file("notes", "hello");
    let server = Server::for_all(&place);
    let shared = shared(&place, 0o1777);
    plant(&shared.join("out"), "bob's", BOB, 0o644);
    let failed = run(get_as(ALICE, &server, "notes", &shared.join("out"), &[]));
    failed.failed(1, ".out.part`");
    assert!(failed.stderr().contains("is whole in"), "{}", failed.stderr());
    assert_eq!(fs::read(shared.join(".out.part")).expect("kept"), b"hello");
    assert_eq!(mode_of(&shared.join(".out.part")), 0o600);
    assert_eq!(fs::read(shared.join("out")).expect("there"), b"bob's");
}

#[test]
fn a_device_takes_the_content_and_is_not_replaced() {
    let place = Place::new();
    place.file("notes", "hello");
    let server = Server::start(&place);
    run(fileserve(["get", server.endpoint(), "notes", "-o", "/dev/null"])).stdout();
    assert!(!fs::metadata("/dev/null").expect("there").is_file());
    assert!(!fs::exists("/dev/.null.part").expect("readable"));
}

//! Passing open files, to peers that keep to the rules and to those that do not.
#![cfg(windows)]

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::windows::fs::{FileExt as _, OpenOptionsExt as _};
use std::os::windows::io::AsRawHandle as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ipc_core::transport::{Handles, ReceivedHandle, Ticket};
use ipc_core::{
    BindOptions, ConnectOptions, Connection, Deadline, Endpoint, Error, ErrorKind, Listener,
    Policy, Transport,
};
use ipc_testkit::{child, names};
use ipc_windows::{PipeTransport, regular_file};

fn passing() -> PipeTransport {
    PipeTransport::new().pass_handles(true)
}

fn fresh() -> Endpoint {
    format!("pipe:{}", names::unique()).parse().expect("a good name")
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

/// Both ends of a connection within this process, which pass handles.
struct Pair {
    client: Box<dyn Connection>,
    server: Box<dyn Connection>,
    _listener: Box<dyn Listener>,
}

impl Pair {
    fn new() -> Self {
        let at = fresh();
        let listener = passing().bind(&at, &BindOptions::new().handles(true)).expect("bound");
        let client = connect(&at);
        let server = listener.accept(soon()).expect("accepted");
        client.write_all(b"!", soon()).expect("written");
        server.read_exact(&mut [0], soon()).expect("read");
        Self { client, server, _listener: listener }
    }
}

fn connect(at: &Endpoint) -> Box<dyn Connection> {
    let options = ConnectOptions::new().handles(true).server(Policy::any());
    passing().connect(at, &options).expect("connected")
}

fn of(connection: &dyn Connection) -> &dyn Handles {
    connection.handles().expect("was asked for")
}

fn file_with(text: &str) -> File {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(text.as_bytes()).expect("written");
    file
}

fn text_of(handle: ReceivedHandle) -> String {
    let file = regular_file(handle).expect("a regular file");
    let mut text = [0; 64];
    let count = file.seek_read(&mut text, 0).expect("read");
    String::from_utf8_lossy(&text[..count]).into_owned()
}

#[test]
fn handles_are_passed_only_by_a_transport_that_was_set_to() {
    let transport = PipeTransport::new();
    assert!(!transport.capabilities().handles);
    let refused = transport.bind(&fresh(), &BindOptions::new().handles(true));
    assert!(matches!(refused, Err(Error::Unsupported { .. })), "{refused:?}");
    let refused = transport.connect(&fresh(), &ConnectOptions::new().handles(true));
    assert!(matches!(refused, Err(Error::Unsupported { .. })), "{refused:?}");
    assert!(passing().capabilities().handles);
}

#[test]
fn what_arrives_reads_and_does_no_more() {
    let pair = Pair::new();
    for (from, to) in [(&pair.client, &pair.server), (&pair.server, &pair.client)] {
        let ticket = of(&**from).offer(file_with("content")).expect("offered");
        let received = of(&**to).claim(ticket).expect("came").into_unchecked();
        assert!((&received).write_all(b"x").is_err());
        assert_eq!(text_of(ReceivedHandle::new(received)), "content");
    }
}

#[test]
fn t42_a_client_takes_nothing_under_the_number_of_a_handle_of_its_own() {
    let pair = Pair::new();
    let own = file_with("mine");
    let given = of(&*pair.client).offer(file_with("on its way to the server")).expect("offered");
    for ticket in [ticket_of(&own), given] {
        let refused = of(&*pair.client).claim(ticket);
        assert!(matches!(refused, Err(Error::Protocol { .. })), "{refused:?}");
    }
    assert_eq!(
        text_of(of(&*pair.server).claim(given).expect("still there")),
        "on its way to the server"
    );
    assert_eq!(text_of(ReceivedHandle::new(own)), "mine");
}

#[test]
fn t42_a_server_takes_nothing_under_the_number_of_a_handle_that_its_client_uses() {
    let pair = Pair::new();
    let used = file_with("in use");
    let refused = of(&*pair.server).claim(ticket_of(&used));
    assert!(matches!(refused, Err(Error::Protocol { .. })), "{refused:?}");
    assert_eq!(text_of(ReceivedHandle::new(used)), "in use");
}

#[test]
fn t42_numbers_that_are_no_handles_are_refused() {
    let pair = Pair::new();
    let minus = |number: u64| 0_u64.wrapping_sub(number);
    for number in [0, 1, 2, 3, 4711, minus(2), minus(3), 0xffff_ffff, 0xffff_fffe, 0xffff_fffc] {
        for end in [&pair.client, &pair.server] {
            let refused = of(&**end).claim(Ticket(number));
            assert!(matches!(refused, Err(Error::Protocol { .. })), "{number:x}: {refused:?}");
        }
    }
    let refused = of(&*pair.server).claim(Ticket(1 << 40 | 4));
    assert!(matches!(refused, Err(Error::Protocol { .. })), "{refused:?}");
}

#[test]
fn t42_what_is_no_file_to_read_is_neither_sent_nor_taken() {
    let place = tempfile::tempdir().expect("a directory");
    let path = place.path().join("file");
    fs::write(&path, "content").expect("written");
    let pair = Pair::new();
    let client = of(&*pair.client);
    let device = OpenOptions::new().read(true).open("NUL").expect("always there");
    let refused = client.offer(device).expect_err("a device");
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    let for_writing = OpenOptions::new().append(true).open(&path).expect("opened");
    let refused = client.offer(for_writing).expect_err("nothing to read with");
    assert_eq!(refused.kind(), ErrorKind::PermissionDenied);

    let directory = open(place.path(), FILE_FLAG_BACKUP_SEMANTICS);
    let overlapped = open(&path, FILE_FLAG_OVERLAPPED);
    for file in [directory, overlapped] {
        let ticket = client.offer(file).expect("a handle that reads");
        let received = of(&*pair.server).claim(ticket).expect("came");
        let refused = regular_file(received).expect_err("nothing that a server reads");
        assert_eq!(refused.kind(), ErrorKind::NotRegular);
    }
}

#[test]
fn what_the_server_never_took_is_closed_with_the_connection() {
    let place = tempfile::tempdir().expect("a directory");
    let path = place.path().join("file");
    fs::write(&path, "content").expect("written");
    let exclusive = || OpenOptions::new().read(true).share_mode(0).open(&path);
    let pair = Pair::new();
    of(&*pair.client).offer(exclusive().expect("nobody else has it")).expect("offered");
    exclusive().expect_err("it is held for the server");
    drop(pair);
    exclusive().expect("nobody has it any more");
}

#[test]
fn handles_go_from_process_to_process() {
    let at = fresh();
    let listener = passing().bind(&at, &BindOptions::new().handles(true)).expect("bound");
    let mut client = child::Process::start("child_that_passes_handles", &[&at.to_string()]);
    let server: Arc<dyn Connection> = listener.accept(soon()).expect("accepted").into();
    server.read_exact(&mut [0], soon()).expect("read");
    for round in 0..100 {
        let text = format!("from the server, {round}");
        let Ticket(number) = of(&*server).offer(file_with(&text)).expect("offered");
        server.write_all(b"!", soon()).expect("written");
        assert_eq!(client.ask(&number.to_string()), text);
        let number = client.hear().parse().expect("a number");
        let received = of(&*server).claim(Ticket(number)).expect("came");
        assert_eq!(text_of(received), format!("{text}, and back"));
    }
    client.kill();
    let refused = of(&*server).offer(file_with("nobody")).expect_err("the client is dead");
    assert_ne!(refused.kind(), ErrorKind::LimitExceeded);
}

#[test]
fn child_that_passes_handles() {
    let Some(arguments) = child::role("child_that_passes_handles") else { return };
    let connection = connect(&arguments[0].parse().expect("an endpoint"));
    connection.write_all(b"!", soon()).expect("written");
    while let Some(number) = child::hear_parent() {
        let ticket = Ticket(number.parse().expect("a number"));
        let text = text_of(of(&*connection).claim(ticket).expect("came"));
        child::say(&text);
        let Ticket(number) =
            of(&*connection).offer(file_with(&format!("{text}, and back"))).expect("offered");
        connection.write_all(b"!", soon()).expect("written");
        child::say(&number.to_string());
    }
}

fn open(path: &Path, flags: u32) -> File {
    OpenOptions::new().read(true).custom_flags(flags).open(path).expect("opened")
}

fn ticket_of(file: &File) -> Ticket {
    Ticket(file.as_raw_handle().addr() as u64)
}

/// Source: `CreateFileW`.
const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
const FILE_FLAG_OVERLAPPED: u32 = 0x4000_0000;

//! Clients that pass a server everything but what it asks for.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

#[path = "../common/mod.rs"]
mod common;
mod frames;

use std::fs::{File, OpenOptions};
use std::io::{IoSlice, Read as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use frames::{Stranger, get};

use common::{Place, raw, system};
use fileserve::platform::{self, Serving};
use fileserve::protocol::{Algorithm, FilesClient, Names, Part};
use fileserve::{Access, FileClient, FileService, Files as _};
use ipc_core::client::{Client, ClientOptions};
use ipc_core::server::Server;
use ipc_core::session::SessionLimits;
use ipc_core::{BindOptions, ConnectOptions, Connection, Endpoint, ErrorKind};
use ipc_testkit::child;
use rustix::fs::{OFlags, SeekFrom, fcntl_getfl, fcntl_setfl, seek};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};

/// A server in this process that opens nothing, and takes so many handles of a client at once.
fn serve(place: &Place, handles: u32) -> Server {
    let mut limits = SessionLimits::default();
    limits.handles = handles;
    let serving = Serving { handles: true, ..Serving::default() };
    let root = platform::open_everything(&serving).expect("is there");
    let files = FileService::new(root, Names::Absolute).access(Access::ClientOpens);
    let transport = platform::server_transport(&serving).expect("sockets");
    Server::builder(transport, at(place))
        .bind_options(BindOptions::new().handles(true))
        .session_limits(limits)
        .serve(files.into_service())
        .expect("the name is free")
}

fn at(place: &Place) -> Endpoint {
    place.endpoint().parse().expect("an endpoint")
}

fn connect(place: &Place) -> Box<dyn Connection> {
    let options = ConnectOptions::new().handles(true).deadline(raw::soon());
    platform::passing_transport().connect(&at(place), &options).expect("is served")
}

fn client(place: &Place) -> FilesClient {
    Client::new(connect(place), ClientOptions::new()).into()
}

/// Handles that a server must not read from, and how each is refused.
fn hostile(place: &Place, number: usize) -> (&'static str, File, ErrorKind) {
    let path = place.files().join("secret");
    let flagged = |flags: OFlags| {
        let flags = i32::try_from(flags.bits()).expect("flags of open");
        OpenOptions::new().read(true).custom_flags(flags).open(&path).expect("opens")
    };
    match number % 8 {
        0 => ("O_PATH", flagged(OFlags::PATH), ErrorKind::PermissionDenied),
        1 => {
            let file = OpenOptions::new().write(true).open(&path).expect("opens");
            ("write only", file, ErrorKind::PermissionDenied)
        }
        2 => ("directory", File::open(place.files()).expect("opens"), ErrorKind::NotRegular),
        3 => {
            let (read, _write) = rustix::pipe::pipe().expect("a pipe");
            ("pipe", File::from(read), ErrorKind::NotRegular)
        }
        4 => {
            let (socket, _other) = UnixStream::pair().expect("a pair");
            ("socket", File::from(OwnedFd::from(socket)), ErrorKind::NotRegular)
        }
        5 => ("device", File::open("/dev/zero").expect("opens"), ErrorKind::NotRegular),
        6 => ("procfs", File::open("/proc/self/maps").expect("opens"), ErrorKind::NotRegular),
        _ => ("sysfs", File::open("/sys/kernel/notes").expect("opens"), ErrorKind::NotRegular),
    }
}

/// Waits until this process has so many descriptors, once what is under way has ended: the server closes what it
/// refuses before or after it says so.
fn descriptors_settle_at(expected: usize) {
    descriptors_settle(|now| now == expected);
}

fn descriptors_settle(enough: impl Fn(usize) -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !system::open_handles().is_some_and(&enough) {
        assert!(Instant::now() < until, "{:?} descriptors", system::open_handles());
        std::thread::yield_now();
    }
}

#[test]
fn t42_every_hostile_handle_is_refused_and_none_is_kept() {
    if !child::is_alone("t42_every_hostile_handle_is_refused_and_none_is_kept") {
        return;
    }
    let place = Place::new();
    place.file("secret", "secret");
    let _server = serve(&place, 16);
    let mut client = client(&place);
    client.about().expect("connected");
    let before = system::open_handles().expect("can be counted");
    for number in 0..10_000 {
        let (name, file, kind) = hostile(&place, number);
        let refused = if number % 3 == 0 {
            client.sum_passed(file, Algorithm::Blake3).map(drop)
        } else {
            client.get_passed(file, Part::WHOLE).map(drop)
        };
        let error = refused.expect_err(name);
        assert_eq!(error.kind(), kind, "{name}: {error}");
    }
    descriptors_settle_at(before);
    let good = File::open(place.files().join("secret")).expect("opens");
    let mut content = String::new();
    let mut answer = client.get_passed(good, Part::WHOLE).expect("is served");
    answer.body.read_to_string(&mut content).expect("whole");
    assert_eq!(content, "secret");
}

#[test]
fn t42_a_call_without_its_handle_or_with_one_too_many_is_refused() {
    let place = Place::new();
    let path = place.file("notes", "hello");
    let _server = serve(&place, 16);
    let mut client = client(&place);
    for method in [8, 9] {
        let error = client.as_mut().call(method, &[]).expect_err("is about a handle");
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
    let file = File::open(path).expect("opens");
    let error = client.as_mut().call_with_handle(6, &[], file).expect_err("takes none");
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    client.about().expect("the connection is as usable as before");
}

/// The client has the same opening of the file, so it can turn what it likes there.
#[test]
fn t42_flags_and_positions_that_are_changed_later_change_nothing_for_others() {
    let place = Place::new();
    let content: Vec<u8> = (0..4_000_000_u32).map(|at| (at % 251) as u8).collect();
    let path = place.file("big", &content);
    let _server = serve(&place, 16);
    let mut victim = FileClient::new(Client::new(connect(&place), ClientOptions::new()));
    for flags in [OFlags::APPEND, OFlags::NONBLOCK, OFlags::NOATIME, OFlags::DIRECT] {
        let file = File::open(&path).expect("opens");
        let kept = file.try_clone().expect("the same opening");
        let mut client = client(&place);
        let mut answer = client.get_passed(file, Part::WHOLE).expect("begins");
        let mut received = vec![0; 100_000];
        answer.body.read_exact(&mut received).expect("begins well");
        fcntl_setfl(&kept, flags).expect("is its own");
        seek(&kept, SeekFrom::Start(3_999_990)).expect("is its own");
        // Reading may fail then, for this client; if it ends well it is whole.
        if answer.body.read_to_end(&mut received).is_ok() {
            assert!(received == content, "{flags:?}");
        }
        let own = File::open(&path).expect("opens");
        let mut incoming = victim.open_passed(own, &Part::WHOLE).expect("is served");
        let mut whole = Vec::new();
        incoming.copy_to(&mut whole, &mut |_| ()).expect("nobody else is concerned");
        assert!(whole == content);
    }
}

#[test]
fn t42_flags_that_a_handle_comes_with_are_taken_off() {
    let place = Place::new();
    let path = place.file("notes", "hello");
    let _server = serve(&place, 16);
    let mut client = client(&place);
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::APPEND).bits()).expect("flags of open");
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).expect("opens");
    let kept = file.try_clone().expect("the same opening");
    client.sum_passed(file, Algorithm::Blake3).expect("is served");
    assert!(!fcntl_getfl(&kept).expect("flags").intersects(OFlags::NONBLOCK | OFlags::APPEND));
}

#[test]
fn t37_t42_a_passed_file_that_shrinks_or_changes_ends_its_own_answer() {
    let place = Place::new();
    let path = place.file("big", vec![7; 20_000_000]);
    let _server = serve(&place, 16);
    for shrinks in [true, false] {
        std::fs::write(&path, vec![7; 20_000_000]).expect("written");
        let mut client = client(&place);
        let file = File::open(&path).expect("opens");
        let mut answer = client.get_passed(file, Part::WHOLE).expect("begins");
        answer.body.read_exact(&mut [0; 1000]).expect("begins well");
        let changing = OpenOptions::new().write(true).open(&path).expect("is ours");
        changing.set_len(if shrinks { 1000 } else { 30_000_000 }).expect("is ours");
        answer.body.read_to_end(&mut Vec::new()).expect_err("no whole file");
        drop(answer);
        client.about().expect("the connection is as usable as before");
    }
}

#[test]
fn t38_a_passed_file_that_claims_to_be_endless_is_not_read() {
    let place = Place::new();
    let file = place.sparse("endless", FileService::MAX_PASSED + 1);
    let file = File::open(place.files().join("endless")).map(|open| (open, file)).expect("opens").0;
    let _server = serve(&place, 16);
    let mut client = client(&place);
    let again = file.try_clone().expect("the same opening");
    let error = client.sum_passed(again, Algorithm::Blake3).expect_err("too long");
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
    let again = file.try_clone().expect("the same opening");
    let error = client.get_passed(again, Part::WHOLE).expect_err("too long").kind();
    assert_eq!(error, ErrorKind::LimitExceeded);
    let end = Part { from: FileService::MAX_PASSED - 5, length: Some(4), of: None };
    let mut answer = client.get_passed(file, end).expect("a part is short");
    let mut content = Vec::new();
    answer.body.read_to_end(&mut content).expect("whole");
    assert_eq!(content, [0; 4]);
}

/// Calls that are given up while their files are read, and connections that are dropped with handles
/// on their way.
#[test]
fn t42_whatever_is_given_up_leaves_no_handle_behind() {
    if !child::is_alone("t42_whatever_is_given_up_leaves_no_handle_behind") {
        return;
    }
    let place = Place::new();
    let path = place.file("big", vec![7; 10 << 20]);
    let _server = Arc::new(serve(&place, 16));
    let mut lasting = client(&place);
    lasting.sum_passed(File::open(&path).expect("opens"), Algorithm::Blake3).expect("is served");
    let before = system::open_handles().expect("can be counted");
    for _ in 0..200 {
        drop(lasting.get_passed(File::open(&path).expect("opens"), Part::WHOLE).expect("begins"));
        let mut brief = client(&place);
        let _ = brief.get_passed(File::open(&path).expect("opens"), Part::WHOLE).expect("begins");
        let stranger = Stranger::connect(&place);
        let ticket = stranger.offer(File::open(&path).expect("opens"));
        stranger.write(&get(1, ticket.0)[..30]);
        stranger.offer(File::open(&path).expect("opens"));
        stranger.write(&[0]);
    }
    lasting.about().expect("the connection is as usable as before");
    descriptors_settle_at(before);
}

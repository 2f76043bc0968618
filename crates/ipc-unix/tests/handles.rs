//! Passing open files, from peers that keep to the rules and from those that do not.
#![cfg(target_os = "linux")]

mod common;

use std::fs::{File, OpenOptions};
use std::io::{IoSlice, Write};
use std::mem::{self, MaybeUninit};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use common::{Pair, open_descriptors, place, soon};
use ipc_core::transport::{Handles, ReceivedHandle, Ticket};
use ipc_core::{BindOptions, Connection, Deadline, Error, ErrorKind, Listener, Mode, Transport};
use ipc_testkit::child;
use ipc_unix::{UnixTransport, regular_file};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};

fn of(connection: &dyn Connection) -> &dyn Handles {
    connection.handles().expect("was asked for")
}

fn file_with(text: &str) -> File {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(text.as_bytes()).expect("writes");
    file
}

fn text_of(handle: ReceivedHandle) -> String {
    let file = regular_file(handle).expect("a regular file");
    let mut text = [0; 64];
    let count = file.read_at(&mut text, 0).expect("reads");
    String::from_utf8_lossy(&text[..count]).into_owned()
}

#[test]
fn t44_handles_are_matched_by_count_whatever_the_reads() {
    let pair = Pair::with(Mode::Bytes, true);
    let client = &*pair.client;
    client.write_all(b"before", soon()).expect("writes");
    let first = of(client).offer(file_with("first")).expect("offers");
    let second = of(client).offer(file_with("second")).expect("offers");
    client.write_all(b"with", soon()).expect("writes");
    let third = of(client).offer(file_with("third")).expect("offers");
    client.write_all(b"with the third", soon()).expect("writes");
    client.write_all(b"after", soon()).expect("writes");

    let server = &*pair.server;
    let early = of(server).claim(first);
    assert!(matches!(early, Err(Error::Protocol { .. })), "{early:?}");
    server.read_exact(&mut [0; 29], soon()).expect("reads");
    assert_eq!(text_of(of(server).claim(third).expect("came")), "third");
    assert_eq!(text_of(of(server).claim(first).expect("came")), "first");
    assert_eq!(text_of(of(server).claim(second).expect("came")), "second");
    let again = of(server).claim(second);
    assert!(matches!(again, Err(Error::Protocol { .. })), "{again:?}");
}

#[test]
fn handles_pass_in_both_directions_and_with_messages() {
    let pair = Pair::with(Mode::Messages, true);
    for (from, to) in [(&pair.client, &pair.server), (&pair.server, &pair.client)] {
        let ticket = of(&**from).offer(file_with("content")).expect("offers");
        let messages = |end: &std::sync::Arc<dyn Connection>| end.messages().is_some();
        assert!(messages(from) && messages(to));
        from.messages().expect("messages").send(&[IoSlice::new(b"m")], soon()).expect("sends");
        let mut message = Vec::new();
        to.messages().expect("messages").receive(&mut message, 100, soon()).expect("receives");
        assert_eq!(message, b"m");
        assert_eq!(text_of(of(&**to).claim(ticket).expect("came")), "content");
    }
}

#[test]
fn too_many_offers_are_refused_before_they_are_sent() {
    let pair = Pair::with(Mode::Bytes, true);
    let client = &*pair.client;
    for _ in 0..16 {
        of(client).offer(file_with("")).expect("offers");
    }
    let refused = of(client).offer(file_with(""));
    assert!(matches!(refused, Err(Error::LimitExceeded { limit: 16, .. })), "{refused:?}");
    client.write_all(b"x", soon()).expect("writes");
    of(client).offer(file_with("")).expect("there is room again");
}

/// The bytes of a file that is lent take no handle along, so they must not be the next ones.
#[test]
fn a_file_is_not_lent_while_a_handle_waits_for_the_next_bytes() {
    let pair = Pair::with(Mode::Bytes, true);
    let client = &*pair.client;
    let ticket = of(client).offer(file_with("passed")).expect("offers");
    let file = file_with("lent");
    let lent = client.send_file(&file, 0, 4, soon());
    assert!(matches!(lent, Err(Error::Unsupported { .. })), "{lent:?}");
    client.write_all(b"copied", soon()).expect("writes");
    client.send_file(&file, 0, 4, soon()).expect("is lent now");
    let mut read = [0; 10];
    pair.server.read_exact(&mut read, soon()).expect("reads");
    assert_eq!(&read, b"copiedlent");
    assert_eq!(text_of(of(&*pair.server).claim(ticket).expect("came")), "passed");
}

#[test]
fn a_connection_without_handles_has_none_and_drops_what_comes() {
    if !child::is_alone("a_connection_without_handles_has_none_and_drops_what_comes") {
        return;
    }
    let pair = Pair::new();
    assert!(pair.client.handles().is_none() && pair.server.handles().is_none());
    let (stranger, server, _listener) = stranger_with(false);
    let before = open_descriptors();
    if try_send_raw(&stranger, b"x", 5).is_err() {
        (&stranger).write_all(b"x").expect("bytes alone are taken");
    }
    assert_eq!(server.read(&mut [0; 8], soon()).expect("reads"), 1);
    assert_eq!(open_descriptors(), before);
}

/// To close a TCP socket may take as long as whoever set it up likes; a receive that discards one takes
/// that time.
#[test]
fn t43_what_takes_long_to_close_cannot_be_sent_to_an_end_without_handles() {
    let test = "t43_what_takes_long_to_close_cannot_be_sent_to_an_end_without_handles";
    let (place, at) = place();
    let listener = UnixTransport::new().bind(&at, &BindOptions::new()).expect("binds");
    let stranger = UnixStream::connect(at.name()).expect("connects");
    let null = File::open("/dev/null").expect("opens");
    if send_with(&stranger, b"x", &[null.as_fd()]).is_ok() {
        return ipc_testkit::skip(test, "this kernel lets descriptors be sent to whoever reads");
    }
    let (slow, _peer) = lingering();
    let before_it_is_accepted = send_with(&stranger, b"x", &[slow.as_fd()]);
    assert_eq!(before_it_is_accepted, Err(rustix::io::Errno::PERM));
    let server = listener.accept(soon()).expect("accepts");
    assert_eq!(send_with(&stranger, b"x", &[slow.as_fd()]), Err(rustix::io::Errno::PERM));
    (&stranger).write_all(b"y").expect("bytes alone are taken");
    server.read_exact(&mut [0; 1], soon()).expect("come");
    drop(place);
}

/// What peers pass is closed apart from whoever finds it unwanted, so a little later.
fn settles_at(expected: usize) {
    settles(|now| now == expected);
}

fn settles(enough: impl Fn(usize) -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !enough(open_descriptors()) {
        assert!(Instant::now() < until, "{} descriptors", open_descriptors());
        thread::yield_now();
    }
}

/// Such sockets reach a server in every way in which it does not want them.
#[test]
fn t43_what_takes_long_to_close_holds_up_nobody() {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        // Claimed and refused; claimed and forgotten.
        for refuse in [true, false] {
            let (stranger, server, _listener) = slow_stranger(1);
            server.read_exact(&mut [0; 1], soon()).expect("reads");
            let handle = of(&*server).claim(Ticket(0)).expect("came");
            if refuse {
                regular_file(handle).expect_err("a socket");
            } else {
                drop(handle);
            }
            drop(stranger);
        }
        // Too many; not claimed; not even read.
        for (count, is_read) in [(17, true), (16, true), (3, false)] {
            let (_stranger, server, _listener) = slow_stranger(count);
            if is_read {
                server.read_exact(&mut [0; 1], soon()).expect("reads");
            }
            drop(server);
        }
        done.send(()).expect("is waited for");
    });
    is_done.recv_timeout(Duration::from_secs(60)).expect("none of that waits for the sockets");
}

/// A peer that has sent a byte and so many sockets that take long to close, and has closed them.
fn slow_stranger(count: usize) -> (UnixStream, Box<dyn Connection>, Box<dyn Listener>) {
    let (stranger, server, listener) = stranger_with(true);
    let slow: Vec<_> = (0..count).map(|_| lingering()).collect();
    let handles: Vec<_> = slow.iter().map(|(slow, _)| slow.as_fd()).collect();
    send_with(&stranger, b"x", &handles).expect("sends");
    drop(handles);
    for (slow, peer) in slow {
        drop(slow);
        // As long as the process lives: without its peer nothing lingers.
        mem::forget(peer);
    }
    (stranger, server, listener)
}

/// A TCP connection whose first end takes ten minutes to close, and the other.
fn lingering() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let slow = TcpStream::connect(listener.local_addr().expect("known")).expect("connects");
    let (peer, _) = listener.accept().expect("a peer");
    slow.set_nonblocking(true).expect("is ours");
    while (&slow).write(&[0; 65_536]).is_ok() {}
    slow.set_nonblocking(false).expect("is ours");
    let linger = Some(Duration::from_secs(600));
    rustix::net::sockopt::set_socket_linger(&slow, linger).expect("is ours");
    (slow, peer)
}

/// A stranger sends more than may wait: those that fit can be claimed, and nothing leaks.
#[test]
fn t42_too_many_handles_are_closed_and_said_so() {
    if !child::is_alone("t42_too_many_handles_are_closed_and_said_so") {
        return;
    }
    for at_once in [17, 253] {
        let (stranger, server, _listener) = stranger_with(true);
        let before = open_descriptors();
        send_raw(&stranger, b"x", at_once);
        server.read_exact(&mut [0; 1], soon()).expect("the bytes are good");
        settles_at(before + 16);
        for ticket in 0..16 {
            of(&*server).claim(Ticket(ticket)).expect("those that fit");
        }
        let lost = of(&*server).claim(Ticket(16));
        assert!(matches!(lost, Err(Error::LimitExceeded { limit: 16, .. })), "{lost:?}");
        settles_at(before);
        // From here on no count is right, so nothing that comes is kept.
        send_raw(&stranger, b"x", 1);
        server.read_exact(&mut [0; 1], soon()).expect("the bytes are good");
        settles_at(before);
        assert!(of(&*server).claim(Ticket(17)).is_err());
    }
}

#[test]
fn t43_handles_that_nobody_claims_are_bounded() {
    if !child::is_alone("t43_handles_that_nobody_claims_are_bounded") {
        return;
    }
    let (stranger, server, _listener) = stranger_with(true);
    let before = open_descriptors();
    for _ in 0..100 {
        send_raw(&stranger, b"x", 3);
        server.read_exact(&mut [0; 1], soon()).expect("reads");
        // What is too much is closed a little later, three at a time.
        settles(|now| now <= before + 16);
    }
    drop(server);
    settles(|now| now < before);
}

/// What is on its way counts against the user who has sent it, whose other clients get none beyond the
/// system's limit.
#[test]
fn t43_a_peer_that_reads_nothing_has_few_handles_on_their_way() {
    for sends_a_file_first in [false, true] {
        let pair = Pair::with(Mode::Bytes, true);
        if sends_a_file_first {
            let file = file_with("content");
            pair.server.send_file(&file, 0, 7, soon()).expect("there is room");
        }
        let file = file_with("");
        let mut sent = 0;
        let refused = loop {
            of(&*pair.server).offer(file.try_clone().expect("ours")).expect("none waits");
            match pair.server.write_all(b"x", Deadline::NOW) {
                Ok(()) => sent += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(refused.kind(), ErrorKind::TimedOut, "{refused}");
        assert!((1..=32).contains(&sent), "{sent}, a file first: {sends_a_file_first}");
    }
}

#[test]
fn t42_a_handle_is_read_only_if_it_is_a_regular_file_open_for_reading() {
    let (place, _) = place();
    let path = place.path().join("file");
    std::fs::write(&path, "content").expect("writes");
    let flagged = |flags| OpenOptions::new().read(true).custom_flags(flags).open(&path);
    let (pipe, _other_end) = rustix::pipe::pipe().expect("a pipe");
    let (socket, _peer) = UnixStream::pair().expect("a pair");
    let hostile: [(&str, File, ErrorKind); 7] = [
        ("O_PATH", flagged(libc::O_PATH).expect("opens"), ErrorKind::PermissionDenied),
        (
            "write only",
            OpenOptions::new().write(true).open(&path).expect("opens"),
            ErrorKind::PermissionDenied,
        ),
        ("directory", File::open(place.path()).expect("opens"), ErrorKind::NotRegular),
        ("pipe", File::from(pipe), ErrorKind::NotRegular),
        ("socket", File::from(OwnedFd::from(socket)), ErrorKind::NotRegular),
        ("device", File::open("/dev/zero").expect("opens"), ErrorKind::NotRegular),
        ("procfs", File::open("/proc/self/maps").expect("opens"), ErrorKind::NotRegular),
    ];
    for (name, file, kind) in hostile {
        let refused = regular_file(ReceivedHandle::new(file)).expect_err(name);
        assert_eq!(refused.kind(), kind, "{name}: {refused}");
    }
    let flagged = flagged(libc::O_NONBLOCK | libc::O_APPEND).expect("opens");
    let file = regular_file(ReceivedHandle::new(flagged)).expect("is good");
    let flags = rustix::fs::fcntl_getfl(&file).expect("flags");
    assert!(!flags.intersects(rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::APPEND));
    let both = OpenOptions::new().read(true).write(true).open(&path).expect("opens");
    assert_eq!(text_of(ReceivedHandle::new(both)), "content");
}

#[test]
fn offered_and_received_handles_are_closed_with_their_connection() {
    if !child::is_alone("offered_and_received_handles_are_closed_with_their_connection") {
        return;
    }
    let before = open_descriptors();
    for _ in 0..50 {
        let pair = Pair::with(Mode::Bytes, true);
        of(&*pair.client).offer(file_with("")).expect("offers");
        pair.client.write_all(b"x", soon()).expect("writes");
        of(&*pair.client).offer(file_with("")).expect("offers");
        pair.server.read_exact(&mut [0; 1], soon()).expect("reads");
    }
    settles_at(before);
}

#[test]
fn a_received_handle_is_not_inherited_by_processes_started_later() {
    let pair = Pair::with(Mode::Bytes, true);
    let ticket = of(&*pair.client).offer(file_with("")).expect("offers");
    pair.client.write_all(b"x", soon()).expect("writes");
    pair.server.read_exact(&mut [0; 1], soon()).expect("reads");
    let file = of(&*pair.server).claim(ticket).expect("came").into_unchecked();
    let flags = rustix::io::fcntl_getfd(&file).expect("flags");
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
}

/// A peer that does not use this crate, the server's end for it, and the listener.
fn stranger_with(handles: bool) -> (UnixStream, Box<dyn Connection>, Box<dyn Listener>) {
    let (place, at) = place();
    let options = BindOptions::new().handles(handles);
    let listener = UnixTransport::new().bind(&at, &options).expect("binds");
    let stranger = UnixStream::connect(at.name()).expect("connects");
    let server = listener.accept(soon()).expect("accepts");
    drop(place);
    (stranger, server, listener)
}

fn send_raw(stranger: &UnixStream, bytes: &[u8], handles: usize) {
    try_send_raw(stranger, bytes, handles).expect("sends");
}

fn try_send_raw(stranger: &UnixStream, bytes: &[u8], handles: usize) -> rustix::io::Result<usize> {
    let null = File::open("/dev/null").expect("opens");
    send_with(stranger, bytes, &vec![null.as_fd(); handles])
}

fn send_with(
    stranger: &UnixStream,
    bytes: &[u8],
    handles: &[BorrowedFd<'_>],
) -> rustix::io::Result<usize> {
    let mut space = vec![MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(handles)));
    rustix::net::sendmsg(stranger, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)
}

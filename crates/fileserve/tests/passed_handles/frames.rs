//! Sessions written by hand: tickets that name nothing, and floods.
#![cfg(target_os = "linux")]

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};

use ipc_core::frame::{Header, Kind, Preface, RequestHead};
use ipc_core::service::Arguments;
use ipc_core::transport::Ticket;

use super::*;

/// Bytes of a session, written by hand.
pub(crate) struct Stranger(Box<dyn Connection>);

impl Stranger {
    pub(crate) fn connect(place: &Place) -> Self {
        let stranger = Self(connect(place));
        stranger.write(&preface());
        stranger
    }

    pub(crate) fn write(&self, bytes: &[u8]) {
        self.0.write_all(bytes, raw::soon()).expect("written");
    }

    pub(crate) fn offer(&self, file: File) -> Ticket {
        self.0.handles().expect("passes them").offer(file).expect("offers")
    }

    /// All that the server says until it ends.
    fn last_words(&self) -> String {
        let (mut said, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = self.0.read(&mut buffer, raw::soon()) {
            said.extend_from_slice(&buffer[..count]);
        }
        String::from_utf8_lossy(&said).into_owned()
    }

    /// Reads until `count` answers of `get_passed` have come, and returns the bodies by call.
    fn bodies(&self, count: usize) -> Vec<(u64, Vec<u8>)> {
        let mut bodies: Vec<(u64, Vec<u8>)> = Vec::new();
        self.read(Preface::LENGTH);
        let mut ended = 0;
        while ended < count {
            let header = Header::decode(&self.read(Header::LENGTH), 1 << 20).expect("valid");
            let Header { kind, call, length, .. } = header.expect("whole");
            let payload = self.read(length as usize);
            match kind {
                Kind::Data => bodies.push((call, payload)),
                Kind::End => ended += 1,
                _ => {}
            }
        }
        bodies.sort();
        bodies
    }

    fn read(&self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes, raw::soon()).expect("comes");
        bytes
    }
}

fn preface() -> [u8; Preface::LENGTH] {
    let preface = Preface {
        version: 1,
        lowest: 1,
        codec: 1,
        level: 1,
        flags: Preface::HANDLES,
        payload: 65_536,
        calls: 0,
        connection_credit: 1 << 30,
        body_credit: 1 << 30,
        request_bytes: 0,
        handles: 0,
    };
    preface.encode()
}

fn frame(kind: Kind, call: u64, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short");
    [&Header::new(kind, call, length).encode()[..], payload].concat()
}

/// A handle frame and a request of the content of what it names.
pub(crate) fn get(call: u64, ticket: u64) -> Vec<u8> {
    let mut payload = RequestHead { method: 8, remaining: None }.encode().to_vec();
    Arguments::push_value(&mut payload, &Part::WHOLE).expect("has an encoding");
    let handle = frame(Kind::Handle, call, &ticket.to_le_bytes());
    [handle, frame(Kind::Request, call, &payload)].concat()
}

/// The handles leave all at once, with a byte long before the frames that name them, in another order,
/// and the frames come in pieces.
#[test]
fn t44_each_call_gets_the_handle_that_its_ticket_names_whatever_the_reads() {
    let place = Place::new();
    let _server = serve(&place, 16);
    let open = |name: &str| File::open(place.file(name, name)).expect("opens");
    for piece in [1, 7, 24, 1000] {
        let stranger = Stranger(connect(&place));
        let bytes = preface();
        stranger.write(&bytes[..10]);
        let tickets = ["a", "b", "c", "d"].map(|name| stranger.offer(open(name)).0);
        assert_eq!(tickets, [0, 1, 2, 3]);
        stranger.write(&bytes[10..]);
        let frames = [get(1, 2), get(3, 0), get(5, 3), get(7, 1)].concat();
        frames.chunks(piece).for_each(|piece| stranger.write(piece));
        let expected = [(1, "c"), (3, "a"), (5, "d"), (7, "b")];
        let expected = expected.map(|(call, name)| (call, name.as_bytes().to_vec()));
        assert_eq!(stranger.bodies(4), expected, "pieces of {piece} bytes");
    }
}

#[test]
fn t44_a_ticket_that_was_never_sent_or_was_used_ends_the_session() {
    let place = Place::new();
    let _server = serve(&place, 16);
    let open = || File::open(place.file("notes", "hello")).expect("opens");
    for (frames, why) in [
        (get(1, 1), "handle 1 has not come"),
        (get(1, u64::MAX), "has not come"),
        ([get(1, 0), get(3, 0)].concat(), "handle 0 was claimed before"),
    ] {
        let stranger = Stranger::connect(&place);
        stranger.offer(open());
        stranger.write(&frames);
        let said = stranger.last_words();
        assert!(said.contains(why), "{why}: {said}");
    }
}

/// A handle frame after a handle frame, and handles without any frames: neither makes the server hold
/// more than it has announced.
#[test]
fn t43_a_flood_of_handles_is_cut_and_holds_up_nobody() {
    if !child::is_alone("t43_a_flood_of_handles_is_cut_and_holds_up_nobody") {
        return;
    }
    let place = Place::new();
    let path = place.file("notes", "hello");
    let _server = serve(&place, 4);
    let mut client = client(&place);
    client.sum_passed(File::open(&path).expect("opens"), Algorithm::Blake3).expect("is served");
    let before = system::open_handles().expect("can be counted");

    let stranger = Stranger::connect(&place);
    for call in [1_u64, 3] {
        let ticket = stranger.offer(File::open(&path).expect("opens"));
        stranger.write(&frame(Kind::Handle, call, &ticket.0.to_le_bytes()));
    }
    let said = stranger.last_words();
    assert!(said.contains("a handle for call 3 before the request of call 1"), "{said}");
    drop(stranger);
    descriptors_settle_at(before);

    // 3,000 at once, and no frame that names them.
    let stranger = UnixStream::connect(at(&place).name()).expect("is served");
    let null = File::open("/dev/null").expect("opens");
    let flood = system::open_handles().expect("can be counted");
    let mut bytes = preface().to_vec();
    (0..2000).for_each(|_| bytes.extend(frame(Kind::Pong, 0, &[0; 8])));
    for piece in bytes.chunks(16) {
        send_with(&stranger, piece, &[null.as_fd(); 3]);
        // What is too much is closed a little later, three at a time.
        descriptors_settle(|now| now <= flood + 1 + 16);
        client.about().expect("others are served");
    }
    // From here on no handle of this connection can be told from another.
    send_with(&stranger, &get(1, 7000), &[null.as_fd()]);
    let mut said = Vec::new();
    (&stranger).read_to_end(&mut said).expect("said and closed");
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("exceed the limit of 16"), "{said}");
    drop((stranger, null));
    descriptors_settle_at(before);
}

/// As [`UnixStream::write`], with handles, until all of it is written.
fn send_with(stranger: &UnixStream, mut bytes: &[u8], handles: &[BorrowedFd<'_>]) {
    while !bytes.is_empty() {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(handles)));
        let parts = [IoSlice::new(bytes)];
        let sent = rustix::net::sendmsg(stranger, &parts, &mut control, SendFlags::NOSIGNAL);
        bytes = &bytes[sent.expect("the server reads")..];
    }
}

/// A socket that takes ten minutes to close, passed with a call and without one.
#[test]
fn t43_what_takes_long_to_close_leaves_every_thread_to_others() {
    let place = Place::new();
    let path = place.file("notes", "hello");
    let _server = serve(&place, 16);
    let mut client = client(&place);
    for round in 0..20 {
        let mut stranger = UnixStream::connect(at(&place).name()).expect("is served");
        stranger.write_all(&preface()).expect("written");
        let frames = match round % 3 {
            0 => get(1, 0),
            1 => frame(Kind::Handle, 1, &[0; 8]),
            _ => frame(Kind::Pong, 0, &[0; 8]),
        };
        let slow = lingering();
        send_with(&stranger, &frames, &[slow.as_fd()]);
        // Whoever has it last waits.
        std::thread::spawn(move || drop(slow));
        if round % 3 == 0 {
            stranger.read_exact(&mut [0; Preface::LENGTH + Header::LENGTH]).expect("is refused");
        }
        drop(stranger);
        let file = File::open(&path).expect("opens");
        client.sum_passed(file, Algorithm::Blake3).expect("is served in time");
    }
}

/// One end of a TCP connection whose other end lives as long as this process.
fn lingering() -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let slow = TcpStream::connect(listener.local_addr().expect("known")).expect("connects");
    let (peer, _) = listener.accept().expect("a peer");
    std::mem::forget(peer);
    slow.set_nonblocking(true).expect("is ours");
    while (&slow).write(&[0; 65_536]).is_ok() {}
    slow.set_nonblocking(false).expect("is ours");
    let linger = Some(Duration::from_secs(600));
    rustix::net::sockopt::set_socket_linger(&slow, linger).expect("is ours");
    slow
}

#[test]
fn t43_calls_with_more_handles_than_were_announced_are_cut() {
    let place = Place::new();
    let path = place.file("big", vec![7; 1 << 20]);
    let _server = serve(&place, 2);
    let mut stranger = Stranger(connect(&place));
    // Without credit no answer ends.
    let bytes = Preface { connection_credit: 0, body_credit: 0, ..decoded(&preface()) }.encode();
    stranger.write(&bytes);
    for call in [1, 3, 5] {
        let ticket = stranger.offer(File::open(&path).expect("opens"));
        stranger.write(&get(call, ticket.0));
    }
    let said = stranger.last_words();
    assert!(said.contains("3 handles of calls at once exceed the limit of 2"), "{said}");
    stranger = Stranger::connect(&place);
    let ticket = stranger.offer(File::open(&path).expect("opens"));
    stranger.write(&get(1, ticket.0));
    let length: usize = stranger.bodies(1).iter().map(|(_, piece)| piece.len()).sum();
    assert_eq!(length, 1 << 20, "others are served");
}

fn decoded(bytes: &[u8]) -> Preface {
    Preface::decode(bytes).expect("valid").expect("whole").0
}

//! Handles that go with calls and answers, over the in-process transport.
#![allow(unused_mut, reason = "where the macro's own crate uses it, its expansion is looked at")]

use std::fs::File;
use std::io::Read as _;

use super::*;
use crate::session::SessionLimits;
use crate::transport::Connection;

crate::service! {
    /// Reads what it is handed, and hands out what it has.
    trait Porter, client PorterClient {
        /// How many bytes the file has.
        1 => fn measure(what: String) -> String, takes_handle, pool;
        /// Passes the file of this test.
        2 => fn fetch(what: String) -> String, handle;
        /// Passes back what it gets.
        3 => fn change() -> u32, handle, takes_handle;
        /// Knows nothing of handles.
        4 => fn plain() -> u32;
        /// Says that it hands out nothing, and does.
        5 => fn slip() -> u32;
        /// A body that is read from what it gets, on the pool.
        6 => fn stream() -> u32, body, takes_handle, pool;
    }
}

struct Doorman;

impl Porter for Doorman {
    fn measure(&self, context: &Context<'_>, what: String) -> Result<Reply<String>, Failure> {
        let mut file = context.take_handle()?.into_unchecked();
        assert!(context.take_handle().is_err(), "each is taken once");
        Ok(format!("{what}: {}", length(&mut file)).into())
    }

    fn fetch(&self, _: &Context<'_>, what: String) -> Result<Reply<String>, Failure> {
        let reply = Reply::new(what.clone());
        Ok(if what == "nothing" { reply } else { reply.with_handle(this_file()) })
    }

    fn change(&self, context: &Context<'_>) -> Result<Reply<u32>, Failure> {
        Ok(Reply::new(7).with_handle(context.take_handle()?.into_unchecked()))
    }

    fn plain(&self, _: &Context<'_>) -> Result<Reply<u32>, Failure> {
        Ok(4.into())
    }

    fn slip(&self, _: &Context<'_>) -> Result<Reply<u32>, Failure> {
        Ok(Reply::new(5).with_handle(this_file()))
    }

    fn stream(&self, context: &Context<'_>) -> Result<Reply<u32>, Failure> {
        let mut file = context.take_handle()?.into_unchecked();
        let asker = thread::current().id();
        let body = context.stream_on_pool(move || {
            assert_ne!(thread::current().name(), None, "{asker:?} is not all threads");
            assert!(thread::current().name().is_some_and(|name| name.starts_with("ipc-pool")));
            let mut piece = vec![0; 100];
            match file.read(&mut piece) {
                Ok(0) => None,
                Ok(count) => Some(Ok(piece[..count].to_vec())),
                Err(error) => Some(Err(error.into())),
            }
        });
        Ok(Reply::new(6).with_body(body))
    }
}

fn this_file() -> File {
    File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).expect("is there")
}

fn length_of(handle: Option<ReceivedHandle>) -> usize {
    length(&mut handle.expect("came along").into_unchecked())
}

fn length(file: &mut File) -> usize {
    file.read_to_end(&mut Vec::new()).expect("is readable")
}

const CONTENT: &str = include_str!("../../../Cargo.toml");

fn at() -> Endpoint {
    "mem:porter".parse().expect("an endpoint")
}

/// A server whose connections pass handles if it `passes` them.
fn serve(transport: &MemoryTransport, passes: bool, limits: SessionLimits) -> Server {
    Server::builder(Arc::new(transport.clone()), at())
        .policy(Policy::any())
        .bind_options(BindOptions::new().handles(passes))
        .session_limits(limits)
        .serve(Doorman.into_service())
        .expect("nobody else is there")
}

fn connect(transport: &MemoryTransport, passes: bool) -> PorterClient {
    let options = ConnectOptions::new().handles(passes);
    let client = Client::connect(transport, &at(), &options, ClientOptions::new());
    client.expect("is served").into()
}

/// A client and the server that it speaks to, both of which pass handles.
fn both() -> (Server, PorterClient) {
    let transport = MemoryTransport::new();
    let server = serve(&transport, true, SessionLimits::default());
    let client = connect(&transport, true);
    (server, client)
}

#[test]
fn a_handle_goes_with_the_first_call_as_with_any_later_one() {
    let (_server, mut client) = both();
    for number in 0..100 {
        let measured = client.measure(this_file(), number.to_string()).expect("is measured");
        assert_eq!(measured, format!("{number}: {}", CONTENT.len()));
        assert_eq!(client.plain().expect("others go on"), 4);
    }
}

#[test]
fn a_handle_comes_with_an_answer_or_does_not() {
    let (_server, mut client) = both();
    for _ in 0..100 {
        let Response { value, handle, .. } = client.fetch("file".to_owned()).expect("is fetched");
        assert_eq!((value, length_of(handle)), ("file".to_owned(), CONTENT.len()));
        assert!(client.fetch("nothing".to_owned()).expect("answered").handle.is_none());
        let back = client.change(this_file()).expect("is passed back").handle;
        assert_eq!(length_of(back), CONTENT.len());
    }
}

#[test]
fn a_handle_that_nobody_wants_leaves_the_connection_as_usable_as_before() {
    let (_server, mut client) = both();
    for _ in 0..100 {
        drop(client.fetch("file".to_owned()).expect("is fetched"));
        let client: &mut Client = client.as_mut();
        let error = client.call_with_handle(4, &[], this_file()).expect_err("takes none");
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        let error = client.call(3, &[]).expect_err("is about one");
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
    let error = client.slip().expect_err("was declared without");
    assert_eq!(error.kind(), ErrorKind::Internal, "{error}");
}

#[test]
fn handles_of_answers_that_came_too_late_are_not_mistaken_for_later_ones() {
    let (_server, mut client) = both();
    client.plain().expect("connected");
    let client: &mut Client = client.as_mut();
    for _ in 0..50 {
        let deadline = Deadline::after(Duration::from_secs(20));
        let call = client.session.call(2, &argument(&string("lost")), deadline);
        let call = call.expect("admitted").expect("at once");
        client.session.cancel(call);
        let nothing = client.call(2, &argument(&string("nothing"))).expect("answered").handle;
        assert!(nothing.is_none());
        let kept = client.call(2, &argument(&string("kept"))).expect("answered").handle;
        assert!(kept.is_some());
    }
}

/// As the codec has it.
fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

#[test]
fn where_one_side_passes_no_handles_a_call_with_one_says_which() {
    for (server, client, handles, whose) in [
        (true, false, 16, "ConnectOptions::handles"),
        (false, true, 16, "BindOptions::handles"),
        (true, true, 0, "BindOptions::handles"),
    ] {
        let transport = MemoryTransport::new();
        let limits = SessionLimits { handles, ..SessionLimits::default() };
        let _server = serve(&transport, server, limits);
        let mut client = connect(&transport, client);
        for _ in 0..2 {
            let error = client.measure(this_file(), String::new()).expect_err("none is passed");
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert!(error.to_string().contains(whose), "{error}");
            assert_eq!(client.plain().expect("the connection is as usable as before"), 4);
        }
        let fetched = client.fetch("file".to_owned()).map(|answer| answer.handle.is_some());
        match fetched {
            Ok(came) => assert!(came && handles == 0, "answers are not counted"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}"),
        }
    }
}

#[test]
fn a_body_that_blocks_is_read_on_the_pool() {
    let (_server, mut client) = both();
    for _ in 0..3 {
        let mut read = String::new();
        let mut answer = client.stream(this_file()).expect("answered");
        answer.body.read_to_string(&mut read).expect("whole");
        assert_eq!(read, CONTENT);
    }
    drop(client.stream(this_file()).expect("answered"));
    assert_eq!(client.plain().expect("a body that is left is no obstacle"), 4);
}

/// A connection to a [`Doorman`] that has sent its preface and this.
fn stranger(server: &MemoryTransport, frames: &[u8]) -> Box<dyn Connection> {
    let options = ConnectOptions::new().handles(true);
    let connection = server.connect(&at(), &options).expect("is served");
    let preface = SessionLimits::default().of_client(2);
    let preface = Preface { flags: Preface::HANDLES, ..preface }.encode();
    connection.write_all(&preface, Deadline::NEVER).expect("written");
    connection.write_all(frames, Deadline::NEVER).expect("written");
    connection
}

fn handle(call: u64, ticket: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::push_word(&mut bytes, Kind::Handle, call, ticket.to_le_bytes());
    bytes
}

#[test]
fn t44_a_ticket_under_which_nothing_came_ends_the_session() {
    let transport = MemoryTransport::new();
    let _server = serve(&transport, true, SessionLimits::default());
    let stranger = stranger(&transport, &handle(1, 5));
    let mut said = Vec::new();
    let mut buffer = [0; 4096];
    while let count @ 1.. = stranger.read(&mut buffer, Deadline::NEVER).expect("said and closed") {
        said.extend_from_slice(&buffer[..count]);
    }
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("no handle came under ticket 5"), "{said}");
}

#[test]
fn t44_a_server_whose_ticket_names_nothing_is_given_up() {
    let transport = MemoryTransport::new();
    let listener = transport.bind(&at(), &BindOptions::new().handles(true)).expect("is free");
    let mut client = connect(&transport, true);
    let server = listener.accept(Deadline::NEVER).expect("has connected");
    let preface = Preface { flags: Preface::HANDLES, ..SessionLimits::default().of_server() };
    server.write_all(&preface.encode(), Deadline::NEVER).expect("written");
    server.write_all(&handle(1, 9), Deadline::NEVER).expect("written");
    for _ in 0..2 {
        let error = client.plain().expect_err("is given up");
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
        assert!(error.to_string().contains("no handle came under ticket 9"), "{error}");
    }
}

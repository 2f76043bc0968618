//! Peers that end early, and what still reaches the other side.

mod common;

use std::thread;

use common::pair::{bind, connect};
use common::{Place, endpoint, soon};
use ipc::{Native, Transport};
use ipc_testkit::child::{Process, hear_parent, role, say};

#[test]
fn t47_a_client_that_died_before_it_was_accepted_is_known_and_leaves_its_bytes() {
    const NAME: &str =
        "t47_a_client_that_died_before_it_was_accepted_is_known_and_leaves_its_bytes";
    if let Some(arguments) = role(NAME) {
        let client = connect(&endpoint(&arguments[0]));
        client.write_all(b"last words", soon()).expect("written");
        say("written");
        hear_parent(); // who kills this process
        return;
    }
    let place = Place::new();
    let at = place.endpoint();
    let listener = bind(&at);
    let mut child = Process::start(NAME, &[at.as_str()]);
    assert_eq!(child.hear(), "written");
    let pid = child.id();
    child.kill();

    let server = listener.accept(soon()).expect("it did connect");
    let peer = server.peer().expect("known as it connected");
    assert_eq!(peer.pid(), Some(pid));
    assert_eq!(peer.identity().map(ToString::to_string), own_name());
    let mut words = [0; 10];
    server.read_exact(&mut words, soon()).expect("what it wrote is there");
    assert_eq!(&words, b"last words");
    assert_eq!(server.read(&mut words, soon()).expect("the end, in good order"), 0);
}

#[test]
fn t48_a_reply_arrives_whole_though_its_writer_closes_at_once() {
    let place = Place::new();
    let at = place.endpoint();
    let listener = bind(&at);
    let reply: Vec<u8> = (0..100_000_u32).map(|at| (at % 251) as u8).collect();
    for _ in 0..50 {
        let client = connect(&at);
        client.write_all(b"a request that is never read", soon()).expect("written");
        let server = listener.accept(soon()).expect("accepted");
        thread::scope(|scope| {
            let closing = scope.spawn(|| {
                server.write_all(&reply, soon()).expect("written");
                server.close(soon()).expect("closed without loss");
            });
            let mut read = vec![0; reply.len()];
            client.read_exact(&mut read, soon()).expect("whole");
            assert!(read == reply, "changed on its way");
            assert_eq!(client.read(&mut read, soon()).expect("the end, and no reset"), 0);
            client.close(soon()).expect("the other side has closed");
            closing.join().expect("no panic");
        });
    }
}

fn own_name() -> Option<String> {
    Native::new().this_process().ok()?.identity().map(ToString::to_string)
}

//! Passing open files. In both modes.

use std::fs::File;
use std::io::{Read, Seek, Write};

use ipc_core::transport::{Handles, ReceivedHandle, Ticket};
use ipc_core::{Error, Result};

use crate::harness::{End, Harness, Pair};
use crate::outcome::failure;

/// Where handles cannot be passed, asking for them is an error; a connection that was made without
/// them has none.
pub fn handles_are_as_declared(harness: &Harness) {
    let without = harness.pair();
    assert!(without.client.handles().is_none() && without.server.handles().is_none());
    if harness.capabilities().handles {
        return;
    }
    let bind = harness.transport().bind(&harness.fresh(), &harness.bind_options().handles(true));
    let bind = failure("binding with handles, undeclared,", bind);
    assert!(matches!(bind, Error::Unsupported { .. }), "{bind:?}");
    let at = without.listener.endpoint();
    let connect = harness.transport().connect(at, &harness.connect_options().handles(true));
    let connect = failure("connecting with handles, undeclared,", connect);
    assert!(matches!(connect, Error::Unsupported { .. }), "{connect:?}");
}

/// A file that is offered goes with the next bytes and is claimed by its ticket, either way.
pub fn an_offered_file_is_claimed_by_its_ticket(harness: &Harness) {
    let Some(pair) = handing_pair(harness) else { return };
    for (near, far) in [(&pair.client, &pair.server), (&pair.server, &pair.client)] {
        let ticket = handles(near).offer(file("one")).expect("the first");
        near.send(b"with the file");
        far.expect(b"with the file");
        assert_eq!(content(claim(far, ticket)), "one");
    }
}

/// Several files, offered together and apart, are each claimed by their own ticket, in any order.
pub fn several_files_keep_their_tickets(harness: &Harness) {
    let Some(Pair { client, server, .. }) = handing_pair(harness) else { return };
    let mut tickets = Vec::new();
    client.send(b"without");
    for together in [&["a", "b", "c"][..], &["d"], &["e", "f"]] {
        for name in together {
            tickets.push((handles(&client).offer(file(name)).expect("few"), *name));
        }
        client.send(b"with");
        client.send(b"without");
    }
    server.expect(b"withoutwithwithoutwithwithoutwithwithout");
    for (ticket, name) in tickets.into_iter().rev() {
        assert_eq!(content(claim(&server, ticket)), name);
    }
}

/// A ticket under which nothing came, or which was claimed before, is the peer's fault and no more.
/// Runs alone: where a ticket is a number of a process's, another case may have one of that number.
pub fn a_ticket_without_a_handle_is_refused(harness: &Harness) {
    let Some(Pair { client, server, .. }) = handing_pair(harness) else { return };
    let made_up = claim(&server, Ticket(4711)).expect_err("nothing came");
    assert!(matches!(made_up, Error::Protocol { .. }), "{made_up:?}");

    let ticket = handles(&client).offer(file("one")).expect("the first");
    client.send(b"!");
    server.expect(b"!");
    claim(&server, ticket).expect("it came");
    let again = claim(&server, ticket).expect_err("claimed already");
    assert!(matches!(again, Error::Protocol { .. }), "{again:?}");
    client.send(b"and on it goes");
    server.expect(b"and on it goes");
}

/// Offering without end is refused at some point, and the connection goes on.
pub fn too_many_offers_are_refused(harness: &Harness) {
    let Some(Pair { client, server, .. }) = handing_pair(harness) else { return };
    let shared = file("many");
    let refusal = (0..MANY)
        .find_map(|_| handles(&client).offer(another(&shared)).err())
        .expect("there is a limit to what waits to be sent");
    assert!(matches!(refusal, Error::LimitExceeded { .. }), "{refusal:?}");
    client.send(b"and on it goes");
    server.expect(b"and on it goes");
}

/// A peer that sends handles which nobody claims does not fill this process with them: beyond a
/// limit they are closed, and claiming one of those says so.
pub fn too_many_unclaimed_handles_are_closed(harness: &Harness) {
    let Some(Pair { client, server, .. }) = handing_pair(harness) else { return };
    let shared = file("many");
    let tickets: Vec<Ticket> = (0..MANY)
        .map(|_| {
            let ticket = handles(&client).offer(another(&shared)).expect("one at a time");
            client.send(b"!");
            server.expect(b"!");
            ticket
        })
        .collect();
    let claims = tickets.into_iter().map(|ticket| claim(&server, ticket));
    let (claimed, refused): (Vec<_>, Vec<_>) = claims.partition(|claim| claim.is_ok());
    assert!(!claimed.is_empty(), "the first few are within any limit");
    assert!(!refused.is_empty(), "{MANY} handles waited to be claimed");
    for refusal in refused {
        assert!(matches!(refusal, Err(Error::LimitExceeded { .. })), "{refusal:?}");
    }
}

/// Files sent to an end that was made without handles are closed, and the bytes arrive.
pub fn an_end_without_handles_gets_the_bytes_alone(harness: &Harness) {
    if !harness.capabilities().handles {
        return;
    }
    let connect = harness.connect_options().handles(true);
    let Pair { client, server, .. } = harness.pair_with(&harness.bind_options(), &connect);
    handles(&client).offer(file("unwanted")).expect("the first");
    client.send(b"the bytes");
    server.expect(b"the bytes");
    assert!(server.handles().is_none());
}

/// More than any limit on waiting handles may be, and few enough for a process to have open.
const MANY: usize = 400;

/// A pair that passes handles; `None` where [`handles_are_as_declared`] has shown that none can.
fn handing_pair(harness: &Harness) -> Option<Pair> {
    harness.capabilities().handles.then(|| {
        let bind = harness.bind_options().handles(true);
        harness.pair_with(&bind, &harness.connect_options().handles(true))
    })
}

fn handles(end: &End) -> &dyn Handles {
    end.handles().expect("the connection was made with handles")
}

fn claim(end: &End, ticket: Ticket) -> Result<ReceivedHandle> {
    handles(end).claim(ticket)
}

fn file(content: &str) -> File {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(content.as_bytes()).expect("room for it");
    file
}

fn another(file: &File) -> File {
    file.try_clone().expect("another handle on it")
}

fn content(received: Result<ReceivedHandle>) -> String {
    let mut file = received.expect("it came").into_unchecked();
    let mut content = String::new();
    file.rewind().expect("a regular file");
    file.read_to_string(&mut content).expect("what was written");
    content
}

//! Clients of two identities, of a server of .NET and of this one: both serve each what it may read,
//! and refuse it what only they may.

use fileserve::dotnet;
use ipc_core::{Deadline, ErrorKind};
use ipc_testkit::child::{Process, hear_parent, role, say};

use super::common::system::{Identities, SERVE_ALL, Who};
use super::common::{Place, Server, dotnet as by_hand};
use super::runtime::{Peer, bounded};

/// A file for each, one for both, and one for nobody but the server.
const FILES: [&str; 4] = ["one", "other", "both", "nobody"];

#[test]
fn a_server_of_dotnet_and_this_one_serve_each_what_it_may_read() {
    let test = "identities::a_server_of_dotnet_and_this_one_serve_each_what_it_may_read";
    let Some(peer) = Peer::dotnet(test) else { return };
    let Some(identities) = Identities::both(test) else { return };
    bounded(move || {
        let place = Place::new();
        for (name, readers) in
            FILES.into_iter().zip([&[Who::One][..], &[Who::Other], &Who::BOTH, &[]])
        {
            identities.file_for(readers, &place.files().join(name), b"content");
        }
        {
            let _server = peer.serve(&place);
            let_everybody_connect(&place);
            each_gets_its_own(&identities, &place);
        }
        let _server = Server::for_dotnet(&place, SERVE_ALL);
        each_gets_its_own(&identities, &place);
    });
}

fn each_gets_its_own(identities: &Identities, place: &Place) {
    for who in Who::BOTH {
        let mut client = ask(identities, who, place);
        for file in FILES {
            let expected = if [who.name(), "both"].contains(&file) { "content" } else { "refused" };
            assert_eq!(client.hear(), expected, "{file} for {who:?}");
        }
    }
}

fn ask(identities: &Identities, who: Who, place: &Place) -> Process {
    let files = FILES.map(|name| place.files().join(name).display().to_string());
    let pipe = place.pipe();
    let arguments: Vec<&str> = [&pipe].into_iter().chain(&files).map(String::as_str).collect();
    identities.start(who, "identities::child_that_asks", &arguments)
}

#[test]
fn child_that_asks() {
    let Some(arguments) = role("identities::child_that_asks") else { return };
    let [pipe, files @ ..] = &arguments[..] else { panic!("{arguments:?}") };
    for file in files {
        let server = by_hand::connect(pipe);
        match dotnet::fetch(&*server, file, Deadline::NEVER) {
            Ok(fetched) => say(&fetched.text),
            Err(error) if error.kind() == ErrorKind::Refused => say("refused"),
            Err(error) => say(&error.to_string()),
        }
    }
    hear_parent();
}

/// A server of .NET leaves the mode of its socket to the umask.
#[cfg(unix)]
fn let_everybody_connect(place: &Place) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(place.pipe(), mode).expect("the socket is this user's");
}

/// Both identities are this user's, who may connect.
#[cfg(windows)]
fn let_everybody_connect(_place: &Place) {}

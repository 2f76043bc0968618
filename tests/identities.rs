//! Two identities at once: each is served what it may read, and nobody by the server's rights.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::thread;

use common::system::{Identities, Who, let_everybody_enter, open_to_all};
use common::tester::{self, TesterClient};
use common::{Place, connect, endpoint, soon};
use ipc::server::Server;
use ipc::{ErrorKind, Policy, Transport};
use ipc_testkit::child::{Process, hear_parent, role, say};
use ipc_testkit::faulty::{acting_as_itself, acting_fails_at_random};

/// How many requests each identity makes, on [`THREADS`] connections.
const REQUESTS: usize = 5_000;
const THREADS: usize = 10;

/// What is served: a file for each, one for both, and one for nobody but the server.
const FILES: [&str; 4] = ["one", "other", "both", "nobody"];

#[test]
fn t28_of_ten_thousand_requests_each_is_served_or_refused_as_the_clients_own_rights_say() {
    let name =
        "t28_of_ten_thousand_requests_each_is_served_or_refused_as_the_clients_own_rights_say";
    let Some(identities) = Identities::both(name) else { return };
    for (who, counted) in ask(&identities, Arc::new(open_to_all())) {
        let each = REQUESTS / FILES.len();
        let expected = FILES.map(|file| (what_became_of(file, may_read(who, file)), each));
        assert_eq!(counted, expected.into(), "{who:?}");
    }
}

#[test]
fn t27_where_becoming_the_client_fails_now_and_then_there_are_errors_only() {
    let name = "t27_where_becoming_the_client_fails_now_and_then_there_are_errors_only";
    let Some(identities) = Identities::both(name) else { return };
    for (who, counted) in ask(&identities, acting_fails_at_random(open_to_all(), 27)) {
        let mut failed = 0;
        for (outcome, times) in counted {
            let right = FILES.map(|file| what_became_of(file, may_read(who, file)));
            if !right.contains(&outcome) {
                assert!(outcome.ends_with(&ErrorKind::Internal.to_string()), "{who:?}: {outcome}");
                failed += times;
            }
        }
        assert!((REQUESTS / 5..REQUESTS / 2).contains(&failed), "{failed} of {REQUESTS} failed");
    }
}

/// That the requests above would show a server that opens files as itself.
#[test]
fn a_server_that_does_not_become_its_clients_is_noticed() {
    let name = "a_server_that_does_not_become_its_clients_is_noticed";
    let Some(identities) = Identities::both(name) else { return };
    for (who, counted) in ask(&identities, acting_as_itself(open_to_all())) {
        let served_wrongly = FILES.into_iter().filter(|file| !may_read(who, file));
        for file in served_wrongly {
            assert!(counted.contains_key(&what_became_of(file, true)), "{who:?}: {counted:?}");
        }
    }
}

fn may_read(who: Who, file: &str) -> bool {
    file == "both" || file == who.name()
}

fn what_became_of(file: &str, served: bool) -> String {
    let outcome =
        if served { "served".to_owned() } else { ErrorKind::PermissionDenied.to_string() };
    format!("{file}: {outcome}")
}

/// How often each outcome came.
type Counted = BTreeMap<String, usize>;

/// Has both identities make their requests, at the same time and of a server with four workers.
fn ask(identities: &Identities, transport: Arc<dyn Transport>) -> Vec<(Who, Counted)> {
    let place = Place::new();
    let_everybody_enter(place.directory());
    fs::create_dir(place.path("files")).expect("a directory to serve");
    for file in FILES {
        let readers: Vec<Who> = Who::BOTH.into_iter().filter(|who| may_read(*who, file)).collect();
        identities.file_for(&readers, &place.path("files").join(file), content_of(file).as_bytes());
    }
    let root = ipc::NativeRoot::open_dir(place.path("files")).expect("a directory");
    let (service, _gates) = tester::service(Arc::new(root));
    let builder = Server::builder(transport, place.endpoint()).workers(4).policy(Policy::any());
    let server = builder.serve(service).expect("serves");

    let at = place.endpoint();
    let mut clients = Who::BOTH
        .map(|who| (who, identities.start(who, "client_that_asks_for_everything", &[at.as_str()])));
    for (_, client) in &mut clients {
        assert_eq!(client.hear(), "connected");
    }
    for (_, client) in &mut clients {
        client.tell("go");
    }
    let counted = clients.map(|(who, mut client)| (who, heard_of(&mut client)));
    server.shutdown(soon()).expect("nothing is under way");
    counted.into()
}

/// What a client says of its requests, a line each, up to an empty one.
fn heard_of(client: &mut Process) -> Counted {
    let mut counted = Counted::new();
    loop {
        let line = client.hear();
        let Some((times, outcome)) = line.split_once(' ') else { return counted };
        counted.insert(outcome.to_owned(), times.parse().expect("a number"));
    }
}

/// The child that makes its requests when it is told to.
#[test]
fn client_that_asks_for_everything() {
    let Some(arguments) = role("client_that_asks_for_everything") else { return };
    let at = endpoint(&arguments[0]);
    let clients: Vec<_> = (0..THREADS).map(|_| connect(&at)).collect();
    say("connected");
    hear_parent();
    let mut counted = Counted::new();
    thread::scope(|scope| {
        let asking: Vec<_> =
            clients.into_iter().map(|client| scope.spawn(|| ask_for_each(client))).collect();
        for outcome in asking.into_iter().flat_map(|thread| thread.join().expect("no panic")) {
            *counted.entry(outcome).or_default() += 1;
        }
    });
    for (outcome, times) in counted {
        say(&format!("{times} {outcome}"));
    }
    say("");
}

fn ask_for_each(mut client: TesterClient) -> Vec<String> {
    let files = FILES.into_iter().cycle().take(REQUESTS / THREADS);
    files
        .map(|file| match content(&mut client, file) {
            Ok(content) if content == content_of(file).as_bytes() => what_became_of(file, true),
            Ok(content) => format!("{file}: served with {content:?}"),
            Err(error) => format!("{file}: {}", error.kind()),
        })
        .collect()
}

fn content(client: &mut TesterClient, file: &str) -> ipc::Result<Vec<u8>> {
    let mut answer = client.file(file.to_owned(), content_of(file).len() as u64)?;
    let mut content = Vec::new();
    let mut buffer = [0; 64];
    loop {
        match answer.body.read_to(&mut buffer)? {
            0 => return Ok(content),
            count => content.extend_from_slice(&buffer[..count]),
        }
    }
}

fn content_of(file: &str) -> String {
    format!("for the eyes of {file}")
}

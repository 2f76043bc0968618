//! Four users at once, each with as many requests for what it may not read as for what it may: whoever
//! decides, and by whatever mechanism, the answers are never mixed up.
//!
//! `IPC_SOAK` in the environment makes it long.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, io, thread};

use common::users::{ALICE, BOB, CAROL, DAVE, fileserve_as, is_root};
use common::{Place, Server, fileserve, raw, skip};
use fileserve::protocol::{Part, WirePath};
use fileserve::{FileClient, platform};
use ipc_core::client::{Client, ClientOptions};
use ipc_core::{ConnectOptions, ErrorKind, ImpersonationLevel, Policy};
use ipc_testkit::child::{self, Process};
use rustix::fs::{Mode, OFlags};

const USERS: [(u32, &str); 4] =
    [(ALICE, "alices"), (BOB, "bobs"), (CAROL, "carols"), (DAVE, "daves")];

/// How many connections each user has, with a thread for each.
const CONNECTIONS: usize = 4;

/// How often each user asks for what it may read, and as often for what it may not.
fn times() -> usize {
    if env::var_os("IPC_SOAK").is_some() { 25_000 } else { 500 }
}

#[test]
fn t28_by_requests_no_forbidden_file_is_served_and_no_other_refused() {
    const TEST: &str = "t28_by_requests_no_forbidden_file_is_served_and_no_other_refused";
    let Some(place) = place(TEST) else { return };
    let options = ["--mechanism", "auto"];
    let server = Server::with(&place, [&options[..], &FOR_ALL].concat());
    let line = server.says("by       ");
    if !line.contains("requests with") {
        return skip(TEST, &line);
    }
    four_users_ask(TEST, &place, &server, BY_NAME);
}

#[test]
fn t28_by_threads_no_forbidden_file_is_served_and_no_other_refused() {
    const TEST: &str = "t28_by_threads_no_forbidden_file_is_served_and_no_other_refused";
    let Some(place) = place(TEST) else { return };
    let options = ["--mechanism", "thread"];
    let server = Server::with(&place, [&options[..], &FOR_ALL].concat());
    four_users_ask(TEST, &place, &server, BY_NAME);
}

#[test]
fn t28_where_clients_open_no_forbidden_file_is_served_and_no_other_refused() {
    const TEST: &str = "t28_where_clients_open_no_forbidden_file_is_served_and_no_other_refused";
    let Some(place) = place(TEST) else { return };
    let mut serve = fileserve(["serve", &place.endpoint(), "--json", "--any-path"]);
    serve.args(["--access", "client-opens"]).args(FOR_ALL);
    let server = Server::run(serve, place.endpoint());
    four_users_ask(TEST, &place, &server, BY_PASSING);
}

#[test]
fn t28_a_server_that_is_one_of_the_users_serves_that_one_its_own_and_the_others_nothing() {
    const TEST: &str =
        "t28_a_server_that_is_one_of_the_users_serves_that_one_its_own_and_the_others_nothing";
    let Some(place) = place(TEST) else { return };
    std::os::unix::fs::chown(place.beside(""), Some(ALICE), None).expect("root gives it away");
    let mut serve = fileserve_as(ALICE, ["serve", &place.endpoint(), "--json", "--root"]);
    serve.arg(place.files()).args(FOR_ALL);
    let server = Server::run(serve, place.endpoint());
    four_users_ask(TEST, &place, &server, BY_NAME_OF_ALICES);
}

const FOR_ALL: [&str; 4] = ["--allow", "any", "--socket-mode", "0666"];

/// The server opens for whoever asks by name.
const BY_NAME: &str = "by name";
/// The same, and is no more than Alice.
const BY_NAME_OF_ALICES: &str = "by name, of Alice's server";
/// The client opens, and passes what it has opened.
const BY_PASSING: &str = "by passing";

/// A private file of each user's, and one of root's.
fn place(test: &str) -> Option<Place> {
    is_root(test).then(|| {
        let place = Place::new();
        for (uid, name) in USERS {
            place.owned(name, name, 0o600, uid, uid);
        }
        place.owned("roots", "roots", 0o600, 0, 0);
        place
    })
}

/// Has all of them ask at once, and asserts what each got.
fn four_users_ask(test: &str, place: &Place, server: &Server, way: &str) {
    let (files, count) = (place.files().display().to_string(), times().to_string());
    let mut clients = USERS.map(|(uid, own)| {
        let uid = uid.to_string();
        let arguments = [server.endpoint(), way, &uid, own, &files, &count];
        Process::start("client_that_asks_for_both", &arguments)
    });
    for client in &mut clients {
        assert_eq!(client.hear(), "connected");
    }
    clients.iter_mut().for_each(|client| client.tell("go"));
    let mut sum = Counted::default();
    for (client, (uid, own)) in clients.iter_mut().zip(USERS) {
        let got = client.hear();
        let got = Counted::parse(&got).unwrap_or_else(|| panic!("{own}: {got}"));
        // What is not served to Alice's server's other clients is refused altogether.
        let (served, refused) = match way {
            BY_NAME_OF_ALICES if uid != ALICE => (0, 2 * times()),
            _ => (times(), times()),
        };
        assert_eq!(got, Counted { served, refused }, "{own}");
        sum = Counted { served: sum.served + served, refused: sum.refused + refused };
    }
    let Counted { served, refused } = sum;
    let line = format!("{test}: {served} served and {refused} refused, all of them rightly");
    writeln!(io::stderr().lock(), "{line}").expect("stderr");
}

/// How many requests were rightly served and rightly refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    served: usize,
    refused: usize,
}

impl Counted {
    fn parse(line: &str) -> Option<Self> {
        let (served, refused) = line.split_once(' ')?;
        Some(Self { served: served.parse().ok()?, refused: refused.parse().ok()? })
    }
}

/// One of the users: asks on all its connections at once when it is told to, and says what came.
#[test]
fn client_that_asks_for_both() {
    let Some(arguments) = child::role("client_that_asks_for_both") else { return };
    let [endpoint, way, uid, own, files, count] = &arguments[..] else { panic!("{arguments:?}") };
    platform::take_role(&format!("{uid}:{uid}:")).expect("root may");
    let each = count.parse::<usize>().expect("a number") / CONNECTIONS;
    let user = User { way, own, files: Path::new(files) };
    let connections: Vec<_> = (0..CONNECTIONS).map(|_| user.connect(endpoint)).collect();
    child::say("connected");
    child::hear_parent();
    let answers = thread::scope(|scope| {
        let user = &user;
        let asking = connections.into_iter().enumerate();
        let asking: Vec<_> = asking
            .map(|(at, connection)| scope.spawn(move || user.ask(connection, at, each)))
            .collect();
        let ask = |thread: thread::ScopedJoinHandle<'_, _>| thread.join().expect("no panic");
        asking.into_iter().map(ask).collect::<Result<Vec<Counted>, String>>()
    });
    child::say(&match answers {
        Ok(all) => {
            let of = |what: fn(&Counted) -> usize| all.iter().map(what).sum::<usize>();
            format!("{} {}", of(|counted| counted.served), of(|counted| counted.refused))
        }
        Err(wrong) => wrong,
    });
}

/// Who asks.
struct User<'a> {
    way: &'a str,
    own: &'a str,
    files: &'a Path,
}

impl User<'_> {
    fn connect(&self, to: &str) -> FileClient {
        let options = ConnectOptions::new().handles(self.way == BY_PASSING).deadline(raw::soon());
        let options = options.level(ImpersonationLevel::Impersonation).server(Policy::any());
        let (transport, at) = (platform::passing_transport(), to.parse().expect("an endpoint"));
        let client = Client::connect(&*transport, &at, &options, ClientOptions::new());
        FileClient::new(client.expect("is served"))
    }

    /// Asks for what it may read and for what it may not; two connections together `2 * each` times
    /// for either, for their orders complement each other.
    fn ask(&self, mut files: FileClient, at: usize, each: usize) -> Result<Counted, String> {
        let others = USERS.map(|(_, name)| name).into_iter().chain(["roots"]);
        let mut others = others.filter(|name| *name != self.own).cycle().skip(at);
        let mut counted = Counted::default();
        for turn in 0..2 * each {
            let is_own = (turn + turn / 7 + at) % 2 == 0;
            let name = if is_own { self.own } else { others.next().unwrap_or("roots") };
            match self.get(&mut files, name) {
                Ok(content) if is_own && content == name => counted.served += 1,
                Err(ErrorKind::PermissionDenied) if !is_own => counted.refused += 1,
                Err(ErrorKind::NotPrivileged) if self.way == BY_NAME_OF_ALICES => {
                    counted.refused += 1;
                }
                wrong => return Err(format!("turn {turn}, {name}: {wrong:?}")),
            }
        }
        Ok(counted)
    }

    /// What comes of asking for that file.
    fn get(&self, files: &mut FileClient, name: &str) -> Result<String, ErrorKind> {
        let incoming = match self.way {
            BY_PASSING => {
                let passed = pass(&self.files.join(name))?;
                files.open_passed(passed, &Part::WHOLE)
            }
            _ => files.open(&WirePath::new(name).expect("short"), &Part::WHOLE),
        };
        let mut content = Vec::new();
        let outcome = incoming.and_then(|mut all| all.copy_to(&mut content, &mut |_| ()));
        match (outcome, self.way) {
            (Ok(()), _) => Ok(String::from_utf8_lossy(&content).into_owned()),
            // That is what it says of a handle that gives no right to the content.
            (Err(error), BY_PASSING) if REFUSED_HANDLE.contains(&error.kind()) => {
                Err(ErrorKind::PermissionDenied)
            }
            (Err(error), _) => Err(error.kind()),
        }
    }
}

/// The file, open; or as a mere name where no more is to be had, which would fool a server that has
/// rights and opened it again.
fn pass(path: &PathBuf) -> Result<File, ErrorKind> {
    platform::open_own(path).or_else(|_| {
        let named = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
        named.map(File::from).map_err(|_| ErrorKind::NotFound)
    })
}

const REFUSED_HANDLE: [ErrorKind; 1] = [ErrorKind::InvalidInput];

//! Clients that are confined by more than their user and groups, as real processes: what each gets
//! from a server that lets its clients open the files, and from one that opens them as its clients.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use common::users::{ALICE, BOB, add_program, is_root};
use common::{Place, Run, Server, fileserve, raw, run, skip};
use fileserve::protocol::{FilesClient, Part, WirePath};
use fileserve::{FileClient, platform};
use ipc_core::client::{Client, ClientOptions};
use ipc_core::{ConnectOptions, ImpersonationLevel};
use ipc_testkit::child::{self, Process};
use landlock::{
    AccessFs, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
};

/// Two servers of the same files, for everybody.
struct Servers {
    /// Whose clients open the files.
    client_opens: Server,
    /// Which opens them as its clients.
    impersonates: Server,
    /// Where their sockets lie.
    _places: [Place; 2],
}

impl Servers {
    /// With further options of the one that opens files.
    fn start(options: &[&str]) -> Self {
        let places = [Place::new(), Place::new()];
        let start = |place: &Place, options: &[&str]| {
            let endpoint = place.endpoint();
            let mut serve = fileserve(["serve", &endpoint, "--json", "--any-path"]);
            serve.args(["--allow", "any", "--socket-mode", "0666"]).args(options);
            Server::run(serve, endpoint)
        };
        Self {
            client_opens: start(&places[0], &["--access", "client-opens"]),
            impersonates: start(&places[1], options),
            _places: places,
        }
    }

    /// What a client that `wrapper` starts gets of `path`: from the one, and from the other.
    fn ask(&self, wrapper: &mut dyn FnMut() -> Command, path: &Path) -> [Run; 2] {
        [&self.client_opens, &self.impersonates].map(|server| {
            let mut get = wrapper();
            add_program(&mut get);
            get.args(["get", server.endpoint(), "--server", "any", "--pass"]).arg(path);
            run(get)
        })
    }
}

/// The client of the next test: it confines itself to what lies below its first argument, and asks for
/// each of the further ones.
#[test]
fn child_that_confines_itself() {
    let Some(arguments) = child::role("child_that_confines_itself") else { return };
    let [allowed, client_opens, impersonates, paths @ ..] = &arguments[..] else {
        panic!("{arguments:?}");
    };
    if !confine_to(Path::new(allowed)) {
        return child::say("no Landlock");
    }
    child::say("confined");
    for path in paths {
        child::say(&by_passing(client_opens, Path::new(path)));
        child::say(&by_name(impersonates, path));
    }
    child::hear_parent();
}

/// Lets this thread read no files but those below `allowed`; `false` without Landlock.
fn confine_to(allowed: &Path) -> bool {
    let access = AccessFs::ReadFile | AccessFs::ReadDir;
    let below = PathBeneath::new(PathFd::new(allowed).expect("is there"), access);
    let rules = Ruleset::default().handle_access(access).and_then(Ruleset::create);
    let rules = rules.and_then(|rules| rules.add_rule(below)).expect("a rule");
    rules.restrict_self().expect("a fence").ruleset == RulesetStatus::FullyEnforced
}

/// What the client gets if it opens the file itself.
fn by_passing(endpoint: &str, path: &Path) -> String {
    let file = match platform::open_own(path) {
        Ok(file) => file,
        Err(error) => return format!("cannot open: {}", error.kind()),
    };
    let options = ConnectOptions::new().handles(true).deadline(raw::soon());
    let at = endpoint.parse().expect("an endpoint");
    let transport = platform::passing_transport();
    let client = Client::connect(&*transport, &at, &options, ClientOptions::new());
    let mut calls: FilesClient = client.expect("is served").into();
    let mut content = String::new();
    let mut answer = calls.get_passed(file, Part::WHOLE).expect("is served");
    answer.body.read_to_string(&mut content).expect("whole");
    format!("served: {content}")
}

/// What the client gets if the server opens the file.
fn by_name(endpoint: &str, path: &str) -> String {
    let mut files = FileClient::new(raw::client(endpoint, ImpersonationLevel::Impersonation));
    let mut content = Vec::new();
    let answer = files.open(&WirePath::new(path).expect("short"), &Part::WHOLE);
    match answer.and_then(|mut incoming| incoming.copy_to(&mut content, &mut |_| ())) {
        Ok(()) => format!("served: {}", String::from_utf8_lossy(&content)),
        Err(error) => format!("refused: {}", error.kind()),
    }
}

#[test]
fn t17_a_client_confined_by_landlock_gets_by_opening_itself_what_it_may_open_and_nothing_else() {
    let place = Place::new();
    let inside = place.file("inside/notes", "in").display().to_string();
    let outside = place.file("outside", "out").display().to_string();
    let servers = Servers::start(&[]);
    let allowed = place.files().join("inside").display().to_string();
    let endpoints = [servers.client_opens.endpoint(), servers.impersonates.endpoint()];
    let arguments = [&allowed, endpoints[0], endpoints[1], &inside, &outside];
    let mut client = Process::start("child_that_confines_itself", &arguments);
    if client.hear() == "no Landlock" {
        let test = "t17_a_client_confined_by_landlock_gets_by_opening_itself_what_it_may_open_and_nothing_else";
        return skip(test, "this kernel has no Landlock");
    }
    assert_eq!(client.hear(), "served: in");
    assert_eq!(client.hear(), "served: in");
    assert_eq!(client.hear(), "cannot open: permission denied");
    // As docs/security.md says: such a rule is not part of a client's user and groups.
    assert_eq!(client.hear(), "served: out");
}

#[test]
fn t17_a_root_without_capabilities_gets_by_either_way_what_it_may_open_and_nothing_else() {
    let test =
        "t17_a_root_without_capabilities_gets_by_either_way_what_it_may_open_and_nothing_else";
    if !is_root(test) {
        return;
    }
    let place = Place::new();
    let own = place.owned("own", "root's", 0o600, 0, 0);
    let everybodys = place.owned("everybodys", "all", 0o644, ALICE, ALICE);
    let alices = place.owned("alices", "hers", 0o600, ALICE, ALICE);
    let servers = Servers::start(&[]);
    let powerless = &mut || {
        let mut setpriv = Command::new("setpriv");
        setpriv.args(["--bounding-set=-all", "--inh-caps=-all", "--"]);
        setpriv
    };
    for (path, content) in [(&own, "root's"), (&everybodys, "all")] {
        for answer in servers.ask(powerless, path) {
            assert_eq!(answer.text(), content);
        }
    }
    for answer in servers.ask(powerless, &alices) {
        answer.failed(4, "permission denied");
    }
    // With its capabilities it may: then the file is its own to pass, and refused by the other.
    let [passed, named] = servers.ask(&mut || Command::new("env"), &alices);
    assert_eq!(passed.text(), "hers");
    named.failed(4, "permission denied");
}

#[test]
fn t17_a_client_in_its_own_namespaces_is_served_what_it_sees_itself_and_nothing_else() {
    let test = "t17_a_client_in_its_own_namespaces_is_served_what_it_sees_itself_and_nothing_else";
    if !is_root(test) {
        return;
    }
    let tried = in_namespaces("true").uid(ALICE).gid(ALICE).status();
    if !tried.is_ok_and(|status| status.success()) {
        return skip(test, "this system lets no user make namespaces and mount in them");
    }
    let place = Place::new();
    let outer = place.owned("outer", "what the server sees", 0o644, 0, 0);
    let inner = place.owned("inner", "what the client sees", 0o600, ALICE, ALICE);
    let bobs = place.owned("bobs", "his", 0o600, BOB, BOB);
    let roots = place.owned("roots", "secret", 0o600, 0, 0);
    let mount = format!("mount --bind '{}' '{}'", inner.display(), outer.display());
    let sandboxed = &mut || {
        let mut command = in_namespaces(&mount);
        command.uid(ALICE).gid(ALICE);
        command
    };

    let servers = Servers::start(&[]);
    let [passed, named] = servers.ask(sandboxed, &outer);
    assert_eq!(passed.text(), "what the client sees");
    named.failed(14, "sandboxed");
    for path in [&bobs, &roots] {
        // It is root in there, which opens nothing that is not its user's.
        servers.ask(sandboxed, path)[0].failed(4, "permission denied");
    }
    // Whoever names sandboxed clients lets them out.
    let servers = Servers::start(&["--allow", "sandboxed"]);
    let [passed, named] = servers.ask(sandboxed, &outer);
    assert_eq!(passed.text(), "what the client sees");
    assert_eq!(named.text(), "what the server sees");
}

/// What runs the rest of its arguments in a new user and mount namespace, after `first`.
fn in_namespaces(first: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    command.arg(format!("{first} && exec \"$0\" \"$@\""));
    if first == "true" {
        command.arg("true");
    }
    command
}

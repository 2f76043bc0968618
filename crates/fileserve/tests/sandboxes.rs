//! Clients in sandboxes of every kind, which are known or not.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::thread;

use common::users::{ALICE, is_root};
use common::{Place, Run, Server, run, skip};
use landlock::{
    ABI, Access as _, AccessFs, PathBeneath, PathFd, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetStatus,
};

const AS_ALICE: [&str; 5] = ["setpriv", "--reuid=42001", "--regid=42001", "--clear-groups", "--"];

/// The program, started by `wrapper`. It comes as a descriptor, for its place may be closed to others.
fn fileserve_by(wrapper: &[&str], arguments: &[&str]) -> Command {
    let program = File::open(env!("CARGO_BIN_EXE_fileserve")).expect("cargo has built it");
    let mut command = by(wrapper, &["/proc/self/fd/0"]);
    command.args(arguments).stdin(program);
    command
}

fn by(wrapper: &[&str], arguments: &[&str]) -> Command {
    let all: Vec<&str> = wrapper.iter().chain(arguments).copied().collect();
    let mut command = Command::new(all[0]);
    command.args(&all[1..]);
    command
}

/// A served file of Alice's, and root's.
fn place() -> Place {
    let place = Place::new();
    place.owned("alices", "hers", 0o600, ALICE, ALICE);
    place.owned("roots", "secret", 0o600, 0, 0);
    place
}

/// What Alice gets of her file within a shell that first does `before`: by itself, and from the
/// server.
fn itself_and_served(
    place: &Place,
    server: &Server,
    sandbox: &[&str],
    before: &str,
) -> (bool, Run) {
    let file = place.files().join("alices");
    let alice = AS_ALICE.join(" ");
    let shell = |command: &str| format!("{before} exec {alice} {command}");
    let cat = shell(&format!("cat {}", file.display()));
    let itself = by(sandbox, &["sh", "-c", &cat]).output().expect("starts");
    let get = shell(&format!("/proc/self/fd/0 get {} alices", server.endpoint()));
    let program = File::open(env!("CARGO_BIN_EXE_fileserve")).expect("cargo has built it");
    let mut get = by(sandbox, &["sh", "-c", &get]);
    get.stdin(program);
    (itself.status.success(), run(get))
}

#[test]
fn t17_a_client_confined_by_landlock_gains_its_users_files_as_the_server_says() {
    const TEST: &str = "t17_a_client_confined_by_landlock_gains_its_users_files_as_the_server_says";
    if !is_root(TEST) {
        return;
    }
    let place = place();
    let server = Server::for_all(&place);
    let line = server.says("sandboxes ");
    assert!(line.contains("Landlock rules") || line.contains("not seen"), "{line}");
    let file = place.files().join("alices");
    let cat = || by(&AS_ALICE, &["cat"]).arg(&file).output().expect("starts").status.success();
    let endpoint = server.endpoint();
    assert!(cat(), "without a sandbox");
    thread::scope(|scope| {
        // What this thread starts is confined as it is.
        scope.spawn(|| {
            if !forbid_all_but_programs() {
                return skip(TEST, "this kernel has no Landlock");
            }
            assert!(!cat(), "in its sandbox");
            let get = |name| run(fileserve_by(&AS_ALICE, &["get", endpoint, name]));
            assert_eq!(get("alices").text(), "hers", "beyond its sandbox");
            get("roots").failed(4, "permission denied");
        });
    });
}

/// Confines this thread, with all that it starts, to the programs of the system and of this test.
fn forbid_all_but_programs() -> bool {
    let program = Path::new(env!("CARGO_BIN_EXE_fileserve"));
    let rights = AccessFs::from_all(ABI::V1);
    let made = Ruleset::default().handle_access(rights).and_then(Ruleset::create);
    let mut rules = made.expect("made");
    let places = ["/usr", "/lib", "/lib64", "/bin", "/etc", "/proc", "/dev"].map(Path::new);
    for place in places.into_iter().chain(program.parent()).filter(|place| place.exists()) {
        let place = PathFd::new(place).expect("opens");
        rules = rules.add_rule(PathBeneath::new(place, rights)).expect("added");
    }
    let status = rules.restrict_self().expect("restricted");
    status.ruleset != RulesetStatus::NotEnforced
}

#[test]
fn t17_a_client_with_mounts_of_its_own_gains_what_they_hide_unless_it_is_denied() {
    const TEST: &str =
        "t17_a_client_with_mounts_of_its_own_gains_what_they_hide_unless_it_is_denied";
    if !is_root(TEST) || !can_unshare(TEST) {
        return;
    }
    let place = place();
    let hide = format!("mount -t tmpfs none {} &&", place.files().display());
    let sandbox = ["unshare", "--mount"];
    let server = Server::for_all(&place);
    let (itself, served) = itself_and_served(&place, &server, &sandbox, &hide);
    assert!(!itself, "its mounts hide the file");
    assert_eq!(served.text(), "hers", "and not from the server");
    drop(server);
    let options = ["--allow", "any", "--socket-mode", "0666", "--deny", "other-mount-namespace"];
    let server = Server::with(&place, options);
    let (_, served) = itself_and_served(&place, &server, &sandbox, &hide);
    served.failed(7, "not other-mount-namespace");
    let at_home = run(fileserve_by(&["env"], &["get", server.endpoint(), "roots"]));
    assert_eq!(at_home.text(), "secret");
}

#[test]
fn t17_a_client_in_a_user_namespace_is_refused_unless_named_whatever_ids_it_shows() {
    const TEST: &str =
        "t17_a_client_in_a_user_namespace_is_refused_unless_named_whatever_ids_it_shows";
    if !is_root(TEST) || !can_unshare(TEST) {
        return;
    }
    let place = place();
    let server = Server::for_all(&place);
    let alice = |more: &[&'static str]| [&AS_ALICE[..], more].concat();
    let sandboxes = [
        alice(&["unshare", "--user"]),
        alice(&["unshare", "--user", "--map-root-user"]),
        alice(&["unshare", "--user", "--map-current-user", "--mount"]),
    ];
    // From in there the server is nobody that has a name.
    let get = |server: &Server, sandbox: &[&str], name| {
        run(fileserve_by(sandbox, &["get", server.endpoint(), name, "--server", "any"]))
    };
    for sandbox in &sandboxes {
        get(&server, sandbox, "alices").failed(14, "another user namespace");
    }
    let root = ["unshare", "--user", "--map-root-user"];
    get(&server, &root, "roots").failed(14, "the root of a container");
    drop(server);
    let options = ["--allow", "any or sandboxed", "--socket-mode", "0666"];
    let server = Server::with(&place, options);
    server.says("sandboxes left by acting as a client");
    for sandbox in &sandboxes {
        assert_eq!(get(&server, sandbox, "alices").text(), "hers");
        get(&server, sandbox, "roots").failed(4, "permission denied");
    }
    get(&server, &root, "roots").failed(14, "`--allow uid:0`");
}

#[test]
fn t17_a_root_without_capabilities_gets_what_root_owns_and_overrides_nothing() {
    const TEST: &str = "t17_a_root_without_capabilities_gets_what_root_owns_and_overrides_nothing";
    if !is_root(TEST) {
        return;
    }
    let place = place();
    let server = Server::for_all(&place);
    let bare = ["setpriv", "--inh-caps=-all", "--bounding-set=-all", "--"];
    for (name, content) in [("roots", Some("secret")), ("alices", None)] {
        let mut cat = by(&bare, &["cat"]);
        let itself = cat.arg(place.files().join(name)).output().expect("starts");
        assert_eq!(itself.status.success(), content.is_some(), "{name}");
        let served = run(fileserve_by(&bare, &["get", server.endpoint(), name]));
        match content {
            Some(content) => assert_eq!(served.text(), content),
            None => served.failed(4, "permission denied"),
        }
    }
}

fn can_unshare(test: &str) -> bool {
    let tried = Command::new("unshare").args(["--mount", "--user", "true"]).status();
    let can = tried.is_ok_and(|status| status.success());
    if !can {
        skip(test, "namespaces cannot be made here");
    }
    can
}

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::process::Command;
use std::{env, thread};

use ipc_core::peer::Namespace;
use ipc_core::{Error, ErrorKind as Kind};

use super::*;
use crate::identity::facts::AskedAs;
use crate::identity::look_up::Told;
use crate::mechanism::Chosen;
use crate::request;
use crate::root::UnixRoot;
use crate::sys::misuse;
use crate::testing::requests::Client;
use crate::testing::{
    AS_CLIENT, User, Visitor, WITH_TWO_CAPABILITIES, assert_passed, child, child_by, is_root, part,
    skip, takes_namespaces, takes_root, visit,
};

/// Whether there can be a fence; says aloud that the test is left out if not.
fn takes_fences(test: &str) -> bool {
    match fence::prepare([]) {
        Ok(_) => true,
        Err(why) => {
            skip(test, &why.to_string());
            false
        }
    }
}

/// A directory with `served`, `outside` and `run` in it, each with a file of the client's.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a directory");
    let all = Permissions::from_mode(0o777);
    fs::set_permissions(place.path(), all.clone()).expect("ours");
    for name in ["served", "outside", "run"] {
        let directory = place.path().join(name);
        fs::create_dir(&directory).expect("made");
        fs::set_permissions(&directory, all.clone()).expect("ours");
        let file = directory.join("file");
        fs::write(&file, name).expect("written");
        if is_root() {
            chown(&file, Some(CLIENT), Some(CLIENT)).expect("root may");
        }
    }
    symlink("../outside/file", place.path().join("served/link")).expect("made");
    place
}

fn raise(place: &Path) -> InForce {
    let endpoint = format!("unix:{}", place.join("run/socket").display()).parse().expect("a path");
    let fence = Fence::new().read_below(&place.join("served")).expect("there");
    fence.free_name_of(&endpoint).expect("there").raise().expect("one thread, and a kernel")
}

fn is_refused<T>(outcome: io::Result<T>) -> bool {
    outcome.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

#[test]
fn t25_this_process_itself_does_in_the_fence_what_was_named_and_nothing_else() {
    const TEST: &str = "t25_this_process_itself_does_in_the_fence_what_was_named_and_nothing_else";
    if part().is_some() {
        // A test has a thread beside it, and what is forked has not.
        assert!(misuse::in_fork(|| {
            let place = place();
            let open = File::open(place.path().join("outside/file")).expect("not fenced yet");
            raise(place.path());
            do_everything(place.path());
            thread::scope(|scope| scope.spawn(|| do_everything(place.path())).join())
                .expect("every later thread, too");
            assert_eq!(io::read_to_string(open).expect("open already"), "outside");
            fs::remove_file(place.path().join("run/file")).expect("named");
            true
        }));
        return;
    }
    if takes_fences(TEST) {
        assert_passed(&child(&path(TEST), "fenced").output().expect("runs"));
    }
}

fn do_everything(place: &Path) {
    let [served, outside, run] = ["served", "outside", "run"].map(|name| place.join(name));
    assert_eq!(fs::read_to_string(served.join("file")).expect("named"), "served");
    assert_eq!(fs::read_dir(&served).expect("named").count(), 2);
    for there in [served.join("link"), served.join("../outside/file"), outside.join("file")] {
        assert!(is_refused(File::open(&there)), "{}", there.display());
    }
    assert!(is_refused(fs::read_dir(&outside)));
    assert!(is_refused(File::open("/proc/1/environ")));
    for place in [&served, &outside, &run] {
        let file = place.join("file");
        assert!(is_refused(OpenOptions::new().append(true).open(&file)));
        assert!(is_refused(fs::write(place.join("new"), "")));
        assert!(is_refused(fs::create_dir(place.join("new"))));
        assert!(is_refused(fs::rename(&file, place.join("new"))));
    }
    assert!(is_refused(fs::remove_file(served.join("file"))));
    assert!(is_refused(fs::remove_file(outside.join("file"))));
    assert!(is_refused(Command::new("/bin/true").status()));
}

#[test]
fn t25_no_client_is_served_from_outside_of_the_fence_where_the_root_is_forgotten() {
    const TEST: &str =
        "t25_no_client_is_served_from_outside_of_the_fence_where_the_root_is_forgotten";
    if part().is_some() {
        assert!(misuse::in_fork(serve_everything));
        return;
    }
    if takes_root(TEST) && takes_fences(TEST) {
        assert_passed(&child(&path(TEST), "fenced").output().expect("runs"));
    }
}

/// Serves every file there is, as a server does whose rule of resolution is broken, and has served
/// none that lies outside of the fence.
fn serve_everything() -> bool {
    let place = place();
    let mechanisms = match request::available() {
        Ok(()) => &[Chosen::Thread, Chosen::RequestOnly][..],
        Err(_) => &[Chosen::Thread],
    };
    let root = UnixRoot::open_dir("/").expect("opens");
    let name = |name: &str| {
        let path = place.path().join(name);
        path.to_str().expect("UTF-8").trim_start_matches('/').to_owned()
    };
    let user = User::new(CLIENT, &[]);
    for chosen in mechanisms {
        let client = Client::of(&user, *chosen);
        assert_eq!(client.read(&root, &name("outside/file")).expect("no fence"), "outside");
    }
    raise(place.path());
    for chosen in mechanisms {
        let client = Client::of(&user, *chosen);
        // The first is opened by the thread, and those that follow by the mechanism.
        for _ in 0..3 {
            assert_eq!(client.read(&root, &name("served/file")).expect("named"), "served");
            for outside in ["outside/file", "served/link", "outside"] {
                let opened = match outside {
                    "outside" => client.list(&root, &name(outside)),
                    _ => client.open(&root, &name(outside)),
                };
                let refusal = opened.expect_err(outside);
                assert_eq!(refusal.kind(), Kind::PermissionDenied, "{chosen:?}, {outside}");
            }
        }
        client.connected.act(|_| do_everything(place.path())).expect("acts");
    }
    true
}

#[test]
fn t17_where_clients_live_is_seen_from_within_the_fence() {
    const TEST: &str = "t17_where_clients_live_is_seen_from_within_the_fence";
    match part().as_deref() {
        Some("server") => assert!(misuse::in_fork(|| look_at_everybody(&path(TEST)))),
        Some(_) => visit(true),
        None if takes_namespaces(TEST) && takes_fences(TEST) => {
            let servers = [&[][..], &WITH_TWO_CAPABILITIES];
            for server in servers {
                let server = child_by(server, &path(TEST), "server").output();
                assert_passed(&server.expect("runs"));
            }
        }
        None => {}
    }
}

fn look_at_everybody(test: &str) -> bool {
    let visitor = |wrapper: &[&str]| Visitor::by(wrapper, test, "client");
    let at_home = visitor(&AS_CLIENT);
    let sandboxed = visitor(&[&AS_CLIENT[..], &["unshare", "-U"]].concat());
    let mut roots = Vec::new();
    if is_root() {
        roots.push((visitor(&[]), true));
        roots.push((visitor(&["unshare", "-U", "-r"]), false));
        roots.push((visitor(&["unshare", "-m"]), false));
    }
    let program = env::current_exe().expect("has a path");
    Fence::new().raise().expect("one thread, and a kernel");
    for _ in 0..2 {
        at_home.connection.act(|_| ()).expect("at home");
        // A server without further rights is told so only when it asks as its client.
        let known = at_home.connection.peer.facts().residence(AskedAs::Server);
        assert_eq!(known.user, Told::Own);
        let refusal = sandboxed.connection.act(|_| unreachable!()).expect_err("refused");
        assert!(matches!(refusal, Error::Sandboxed { .. }), "{refusal:?}");
        for (root, is_own) in &roots {
            let outcome = root.connection.act(|_| ());
            let is_refused = matches!(outcome, Err(Error::IdentityRefused { .. }));
            assert_eq!((outcome.is_ok(), is_refused), (*is_own, !is_own), "{outcome:?}");
        }
    }
    if let [(own, _), .., (elsewhere, _)] = &roots[..] {
        let peer = own.connection.peer.peer();
        assert_eq!(peer.executable(), Some(program));
        assert!(peer.confinement().no_new_privileges.is_some());
        assert_eq!(peer.confinement().mount_namespace, Some(Namespace::Own));
        let elsewhere = elsewhere.connection.peer.peer().confinement();
        assert_eq!(elsewhere.mount_namespace, Some(Namespace::Other));
    }
    let all = roots.into_iter().map(|(root, _)| root).chain([at_home, sandboxed]);
    all.for_each(Visitor::leave);
    true
}

#[test]
fn a_process_with_threads_is_not_fenced_in() {
    const TEST: &str = "a_process_with_threads_is_not_fenced_in";
    if part().is_some() {
        let error = Fence::new().raise().expect_err("a test has a thread beside it");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("threads already"), "{error}");
        File::open("/proc/self/status").expect("nothing has changed");
        return;
    }
    assert_passed(&child(&path(TEST), "with threads").output().expect("runs"));
}

#[test]
fn where_the_kernel_has_no_fences_that_is_said_and_nothing_changes() {
    const TEST: &str = "where_the_kernel_has_no_fences_that_is_said_and_nothing_changes";
    if part().is_some() {
        assert!(misuse::in_fork(|| {
            misuse::refuse_call(libc::SYS_landlock_create_ruleset, libc::ENOSYS, false);
            let error = Fence::new().raise().expect_err("a kernel without");
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains("no Landlock"), "{error}");
            File::open("/proc/self/status").is_ok()
        }));
        return;
    }
    if takes_root(TEST) {
        assert_passed(&child(&path(TEST), "without").output().expect("runs"));
    }
}

#[test]
fn an_old_fence_says_what_it_does_not_keep_from() {
    let says = |version| InForce { version }.to_string();
    assert_eq!(says(7), "Landlock 7");
    assert_eq!(says(5), "Landlock 5, which does not keep from signals, abstract sockets");
    assert!(says(1).contains("truncating files, TCP, controlling devices, signals"));
}

fn path(test: &str) -> String {
    format!("fence::tests::{test}")
}

const CLIENT: u32 = 41_500;

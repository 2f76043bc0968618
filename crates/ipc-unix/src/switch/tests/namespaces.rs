//! Peers that live elsewhere: in another user or mount namespace, or no longer.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use super::super::*;
use crate::sys::fence;
use crate::testing::{
    AS_CLIENT, Visitor, WITH_TWO_CAPABILITIES, assert_passed, child_by, part, skip,
    takes_namespaces, takes_root, visit,
};

#[test]
fn t17_root_is_acted_as_at_home_and_a_containers_root_only_when_named() {
    const TEST: &str = "t17_root_is_acted_as_at_home_and_a_containers_root_only_when_named";
    if part().is_some() {
        return visit(true);
    }
    if !takes_namespaces(TEST) {
        return;
    }
    let at_home = Visitor::by(&[], &path(TEST), "root");
    at_home.connection.act(|_| ()).expect("root at home just works");
    at_home.leave();
    for (container, why) in
        [(&["unshare", "-U", "-r"][..], "user namespace"), (&["unshare", "-m"], "mount namespace")]
    {
        let visitor = Visitor::by(container, &path(TEST), "container's root");
        let refusal = visitor.connection.act(|_| unreachable!()).expect_err("refused");
        assert!(matches!(refusal, Error::IdentityRefused { .. }), "{refusal:?}");
        for words in [why, "`--allow uid:0`"] {
            assert!(refusal.to_string().contains(words), "{refusal}");
        }
        let named = ActAs::default().root(true);
        visitor.connection.act_as(&named, |_| ()).expect("named");
        visitor.leave();
    }
}

#[test]
fn t17_a_sandboxed_client_is_acted_as_only_when_sandboxed_ones_are_named() {
    const TEST: &str = "t17_a_sandboxed_client_is_acted_as_only_when_sandboxed_ones_are_named";
    if part().is_some() {
        return visit(true);
    }
    if !takes_namespaces(TEST) {
        return;
    }
    at_home_and_sandboxed(&path(TEST), "client");
}

#[test]
fn t17_a_server_that_may_not_look_at_its_client_does_so_as_the_client() {
    const TEST: &str = "t17_a_server_that_may_not_look_at_its_client_does_so_as_the_client";
    match part().as_deref() {
        Some("server") => {
            at_home_and_sandboxed(&path(TEST), "client");
            at_home_and_sandboxed(&path(TEST), "client that hides");
        }
        Some("client that hides") => {
            rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
                .expect("everybody may");
            visit(true);
        }
        Some(_) => visit(true),
        None if takes_namespaces(TEST) => {
            let server = child_by(&WITH_TWO_CAPABILITIES, &path(TEST), "server").output();
            assert_passed(&server.expect("runs"));
        }
        None => {}
    }
}

fn at_home_and_sandboxed(test: &str, part: &str) {
    let visitor = Visitor::by(&AS_CLIENT, test, part);
    visitor.connection.act(|_| ()).expect("at home");
    visitor.leave();
    let sandbox = [&AS_CLIENT[..], &["unshare", "-U"]].concat();
    let visitor = Visitor::by(&sandbox, test, part);
    let own = super::identity();
    for _ in 0..2 {
        let refusal = visitor.connection.act(|_| unreachable!()).expect_err("refused");
        assert!(matches!(refusal, Error::Sandboxed { .. }), "{refusal:?}");
        assert!(refusal.to_string().contains("`--allow sandboxed`"), "{refusal}");
        assert_eq!(super::identity(), own);
    }
    let named = ActAs::default().sandboxed(true);
    visitor.connection.act_as(&named, |_| ()).expect("named");
    visitor.leave();
}

#[test]
fn t17_a_client_cannot_hide_its_sandbox_by_ending() {
    const TEST: &str = "t17_a_client_cannot_hide_its_sandbox_by_ending";
    if part().is_some() {
        return visit(false);
    }
    if !takes_root(TEST) {
        return;
    }
    let mut visitor = Visitor::by(&AS_CLIENT, &path(TEST), "client");
    visitor.wait();
    let refusal = visitor.connection.act(|_| unreachable!()).expect_err("refused");
    assert!(matches!(refusal, Error::Sandboxed { .. }), "{refusal:?}");
    let mut visitor = Visitor::by(&[], &path(TEST), "root");
    visitor.wait();
    let refusal = visitor.connection.act(|_| unreachable!()).expect_err("refused");
    assert!(matches!(refusal, Error::IdentityRefused { .. }), "{refusal:?}");
}

#[test]
fn t17_a_root_without_capabilities_gets_what_it_may_open_itself() {
    const TEST: &str = "t17_a_root_without_capabilities_gets_what_it_may_open_itself";
    let [own, others] = ["own", "others"].map(|name| format!("{TEST}-{name}"));
    if let Some(directory) = part() {
        let directory = Path::new(&directory);
        assert!(File::open(directory.join(own)).is_ok(), "root owns it");
        assert!(File::open(directory.join(others)).is_err(), "and has nothing that overrides");
        return visit(true);
    }
    if !takes_root(TEST) {
        return;
    }
    let place = tempfile::tempdir().expect("a directory");
    for (name, owner) in [(&own, 0), (&others, 41_500)] {
        let file = place.path().join(name);
        fs::write(&file, "text").expect("written");
        fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("ours");
        chown(&file, Some(owner), Some(owner)).expect("root may");
    }
    let directory = place.path().to_str().expect("UTF-8");
    let bare = ["setpriv", "--inh-caps=-all", "--bounding-set=-all", "--"];
    let visitor = Visitor::by(&bare, &path(TEST), directory);
    let opens = |name: &str| {
        let file = place.path().join(name);
        visitor.connection.act(|_| File::open(file).is_ok()).expect("it is at home")
    };
    assert!(opens(&own));
    assert!(!opens(&others), "it has gained what it may not open itself");
    visitor.leave();
}

#[test]
fn t17_landlock_is_not_seen_and_its_client_gains_what_the_user_may_open() {
    const TEST: &str = "t17_landlock_is_not_seen_and_its_client_gains_what_the_user_may_open";
    if let Some(file) = part() {
        assert!(File::open(&file).is_ok(), "before");
        fence::prepare([]).and_then(fence::Prepared::raise).expect("tried by the parent");
        assert!(File::open(&file).is_err(), "in its sandbox");
        return visit(true);
    }
    if !takes_root(TEST) {
        return;
    }
    if let Err(why) = fence::prepare([]) {
        return skip(TEST, &why.to_string());
    }
    let place = tempfile::tempdir().expect("a directory");
    fs::set_permissions(place.path(), Permissions::from_mode(0o755)).expect("ours");
    let file = place.path().join("clients");
    fs::write(&file, "text").expect("written");
    fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("ours");
    chown(&file, Some(41_500), Some(41_500)).expect("root may");
    let visitor = Visitor::by(&AS_CLIENT, &path(TEST), file.to_str().expect("UTF-8"));
    let opened = visitor.connection.act(|_| File::open(&file)).expect("nothing speaks against it");
    assert!(opened.is_ok(), "the documentation may be better than it says");
    visitor.leave();
}

fn path(test: &str) -> String {
    format!("switch::tests::namespaces::{test}")
}

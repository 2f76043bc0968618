//! Peers that live elsewhere: in another user or mount namespace, or no longer.

use super::super::*;
use crate::testing::{
    AS_CLIENT, Visitor, WITH_TWO_CAPABILITIES, assert_passed, child_by, part, takes_namespaces,
    takes_root, visit,
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

fn path(test: &str) -> String {
    format!("switch::tests::namespaces::{test}")
}

use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::level::ImpersonationLevel;
use crate::peer::{
    Confinement, Identity, Namespace, PeerFacts, UnixIdentity, WindowsGroup, WindowsIdentity,
};

mod text;

fn unix(uid: u32, groups: Option<Vec<u32>>) -> Peer {
    Peer::new(Some(Identity::Unix(UnixIdentity { uid, gid: uid, groups })), Assurance::Kernel)
}

/// A token of that user, with that group.
fn windows(user: &str, group: &str, enabled: bool) -> WindowsIdentity {
    let sid = Sid::new(group);
    WindowsIdentity {
        user: Sid::new(user),
        user_deny_only: false,
        account: None,
        groups: vec![WindowsGroup { sid, enabled, deny_only: !enabled }],
        integrity: None,
        session: None,
        elevated: None,
        logon: None,
        level: ImpersonationLevel::Identification,
    }
}

fn with_token(token: WindowsIdentity) -> Peer {
    Peer::new(Some(Identity::Windows(token)), Assurance::Kernel)
}

fn admits(policy: &str, peer: &Peer) -> bool {
    let policy: Policy = policy.parse().expect(policy);
    policy.decide(peer, &unix(1000, Some(vec![]))).is_ok()
}

#[test]
fn each_term_admits_whom_it_names() {
    assert!(admits("same-user", &unix(1000, None)));
    assert!(!admits("same-user", &unix(1001, None)));
    assert!(admits("system", &unix(0, None)));
    assert!(!admits("system", &unix(1000, None)));
    assert!(admits("uid:5", &unix(5, None)));
    assert!(!admits("uid:5", &unix(6, None)));
    assert!(admits("gid:100", &unix(5, Some(vec![100]))));
    assert!(!admits("gid:100", &unix(5, Some(vec![101]))));
    assert!(!admits("same-process", &unix(1000, None)));
}

#[test]
fn t16_a_windows_membership_counts_only_where_it_grants() {
    const ALICE: &str = "S-1-5-21-1-2-3-1001";
    let admits = |policy: &str, token: &WindowsIdentity| admits(policy, &with_token(token.clone()));
    let elevated = windows(ALICE, Sid::ADMINISTRATORS, true);
    let restricted = windows(ALICE, Sid::ADMINISTRATORS, false);
    for term in ["admins", "system", "sid:S-1-5-32-544"] {
        assert!(admits(term, &elevated), "{term}");
        assert!(!admits(term, &restricted), "{term}");
    }
    assert!(admits("sid:s-1-5-21-1-2-3-1001", &restricted));
    assert!(!admits("sid:S-1-5-21-1-2-3-1002", &elevated));
    assert!(!admits("uid:0", &elevated));
    let nobody = WindowsIdentity { user_deny_only: true, ..restricted };
    assert!(!admits("sid:S-1-5-21-1-2-3-1001", &nobody));
    let own = with_token(windows(ALICE, "S-1-1-0", true));
    assert!(Policy::same_user().decide(&with_token(elevated), &own).is_ok());
    assert!(Policy::same_user().decide(&with_token(nobody), &own).is_err());
    let service = windows(Sid::SYSTEM, "S-1-1-0", true);
    assert!(admits("system", &service) && !admits("admins", &service));
    let owned_by_administrators = windows(Sid::ADMINISTRATORS, "S-1-1-0", true);
    assert!(admits("system", &owned_by_administrators), "the owner of an elevated server's pipe");
}

#[test]
fn an_absent_fact_refuses() {
    assert!(!admits("gid:100", &unix(5, None)), "groups are not known");
    let unknown = Peer::new(None, Assurance::Kernel);
    let unvouched = Peer::new(unix(1000, None).identity().cloned(), Assurance::None);
    let terms =
        ["same-user", "system", "uid:1000", "gid:1000", "sid:S-1-1-0", "admins", "same-process"];
    for term in terms {
        assert!(!admits(term, &unknown), "{term}");
        assert!(!admits(term, &unvouched), "{term}");
    }
    assert!(admits("any", &unknown));
    assert!(Policy::any().admits_unknown());
    assert!(!Policy::same_user().admits_unknown());
}

#[test]
fn what_is_not_known_admits_neither_by_a_term_nor_by_its_opposite() {
    let unknown = Peer::new(None, Assurance::Kernel);
    let unvouched = Peer::new(unix(1000, None).identity().cloned(), Assurance::None);
    for term in [
        "same-user",
        "same-process",
        "system",
        "root",
        "uid:5",
        "gid:5",
        "user:alice",
        "group:staff",
        "sandboxed",
        "other-mount-namespace",
        "sid:S-1-1-0",
        "admins",
    ] {
        for peer in [&unknown, &unvouched] {
            assert!(!admits(term, peer), "{term}");
            assert!(!admits(&format!("not {term}"), peer), "{term}");
            assert!(!admits(&format!("any and not {term}"), peer), "{term}");
            assert!(!admits(&format!("not (not {term})"), peer), "{term}");
            assert!(admits(&format!("any or {term}"), peer), "{term}");
        }
    }
    assert!(!admits("not gid:100", &unix(5, None)), "groups are not known");
    assert!(!admits("not sandboxed", &unix(5, None)), "namespaces are not known");
    assert!(!admits("not uid:5", &with_token(windows("S-1-5-18", "S-1-1-0", true))));
    assert!(!admits("not admins", &unix(5, None)));
    assert!(!admits("not user:alice", &unix(5, None)), "was never looked up");
    assert!(!admits("not same-process", &unix(1000, None)), "may be this one after all");
}

#[test]
fn one_side_decides_where_the_other_is_not_known() {
    let peer = unix(5, None);
    assert!(admits("uid:5 or gid:100", &peer) && admits("gid:100 or uid:5", &peer));
    assert!(!admits("uid:6 or gid:100", &peer));
    assert!(!admits("uid:5 and gid:100", &peer));
    assert!(admits("not (uid:6 and gid:100)", &peer) && admits("not (gid:100 and uid:6)", &peer));
    assert!(!admits("not (uid:5 and gid:100)", &peer));
    assert!(!admits("not (uid:5 or gid:100)", &peer));
}

#[test]
fn t16_what_counts_only_where_it_denies_is_no_reason_to_admit_either_way() {
    const ALICE: &str = "S-1-5-21-1-2-3-1001";
    let restricted = windows(ALICE, Sid::ADMINISTRATORS, false);
    for term in ["admins", "system", "sid:S-1-5-32-544"] {
        assert!(!admits(&format!("not {term}"), &with_token(restricted.clone())), "{term}");
    }
    let ordinary = windows(ALICE, "S-1-1-0", true);
    assert!(admits("not admins", &with_token(ordinary.clone())));
    let groups_untold = WindowsIdentity { groups: vec![], ..ordinary.clone() };
    assert!(!admits("not admins", &with_token(groups_untold)), "the server of a pipe");
    let nobody = WindowsIdentity { user_deny_only: true, ..ordinary.clone() };
    let (own, nobody) = (with_token(ordinary), with_token(nobody));
    assert!((!Policy::same_user()).decide(&nobody, &own).is_err());
    assert!((!Policy::same_user()).decide(&unix(5, None), &own).is_err());
}

#[test]
fn t17_where_a_peer_lives_decides() {
    let lives = |user, mount| {
        let identity = unix(5, None).identity().cloned();
        Peer::new(identity, Assurance::Kernel).with_facts(Arc::new(Lives { user, mount }))
    };
    let (own, other) = (Some(Namespace::Own), Some(Namespace::Other));
    assert!(admits("uid:5 and not sandboxed", &lives(own, other)));
    assert!(admits("sandboxed", &lives(other, own)));
    assert!(!admits("uid:5 and not sandboxed", &lives(other, own)));
    assert!(!admits("uid:5 and not sandboxed", &lives(None, own)));
    assert!(admits("other-mount-namespace", &lives(own, other)));
    assert!(!admits("not other-mount-namespace", &lives(own, other)));
    assert!(admits("not other-mount-namespace", &lives(None, own)));
    let this = Peer::this_process(None);
    assert!(admits("not sandboxed and not other-mount-namespace", &this));
}

#[test]
fn a_refusal_says_whether_something_was_not_known() {
    let refusal = |policy: &str| {
        let policy: Policy = policy.parse().expect(policy);
        policy.decide(&unix(5, None), &unix(0, None)).expect_err("refused").to_string()
    };
    assert_eq!(refusal("uid:6"), "refused by policy: uid 5 is not admitted by `uid:6`");
    assert_eq!(
        refusal("any and not gid:6"),
        "refused by policy: uid 5 is not admitted by `any and not gid:6`: not all that it asks for \
         is known"
    );
}

#[test]
fn names_are_looked_up_wherever_they_stand() {
    let policy: Policy =
        "(user:alice or uid:7) and not (group:staff or group:staff)".parse().expect("a policy");
    let policy = policy.resolve(&Directory).expect("all are there");
    assert_eq!(policy.to_string(), "(uid:1001 or uid:7) and not (gid:50 or gid:50)");
    let stranger: Policy = "any and not user:mallory".parse().expect("a policy");
    let error = stranger.resolve(&Directory).expect_err("not there").to_string();
    assert!(error.contains("mallory"), "{error}");
}

#[test]
fn whom_an_endpoint_must_let_in_is_told() {
    let candidates = |text: &str| {
        let policy: Policy = text.parse().expect(text);
        policy.candidates().map(|all| all.iter().map(Policy::to_string).collect::<Vec<_>>())
    };
    assert_eq!(candidates("any"), None);
    assert_eq!(candidates("any and not sid:S-1-1-0"), None);
    assert_eq!(candidates("admins or not uid:5"), None);
    assert_eq!(candidates("any and (uid:1 or uid:2)"), Some(vec!["uid:1".into(), "uid:2".into()]));
    assert_eq!(candidates("not sandboxed and sid:S-1-1-0"), Some(vec!["sid:S-1-1-0".into()]));
}

#[test]
fn a_term_is_named_where_it_admits() {
    let names = |text: &str| text.parse::<Policy>().expect(text).names(&Policy::sandboxed());
    assert!(names("sandboxed") && names("any or (uid:5 and sandboxed)"));
    assert!(names("not (uid:5 or not sandboxed)"));
    assert!(!names("any and not sandboxed") && !names("any"));
}

/// Where a peer lives, and nothing else.
#[derive(Debug)]
struct Lives {
    user: Option<Namespace>,
    mount: Option<Namespace>,
}

impl PeerFacts for Lives {
    fn account_name(&self) -> Option<String> {
        None
    }

    fn executable(&self) -> Option<PathBuf> {
        None
    }

    fn confinement(&self) -> Confinement {
        Confinement {
            user_namespace: self.user,
            mount_namespace: self.mount,
            ..Confinement::default()
        }
    }
}

/// One user and one group.
struct Directory;

impl Accounts for Directory {
    fn user(&self, name: &str) -> Result<Policy> {
        match name {
            "alice" => Ok(Policy::uid(1001)),
            _ => Err(Error::InvalidInput { reason: format!("no user `{name}`") }),
        }
    }

    fn group(&self, name: &str) -> Result<Policy> {
        match name {
            "staff" => Ok(Policy::gid(50)),
            _ => Err(Error::InvalidInput { reason: format!("no group `{name}`") }),
        }
    }
}

//! Whose rights are judged, and whose are not.

use std::path::PathBuf;
use std::sync::Arc;

use ipc_core::Identity;
use ipc_core::peer::{Assurance, Confinement, Namespace, PeerFacts};

use super::*;
use crate::identity::ActAs;
use crate::testing::{Connected, Visitor, part, takes_namespaces, takes_root, visit};

#[derive(Debug)]
struct Told(Confinement);

impl PeerFacts for Told {
    fn account_name(&self) -> Option<String> {
        None
    }
    fn executable(&self) -> Option<PathBuf> {
        None
    }
    fn confinement(&self) -> Confinement {
        self.0.clone()
    }
}

fn peer(uid: u32, groups: Option<Vec<u32>>, confinement: Confinement) -> Peer {
    let ids = UnixIdentity { uid, gid: 41_500, groups };
    let peer = Peer::new(Some(Identity::Unix(ids)), Assurance::Kernel);
    peer.with_facts(Arc::new(Told(confinement)))
}

fn confined(change: impl FnOnce(&mut Confinement)) -> Confinement {
    let mut confinement = Confinement::default();
    change(&mut confinement);
    confinement
}

fn refusal(client: &Peer, settings: &ActAs) -> Option<ErrorKind> {
    client::standing(client, settings).err().map(|error| error.kind())
}

#[test]
fn t18_t19_a_client_whose_ids_are_not_known_is_not_judged() {
    let all = ActAs::default().root(true).sandboxed(true);
    for (uid, groups, kind) in [
        (41_500, None, ErrorKind::IdentityUnknown),
        (u32::MAX, Some(vec![]), ErrorKind::IdentityRefused),
        (65_534, Some(vec![]), ErrorKind::IdentityRefused),
        (41_500, Some(vec![65_534]), ErrorKind::IdentityRefused),
    ] {
        let client = peer(uid, groups, Confinement::default());
        assert_eq!(refusal(&client, &all), Some(kind), "{client:?}");
    }
    let nobody_vouches = Peer::new(None, Assurance::None);
    assert_eq!(refusal(&nobody_vouches, &all), Some(ErrorKind::IdentityUnknown));
}

#[test]
fn t17_a_client_known_to_be_confined_is_judged_only_if_named() {
    let named = ActAs::default().sandboxed(true);
    for confinement in [
        confined(|c| c.user_namespace = Some(Namespace::Other)),
        confined(|c| c.label = Some("snap.editor (enforce)".to_owned())),
    ] {
        let client = peer(41_500, Some(vec![]), confinement);
        assert_eq!(refusal(&client, &ActAs::default()), Some(ErrorKind::Sandboxed));
        assert_eq!(refusal(&client, &named), None);
    }
    for confinement in [
        Confinement::default(),
        confined(|c| c.user_namespace = Some(Namespace::Own)),
        confined(|c| c.mount_namespace = Some(Namespace::Other)),
        confined(|c| c.label = Some("unconfined".to_owned())),
    ] {
        let client = peer(41_500, Some(vec![]), confinement);
        assert_eq!(refusal(&client, &ActAs::default()), None, "{client:?}");
    }
}

#[test]
fn t17_uid_0_is_judged_only_at_home_or_if_named() {
    let named = ActAs::default().root(true);
    let home = confined(|c| {
        c.user_namespace = Some(Namespace::Own);
        c.mount_namespace = Some(Namespace::Own);
    });
    assert_eq!(refusal(&peer(0, Some(vec![]), home), &ActAs::default()), None);
    let elsewhere = confined(|c| c.user_namespace = Some(Namespace::Own));
    for confinement in [Confinement::default(), elsewhere] {
        let client = peer(0, Some(vec![]), confinement);
        assert_eq!(refusal(&client, &ActAs::default()), Some(ErrorKind::IdentityRefused));
        assert_eq!(refusal(&client, &named), None);
    }
}

#[test]
fn this_process_and_its_equals_are_not_judged_but_served_what_the_kernel_gives() {
    let is_alike = |peer: &Peer| {
        let standing = client::standing(peer, &ActAs::default()).expect("judged or alike");
        matches!(standing, Standing::LikeThisProcess)
    };
    assert!(is_alike(&crate::identity::this_process().expect("known")));
    // Root overrides permissions, which its clients of uid 0 perhaps do not.
    let is_root = crate::testing::is_root();
    assert_eq!(is_alike(Connected::with_self().peer.peer()), !is_root);
    if !takes_root("this_process_and_its_equals_are_not_judged_but_served_what_the_kernel_gives") {
        return;
    }
    let user = User::new(41_500, &[41_600]);
    let others = [
        User::new(41_500, &[]),
        User::new(41_501, &[41_600]),
        User { gid: 41_600, ..user.clone() },
    ];
    let (same, others) = (user.connect(), others.map(|other| other.connect()));
    user.run(|| {
        assert!(is_alike(same.peer.peer()));
        for other in others {
            assert!(!is_alike(other.peer.peer()), "{other:?}");
        }
    });
}

#[test]
fn t17_another_users_sandbox_is_seen_by_a_server_without_privileges() {
    const TEST: &str = "t17_another_users_sandbox_is_seen_by_a_server_without_privileges";
    if part().is_some() {
        return visit(true);
    }
    if !takes_namespaces(TEST) {
        return;
    }
    let test = format!("check::tests::clients::{TEST}");
    let client = ["setpriv", "--reuid=41500", "--regid=41500", "--clear-groups"];
    let seen_from = |sandbox: &[&str]| {
        let visitor = Visitor::by(&[&client[..], sandbox].concat(), &test, "client");
        let server = User::new(42_000, &[]);
        let seen = server.run(|| refusal(visitor.connection.peer.peer(), &ActAs::default()));
        visitor.leave();
        seen
    };
    assert_eq!(seen_from(&["--"]), None);
    assert_eq!(seen_from(&["--", "unshare", "-U"]), Some(ErrorKind::Sandboxed));
}

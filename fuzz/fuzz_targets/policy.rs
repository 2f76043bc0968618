//! The text of policies: what is read can be written and read again as the same; and what is not
//! known of a peer admits it by nothing.
#![no_main]

use std::path::PathBuf;
use std::sync::Arc;

use ipc_core::peer::{
    Assurance, Confinement, Namespace, PeerFacts, Sid, UnixIdentity, WindowsGroup, WindowsIdentity,
};
use ipc_core::{Identity, ImpersonationLevel, Peer, Policy};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(policy) = text.parse::<Policy>() else { return };
    let written = policy.to_string();
    assert_eq!(written.parse::<Policy>().expect("what was written"), policy, "{written}");

    let own = unix(1000, Some(vec![2]), Some(Namespace::Own));
    let admits = |policy: &Policy, peer: &Peer| policy.decide(peer, &own).is_ok();
    let opposite = !policy.clone();
    let candidates = policy.candidates();
    for known in everybody() {
        let is_admitted = admits(&policy, &known);
        assert!(!is_admitted || !admits(&opposite, &known), "{written}: {known:?} by both");
        if let Some(candidates) = candidates.as_ref().filter(|_| is_admitted) {
            assert!(candidates.iter().any(|one| admits(one, &known)), "{written}: {known:?}");
        }
        for less in with_less_known(&known) {
            // Whoever is admitted with less known is admitted with more: absence decides nothing.
            assert!(
                !admits(&policy, &less) || is_admitted,
                "{written}: {less:?} but not {known:?}"
            );
        }
    }
    let nobody = Peer::new(None, Assurance::None);
    assert_eq!(policy.admits_unknown(), policy.decide(&nobody, &nobody).is_ok());
});

/// Peers of whom all is known that their system tells.
fn everybody() -> Vec<Peer> {
    let mut all = Vec::new();
    for uid in [0, 1, 1000] {
        for groups in [vec![], vec![1, 2], vec![100]] {
            for namespace in [Namespace::Own, Namespace::Other] {
                all.push(unix(uid, Some(groups.clone()), Some(namespace)));
            }
        }
    }
    for user in [Sid::SYSTEM, "S-1-5-21-1-2-3-1001"] {
        for enabled in [true, false] {
            all.push(windows(user, enabled));
        }
    }
    all
}

/// `peer` with one fact or more taken away.
fn with_less_known(peer: &Peer) -> Vec<Peer> {
    let mut less = vec![
        Peer::new(None, Assurance::None),
        Peer::new(None, Assurance::Kernel),
        Peer::new(peer.identity().cloned(), Assurance::None),
        Peer::new(peer.identity().cloned(), Assurance::Kernel),
    ];
    if let Some(ids) = peer.identity().and_then(Identity::as_unix) {
        let namespace = peer.confinement().user_namespace;
        less.push(unix(ids.uid, None, namespace));
        less.push(unix(ids.uid, None, None));
        less.push(unix(ids.uid, ids.groups.clone(), None));
    }
    less
}

fn unix(uid: u32, groups: Option<Vec<u32>>, namespace: Option<Namespace>) -> Peer {
    let ids = UnixIdentity { uid, gid: uid, groups };
    Peer::new(Some(Identity::Unix(ids)), Assurance::Kernel).with_facts(Arc::new(Facts(namespace)))
}

fn windows(user: &str, enabled: bool) -> Peer {
    let group = |sid: &str| WindowsGroup { sid: Sid::new(sid), enabled, deny_only: !enabled };
    let token = WindowsIdentity {
        user: Sid::new(user),
        user_deny_only: false,
        account: None,
        groups: vec![group(Sid::ADMINISTRATORS), group("S-1-5-32-545")],
        integrity: None,
        session: None,
        elevated: Some(enabled),
        logon: None,
        level: ImpersonationLevel::Impersonation,
    };
    Peer::new(Some(Identity::Windows(token)), Assurance::Kernel)
}

#[derive(Debug)]
struct Facts(Option<Namespace>);

impl PeerFacts for Facts {
    fn account_name(&self) -> Option<String> {
        None
    }

    fn executable(&self) -> Option<PathBuf> {
        None
    }

    fn confinement(&self) -> Confinement {
        let mut confinement = Confinement::default();
        confinement.user_namespace = self.0;
        confinement.mount_namespace = self.0;
        confinement
    }
}

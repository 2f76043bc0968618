use std::os::unix::net::UnixDatagram;

use super::*;
use crate::testing::{Connected, User, takes_root};

fn ids(peer: &Peer) -> &UnixIdentity {
    peer.identity().and_then(Identity::as_unix).expect("Unix ids")
}

#[test]
fn this_process_is_what_its_own_peer_sees() {
    let own = this_process().expect("known");
    let Connected { peer, .. } = Connected::with_self();
    assert_eq!(ids(peer.peer()), ids(&own));
    assert_eq!(peer.peer().pid(), Some(std::process::id()));
    assert_eq!(*peer.peer().assurance(), Assurance::Kernel);
    assert_eq!(*own.assurance(), Assurance::SameProcess);
}

#[test]
fn t18_a_socket_without_another_end_has_no_peer() {
    let unconnected = Arc::new(OwnedFd::from(UnixDatagram::unbound().expect("a socket")));
    let refusal = peer_of(&unconnected).expect_err("nobody is there");
    assert!(matches!(refusal, Error::IdentityUnknown { .. }), "{refusal:?}");
}

#[test]
fn a_users_groups_are_those_of_its_thread_sorted() {
    if !takes_root("a_users_groups_are_those_of_its_thread_sorted") {
        return;
    }
    let many: Vec<u32> = (50_000..50_100).collect();
    for groups in [&[][..], &[41_601, 41_600, 41_601], &many] {
        let Connected { peer, .. } = User::new(41_500, groups).connect();
        let seen = ids(peer.peer());
        assert_eq!((seen.uid, seen.gid), (41_500, 41_500));
        let known = seen.groups.as_deref().expect("the kernel tells them");
        assert!(known.is_sorted_by(|a, b| a < b), "{known:?}");
        assert!(groups.iter().all(|group| known.contains(group)));
        assert!(known.iter().all(|group| groups.contains(group)), "the own group is not repeated");
    }
}

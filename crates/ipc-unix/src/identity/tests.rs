use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::net::{UnixDatagram, UnixStream};

use ipc_core::peer::Namespace;

use super::*;
use crate::testing::{
    Connected, User, Visitor, assert_passed, child_with, part, skip, takes_namespaces, takes_root,
    visit,
};

fn ids(peer: &Peer) -> &UnixIdentity {
    peer.identity().and_then(Identity::as_unix).expect("Unix ids")
}

fn unix(uid: u32, gid: u32, groups: &[u32]) -> UnixIdentity {
    UnixIdentity { uid, gid, groups: Some(groups.to_vec()) }
}

#[test]
fn this_process_is_what_its_own_peer_sees() {
    let own = this_process().expect("known");
    let Connected { peer, .. } = Connected::with_self();
    assert_eq!(ids(peer.peer()), ids(&own));
    assert_eq!(peer.peer().pid(), Some(std::process::id()));
    assert_eq!(*peer.peer().assurance(), Assurance::Kernel);
    assert_eq!(*own.assurance(), Assurance::SameProcess);
    assert_eq!(peer.peer().account_name(), own.account_name());
}

#[test]
fn t18_a_socket_without_another_end_has_no_peer() {
    let unconnected = Arc::new(OwnedFd::from(UnixDatagram::unbound().expect("a socket")));
    let refusal = peer_of(&unconnected).expect_err("nobody is there");
    assert!(matches!(refusal, Error::IdentityUnknown { .. }), "{refusal:?}");
    let no_socket = Arc::new(OwnedFd::from(std::fs::File::open("/dev/null").expect("opened")));
    peer_of(&no_socket).expect_err("no socket at all");
}

#[test]
fn a_peers_groups_are_those_of_its_thread_sorted() {
    if !takes_root("a_peers_groups_are_those_of_its_thread_sorted") {
        return;
    }
    let many: Vec<u32> = (50_000..50_100).collect();
    let Connected { peer, .. } = User::new(41_500, &many).connect();
    assert_eq!(*ids(peer.peer()), unix(41_500, 41_500, &many));
    let Connected { peer, .. } = User::new(41_500, &[41_601, 41_600, 41_601]).connect();
    assert_eq!(*ids(peer.peer()), unix(41_500, 41_500, &[41_600, 41_601]));
    let Connected { peer, .. } = User::new(41_500, &[]).connect();
    assert_eq!(*ids(peer.peer()), unix(41_500, 41_500, &[]));
}

#[test]
fn t19_a_peer_without_a_name_in_the_servers_user_namespace_is_never_acted_as() {
    const TEST: &str = "t19_a_peer_without_a_name_in_the_servers_user_namespace_is_never_acted_as";
    if part().is_some() {
        let connection = inherited();
        assert_eq!(*ids(connection.peer.peer()), unix(65_534, 65_534, &[65_534]));
        for settings in [ActAs::default(), ActAs::default().root(true).sandboxed(true)] {
            let refusal = connection.act_as(&settings, |_| unreachable!()).expect_err("refused");
            assert!(matches!(refusal, Error::IdentityRefused { .. }), "{refusal:?}");
        }
        return;
    }
    if takes_namespaces(TEST) {
        let mut users = User::new(41_500, &[41_600]).connect();
        let connection = users.client.take().expect("not yet passed on");
        let mut child = child_with(connection, &["unshare", "-U", "-r"], &path(TEST), "server");
        assert_passed(&child.output().expect("runs"));
    }
}

#[test]
fn t20_a_peer_outside_the_servers_pid_namespace_has_an_identity_and_no_pid() {
    const TEST: &str = "t20_a_peer_outside_the_servers_pid_namespace_has_an_identity_and_no_pid";
    if part().is_some() {
        let connection = inherited();
        let peer = connection.peer.peer();
        assert_eq!(*ids(peer), unix(41_500, 41_500, &[41_600]));
        assert_eq!(peer.pid(), None);
        assert_eq!(peer.to_string(), "uid 41500");
        assert_eq!(peer.executable(), None);
        assert_eq!(peer.confinement().user_namespace, Some(Namespace::Own), "by its pidfd");
        return connection.act(|_| ()).expect("a pid is not needed");
    }
    if takes_namespaces(TEST) {
        let mut users = User::new(41_500, &[41_600]).connect();
        let connection = users.client.take().expect("not yet passed on");
        let mut child = child_with(connection, &["unshare", "-p", "-f"], &path(TEST), "server");
        assert_passed(&child.output().expect("runs"));
    }
}

#[test]
fn t21_the_peers_process_is_known_by_a_descriptor_where_the_kernel_has_them() {
    const TEST: &str = "t21_the_peers_process_is_known_by_a_descriptor_where_the_kernel_has_them";
    let version = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("told");
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    let version: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version < (6, 5) {
        return skip(TEST, "takes Linux 6.5");
    }
    let connection = Connected::with_self();
    // Another option number would be refused as an unknown one is, and pass for an old kernel.
    let process = credentials::process_of_peer(connection.socket.as_fd()).expect("given");
    assert!(is_close_on_exec(process.as_fd()));
    assert!(crate::sys::process::is_alive(process.as_fd()));
    if version >= (6, 11) {
        let confinement = connection.peer.peer().confinement();
        assert_eq!(confinement.user_namespace, Some(Namespace::Own));
        assert_eq!(confinement.mount_namespace, Some(Namespace::Own));
    }
    if version >= (6, 13) {
        assert!(connection.peer.peer().confinement().cgroup.is_some());
    }
}

fn is_close_on_exec(descriptor: BorrowedFd<'_>) -> bool {
    rustix::io::fcntl_getfd(descriptor).expect("told").contains(rustix::io::FdFlags::CLOEXEC)
}

#[test]
fn the_facts_of_a_living_peer_are_told_and_those_of_one_that_has_ended_are_not() {
    const TEST: &str =
        "the_facts_of_a_living_peer_are_told_and_those_of_one_that_has_ended_are_not";
    if part().is_some() {
        return visit(part().as_deref() == Some("stays"));
    }
    let program = std::env::current_exe().expect("this program has a path");
    let living = Visitor::by(&[], &path(TEST), "stays");
    let peer = living.connection.peer.peer().clone();
    assert_eq!(peer.executable(), Some(program));
    assert!(peer.confinement().no_new_privileges.is_some());
    living.leave();
    assert_eq!(peer.executable(), None, "the connection is closed");

    let mut ended = Visitor::by(&[], &path(TEST), "ends");
    ended.wait();
    let peer = ended.connection.peer.peer();
    assert_eq!(ids(peer).uid, ids(&this_process().expect("known")).uid, "as it connected");
    assert_eq!(peer.executable(), None);
    assert_eq!(peer.confinement().user_namespace, None);
}

#[test]
fn t22_an_identity_is_that_of_the_moment_of_connecting() {
    if !takes_root("t22_an_identity_is_that_of_the_moment_of_connecting") {
        return;
    }
    let pair = User::new(41_500, &[]).run(|| {
        let pair = UnixStream::pair().expect("a socket pair");
        let other = rustix::process::Uid::from_raw(0);
        rustix::thread::set_thread_res_uid(None, other, None).expect("uid 0 is still its own");
        pair
    });
    let peer = peer_of(&Arc::new(pair.0.into())).expect("known");
    assert_eq!(ids(peer.peer()).uid, 41_500);
}

#[test]
fn t23_a_connection_that_was_handed_on_still_names_who_made_it() {
    const TEST: &str = "t23_a_connection_that_was_handed_on_still_names_who_made_it";
    if part().is_some() {
        let connection = inherited();
        assert_eq!(*ids(connection.peer.peer()), unix(41_500, 41_500, &[]));
        assert_ne!(connection.peer.peer().pid(), Some(std::process::id()));
        return;
    }
    if takes_root(TEST) {
        let mut users = User::new(41_500, &[]).connect();
        let connection = users.client.take().expect("not yet passed on");
        let mut child = child_with(connection, &["setpriv", "--"], &path(TEST), "another process");
        assert_passed(&child.output().expect("runs"));
    }
}

#[test]
fn t24_credentials_that_a_peer_sends_about_itself_change_nothing() {
    use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, UCred};
    let connection = Connected::with_self();
    let before = ids(connection.peer.peer()).clone();
    let forged = UCred {
        pid: rustix::process::getpid(),
        uid: rustix::process::Uid::from_raw(41_700),
        gid: rustix::process::Gid::from_raw(41_700),
    };
    let mut space = [std::mem::MaybeUninit::uninit(); 64];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    assert!(ancillary.push(SendAncillaryMessage::ScmCredentials(forged)));
    let client = connection.client.as_ref().expect("this process has it");
    let sent =
        rustix::net::sendmsg(client, &[io::IoSlice::new(b"!")], &mut ancillary, SendFlags::empty());
    if rustix::process::geteuid().is_root() {
        sent.expect("root may claim to be anybody");
    } else {
        assert_eq!(sent, Err(rustix::io::Errno::PERM));
    }
    let after = peer_of(&connection.socket).expect("known");
    assert_eq!(*ids(after.peer()), before);
}

/// The connection that the parent passed as standard input.
fn inherited() -> Connected {
    let socket = io::stdin().as_fd().try_clone_to_owned().expect("duplicated");
    Connected::from_socket(socket)
}

fn path(test: &str) -> String {
    format!("identity::tests::{test}")
}

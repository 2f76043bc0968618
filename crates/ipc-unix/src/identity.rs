//! Who is at the other end of a socket: a stand-in until the identity half is merged.

use std::os::fd::BorrowedFd;

use ipc_core::peer::{Assurance, UnixIdentity};
use ipc_core::{Identity, Peer, Result};

/// Whom the server acts as although it is refused by default.
#[derive(Clone, Debug, Default)]
pub struct ActAs {}

pub(crate) fn peer_of(socket: BorrowedFd<'_>) -> Result<Peer> {
    let credentials = rustix::net::sockopt::socket_peercred(socket)
        .map_err(|error| ipc_core::Error::IdentityUnknown { reason: error.to_string() })?;
    let ids =
        UnixIdentity { uid: credentials.uid.as_raw(), gid: credentials.gid.as_raw(), groups: None };
    Ok(Peer::new(Some(Identity::Unix(ids)), Assurance::Kernel)
        .with_pid(u32::try_from(credentials.pid.as_raw_nonzero().get()).ok()))
}

pub(crate) fn this_process() -> Result<Peer> {
    let ids = UnixIdentity {
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        groups: None,
    };
    Ok(Peer::this_process(Some(Identity::Unix(ids))))
}

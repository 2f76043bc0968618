//! Whether a client's rights can be judged at all, and by which token.

use ipc_core::peer::Assurance;
use ipc_core::{Error, Operation, Peer, Result};

use super::self_test;
use crate::switch::can_run_as_peer;
use crate::sys::token::Token;

/// How a client's rights are found out.
#[derive(Debug)]
pub(super) enum Standing<'a> {
    /// They are exactly this process's: the system's answer to this process is the one to the client.
    LikeThisProcess,
    /// They are judged, for this token.
    Judged(&'a Token),
}

/// How `client`'s rights are found out, if they can be.
pub(super) fn standing(client: &Peer) -> Result<Standing<'_>> {
    // Where a server is given its own token for its client's, everything would be let through.
    if !can_run_as_peer() || !self_test::passed() {
        return Err(Error::Unsupported { operation: Operation::Open });
    }
    if *client.assurance() == Assurance::SameProcess {
        return Ok(Standing::LikeThisProcess);
    }
    client.kept::<Token>().map(Standing::Judged).ok_or_else(|| {
        let reason = "its token, by which its rights are judged, is not known".to_owned();
        Error::IdentityUnknown { reason }
    })
}

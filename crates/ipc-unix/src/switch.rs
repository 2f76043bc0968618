//! Acting as the peer: a stand-in until the identity half is merged.

use ipc_core::{AsPeer, Error, ImpersonationLevel, Operation, Peer, Result};

use crate::identity::ActAs;

pub(crate) fn run_as_peer(
    _peer: &Peer,
    _level: Option<ImpersonationLevel>,
    _settings: &ActAs,
    _work: &mut dyn FnMut(&AsPeer),
) -> Result<()> {
    Err(Error::Unsupported { operation: Operation::RunAsPeer })
}

pub(crate) fn can_run_as_peer() -> bool {
    false
}

//! What happens to connections, told to whoever runs the server.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Failure};
use crate::peer::Peer;

/// Is told what the service does not see: who comes, who is refused, who breaks the protocol.
///
/// Called on workers, so it must return soon. Calls and their outcomes are the service's own
/// ([`Reply::when_done`](crate::service::Reply::when_done)).
pub trait Observer: fmt::Debug + Send + Sync {
    /// Policy has admitted a peer; `None` if nobody knows who it is.
    fn admitted(&self, peer: Option<&Peer>) {
        let _ = peer;
    }

    /// A peer is not served: policy has refused it or could not be asked, or its user has all the
    /// connections that one may have.
    fn refused(&self, peer: Option<&Peer>, why: &Failure) {
        let _ = (peer, why);
    }

    /// A peer broke the protocol or its time, and is being disconnected.
    fn failed(&self, peer: Option<&Peer>, error: &Error) {
        let _ = (peer, error);
    }

    /// The system would not let the listener accept; it is tried again soon.
    fn cannot_accept(&self, error: &Error) {
        let _ = error;
    }
}

/// For servers that keep a handle of their own on who is told.
impl<O: Observer> Observer for Arc<O> {
    fn admitted(&self, peer: Option<&Peer>) {
        (**self).admitted(peer);
    }

    fn refused(&self, peer: Option<&Peer>, why: &Failure) {
        (**self).refused(peer, why);
    }

    fn failed(&self, peer: Option<&Peer>, error: &Error) {
        (**self).failed(peer, error);
    }

    fn cannot_accept(&self, error: &Error) {
        (**self).cannot_accept(error);
    }
}

/// Tells nobody.
#[derive(Debug)]
pub(super) struct Nobody;

impl Observer for Nobody {}

//! By which mechanism a server opens files as its peers: what is asked for, and what it gets.

use std::fmt;

use crate::{request, switch};

/// By which mechanism [`open_as_peer`](ipc_core::Connection::open_as_peer) and
/// [`stat_as_peer`](ipc_core::Connection::stat_as_peer) get the peer's rights; see
/// [`UnixTransport::mechanism`](crate::UnixTransport::mechanism). The answers are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mechanism {
    /// Requests where they can be had, else the thread.
    #[default]
    Auto,
    /// The peer's credentials are registered with the kernel, which decides each open with them
    /// (`io_uring`): the thread stays what it is, at a fifth of the cost. Where that is not to be
    /// had, binding fails; where it fails later, so does the open. Each thread that opens files keeps
    /// one descriptor for it, until it ends.
    Request,
    /// The thread becomes the peer for each open. Nothing is tried that a strict filter of system
    /// calls could end the process for.
    Thread,
}

/// By which mechanism a server opens files as its peers, and why by no better one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpensBy {
    /// Each open is a request that the kernel decides with the peer's registered credentials. Only
    /// a connection's first on each thread is opened by that thread.
    Request,
    /// The thread becomes the peer for each open.
    Thread {
        /// Why there are no requests.
        why: String,
    },
    /// This process cannot become anybody else: it opens as itself, and only for peers with its own
    /// user and groups.
    Itself,
}

impl fmt::Display for OpensBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request => f.write_str("requests with registered credentials (io_uring)"),
            Self::Thread { why } => write!(f, "switching the thread ({why})"),
            Self::Itself => f.write_str("itself, for peers with its own user and groups"),
        }
    }
}

/// What the connections of a listener do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chosen {
    /// Open by the thread.
    Thread,
    /// Open by requests; where one fails, by the thread.
    Request,
    /// Open by requests only.
    RequestOnly,
}

impl Mechanism {
    /// What a server that binds now does, or why it cannot bind.
    pub(crate) fn opens_by(self) -> Result<OpensBy, &'static str> {
        let why = match self.choose()? {
            Chosen::Request | Chosen::RequestOnly => return Ok(OpensBy::Request),
            Chosen::Thread if !switch::can_become_others() => return Ok(OpensBy::Itself),
            Chosen::Thread if self == Self::Thread => "as it was asked for",
            Chosen::Thread => request::available().err().unwrap_or_default(),
        };
        Ok(OpensBy::Thread { why: why.to_owned() })
    }

    /// What this means here, or why it cannot be had.
    pub(crate) fn choose(self) -> Result<Chosen, &'static str> {
        match self {
            Self::Thread => Ok(Chosen::Thread),
            Self::Auto => Ok(request::available().map_or(Chosen::Thread, |()| Chosen::Request)),
            Self::Request => request::available().map(|()| Chosen::RequestOnly),
        }
    }
}

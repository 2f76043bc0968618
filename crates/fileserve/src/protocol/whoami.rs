//! What the server knows about its client, for the client.

use ipc_core::peer::{Assurance, Identity, Namespace};
use ipc_core::{ImpersonationLevel, Peer};
use serde::{Deserialize, Serialize};

/// What the server knows about the client that asks.
///
/// An account's name is not part of it: looking it up may take long (it may ask a network), and the
/// client can do so itself, with [`Peer::account_name`] of its own process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhoAmI {
    /// The client's user and groups.
    pub identity: WireIdentity,
    /// The client's process id as the server sees it.
    pub pid: Option<u32>,
    /// Who vouches for the identity: `kernel`, `same process`, `nobody`, or a protocol's name.
    pub assurance: String,
    /// How far the client lets the server act for it, as
    /// [`ImpersonationLevel::to_wire`]; `None` if nothing was stated.
    pub level: Option<u8>,
    /// Whether the server can act as the client.
    pub acting: Acting,
    /// Whether the client lives in another user namespace than the server (Linux).
    pub other_user_namespace: Option<bool>,
    /// Whether the client lives in another mount namespace than the server (Linux).
    pub other_mount_namespace: Option<bool>,
}

impl WhoAmI {
    /// What `peer` is, which granted `level`, to a server that can or cannot act as it.
    #[must_use]
    pub fn new(peer: &Peer, level: Option<ImpersonationLevel>, acting: Acting) -> Self {
        let confinement = peer.confinement();
        let is_other = |namespace: Option<Namespace>| namespace.map(|n| n == Namespace::Other);
        Self {
            identity: peer.identity().into(),
            pid: peer.pid(),
            assurance: match peer.assurance() {
                Assurance::Kernel => "kernel".to_owned(),
                Assurance::SameProcess => "same process".to_owned(),
                Assurance::Authenticated { by } => by.clone(),
                _ => "nobody".to_owned(),
            },
            level: level.map(ImpersonationLevel::to_wire),
            acting,
            other_user_namespace: is_other(confinement.user_namespace),
            other_mount_namespace: is_other(confinement.mount_namespace),
        }
    }

    /// The level that the client granted, where it was stated and is known to this version.
    #[must_use]
    pub fn level(&self) -> Option<ImpersonationLevel> {
        self.level.and_then(ImpersonationLevel::from_wire)
    }
}

/// Whether a server can act as its client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Acting {
    /// It can: it just did.
    Can,
    /// It cannot.
    Cannot {
        /// Why.
        reason: String,
    },
}

/// A user and its groups, as they travel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WireIdentity {
    /// Nobody knows.
    Unknown,
    /// The ids of a Unix process.
    Unix {
        /// The effective user id.
        uid: u32,
        /// The effective group id.
        gid: u32,
        /// The supplementary groups, where all of them are known.
        groups: Option<Vec<u32>>,
    },
    /// The facts of a Windows token.
    Windows {
        /// The user's security identifier.
        user: String,
        /// The security identifiers of the groups that count for access.
        groups: Vec<String>,
        /// Whether the token is elevated.
        elevated: Option<bool>,
        /// The integrity level's relative id.
        integrity: Option<u32>,
    },
}

impl From<Option<&Identity>> for WireIdentity {
    fn from(identity: Option<&Identity>) -> Self {
        match identity {
            Some(Identity::Unix(ids)) => {
                Self::Unix { uid: ids.uid, gid: ids.gid, groups: ids.groups.clone() }
            }
            Some(Identity::Windows(token)) => Self::Windows {
                user: token.user.to_string(),
                groups: token
                    .groups
                    .iter()
                    .filter(|group| group.enabled)
                    .map(|group| group.sid.to_string())
                    .collect(),
                elevated: token.elevated,
                integrity: token.integrity,
            },
            _ => Self::Unknown,
        }
    }
}

//! Who is calling, as the operating system vouches for it.

use std::any::Any;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::files::Escaped;

mod sid;
mod windows;

pub use windows::{WindowsGroup, WindowsIdentity};

/// The process at the other end of a connection.
///
/// The facts are those of the moment the peer connected; what it changed since is not visible, and
/// a connection that was handed to another process still carries them. A fact that is not known is
/// `None`, and a [`Policy`](crate::Policy) over it refuses.
#[derive(Clone, Debug)]
pub struct Peer {
    identity: Option<Identity>,
    pid: Option<u32>,
    assurance: Assurance,
    facts: Option<Arc<dyn PeerFacts>>,
}

impl Peer {
    /// A peer whose identity is vouched for as `assurance` says. For transport authors.
    #[must_use]
    pub fn new(identity: Option<Identity>, assurance: Assurance) -> Self {
        Self { identity, pid: None, assurance, facts: None }
    }

    /// This very process. Acting as it is no change of identity, so every transport can do that.
    #[must_use]
    pub fn this_process(identity: Option<Identity>) -> Self {
        Self::new(identity, Assurance::SameProcess).with_pid(Some(std::process::id()))
    }

    /// Adds the process id, as seen by this process.
    #[must_use]
    pub fn with_pid(mut self, pid: Option<u32>) -> Self {
        self.pid = pid;
        self
    }

    /// Adds the facts that cost more and are looked up when asked for.
    #[must_use]
    pub fn with_facts(mut self, facts: Arc<dyn PeerFacts>) -> Self {
        self.facts = Some(facts);
        self
    }

    /// Who the peer is: user and groups.
    #[must_use]
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// Who vouches for the identity.
    #[must_use]
    pub fn assurance(&self) -> &Assurance {
        &self.assurance
    }

    /// The process id. For people and logs only: ids are reused, so nothing may be decided on it.
    /// `None` for a process outside this one's pid namespace (Linux).
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// The account's name, looked up now. An id without an account has none.
    ///
    /// # Blocking
    /// Asks the system's account database, which may ask a network. Never call it while acting as
    /// a peer.
    #[must_use]
    pub fn account_name(&self) -> Option<String> {
        self.facts.as_ref()?.account_name()
    }

    /// The program that the peer runs, where this process may know. For people and logs only.
    #[must_use]
    pub fn executable(&self) -> Option<PathBuf> {
        self.facts.as_ref()?.executable()
    }

    /// What confines the peer beyond its user and groups.
    #[must_use]
    pub fn confinement(&self) -> Confinement {
        self.facts.as_ref().map_or_else(Confinement::default, |facts| facts.confinement())
    }

    /// What the transport keeps of the peer, if that is a `T`: see [`PeerFacts::kept`].
    #[must_use]
    pub fn kept<T: Any>(&self) -> Option<&T> {
        self.facts.as_ref()?.kept()?.downcast_ref()
    }
}

/// `uid 1000 (pid 4711)`, or `an unknown peer`.
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.identity {
            Some(identity) => identity.fmt(f)?,
            None => f.write_str("an unknown peer")?,
        }
        self.pid.map_or(Ok(()), |pid| write!(f, " (pid {pid})"))
    }
}

/// The facts about a peer that are looked up on demand. Implemented by transports.
pub trait PeerFacts: fmt::Debug + Send + Sync {
    /// See [`Peer::account_name`].
    fn account_name(&self) -> Option<String>;
    /// See [`Peer::executable`].
    fn executable(&self) -> Option<PathBuf>;
    /// See [`Peer::confinement`].
    fn confinement(&self) -> Confinement;

    /// What a transport keeps of the peer for the [`Root`](crate::files::Root) of its own system,
    /// where that judges by more than the identity says, such as a token. Default: nothing.
    fn kept(&self) -> Option<&dyn Any> {
        None
    }
}

/// A user and its groups, as one of the two families of systems knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identity {
    /// A Unix process: numeric ids.
    Unix(UnixIdentity),
    /// A Windows token: security identifiers.
    Windows(WindowsIdentity),
}

impl Identity {
    /// The Unix ids, if this is a Unix identity.
    #[must_use]
    pub fn as_unix(&self) -> Option<&UnixIdentity> {
        match self {
            Self::Unix(identity) => Some(identity),
            Self::Windows(_) => None,
        }
    }

    /// The Windows token's facts, if this is a Windows identity.
    #[must_use]
    pub fn as_windows(&self) -> Option<&WindowsIdentity> {
        match self {
            Self::Windows(identity) => Some(identity),
            Self::Unix(_) => None,
        }
    }

    /// `true` if both are the same user, whatever their groups. A user that counts only where it
    /// denies is the same as none.
    #[must_use]
    pub fn is_same_user(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unix(a), Self::Unix(b)) => a.uid == b.uid,
            (Self::Windows(a), Self::Windows(b)) => {
                a.user == b.user && !a.user_deny_only && !b.user_deny_only
            }
            _ => false,
        }
    }

    /// `true` if both are the same user with the same groups, as far as files tell users apart: how
    /// far a token goes, and in which session it was made, do not count. Groups that count in no
    /// decision are not compared, for a client may leave them at home; those that are not known are
    /// the same as none.
    #[must_use]
    pub fn is_alike(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unix(a), Self::Unix(b)) => a == b && a.groups.is_some(),
            (Self::Windows(a), Self::Windows(b)) => a.is_alike(b),
            _ => false,
        }
    }

    /// `true` for the system itself: uid 0, or `SYSTEM` and members of `Administrators`.
    #[must_use]
    pub fn is_system(&self) -> bool {
        match self {
            Self::Unix(identity) => identity.uid == 0,
            Self::Windows(identity) => {
                identity.has(Sid::SYSTEM) || identity.has(Sid::ADMINISTRATORS)
            }
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(identity) => write!(f, "uid {}", identity.uid),
            Self::Windows(identity) => match &identity.account {
                Some(account) => f.write_str(account),
                None => identity.user.fmt(f),
            },
        }
    }
}

/// The ids of a Unix process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixIdentity {
    /// The effective user id.
    pub uid: u32,
    /// The effective group id.
    pub gid: u32,
    /// The supplementary groups, sorted and without repetitions; `None` where the system does not
    /// tell them, or not all of them.
    pub groups: Option<Vec<u32>>,
}

impl UnixIdentity {
    /// `Some(true)` if `gid` is among the process's groups; `None` if that is not known.
    #[must_use]
    pub fn is_member_of(&self, gid: u32) -> Option<bool> {
        if self.gid == gid {
            return Some(true);
        }
        self.groups.as_ref().map(|groups| groups.binary_search(&gid).is_ok())
    }
}

/// A Windows security identifier in its text form: `S-1-5-18`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sid(String);

impl Sid {
    /// The local system. Source: Microsoft, "Well-known SIDs".
    pub const SYSTEM: &'static str = "S-1-5-18";
    /// The built-in administrators. Source: Microsoft, "Well-known SIDs".
    pub const ADMINISTRATORS: &'static str = "S-1-5-32-544";

    /// The identifier with that text, which is not checked. [`parse`](str::parse) checks it.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// As a person may write it: with a small `s`, or zeros before numbers.
impl FromStr for Sid {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        sid::normal(text).map(Self).ok_or_else(|| Error::InvalidInput {
            reason: format!(
                "`{}` is no security identifier, which is `S-1-`, an authority and 1 to 15 numbers, \
                 like S-1-5-32-544",
                Escaped(text.as_bytes())
            ),
        })
    }
}

/// Who vouches for a peer's identity.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Assurance {
    /// The kernel of this machine.
    Kernel,
    /// A network protocol, by the named means.
    Authenticated {
        /// Which: `smb`, `ssh`, `tls`.
        by: String,
    },
    /// The peer is this process.
    SameProcess,
    /// Nobody.
    None,
}

/// What confines a peer beyond its user and groups. `None` means: not known, or not on this system.
///
/// Landlock and seccomp are invisible from outside on Linux and so appear nowhere here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Confinement {
    /// Whether the peer's user namespace is this process's (Linux).
    pub user_namespace: Option<Namespace>,
    /// Whether the peer's mount namespace is this process's (Linux).
    pub mount_namespace: Option<Namespace>,
    /// The peer's control group id (Linux).
    pub cgroup: Option<u64>,
    /// Whether the peer has given up gaining privileges by exec (Linux).
    pub no_new_privileges: Option<bool>,
    /// The security module's label of the peer.
    pub label: Option<String>,
}

/// A namespace, compared with this process's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// The same one.
    Own,
    /// Another one.
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unix(gid: u32, groups: Option<Vec<u32>>) -> UnixIdentity {
        UnixIdentity { uid: 7, gid, groups }
    }

    #[test]
    fn membership_is_unknown_only_where_the_groups_are() {
        assert_eq!(unix(5, Some(vec![6, 8])).is_member_of(8), Some(true));
        assert_eq!(unix(5, Some(vec![6, 8])).is_member_of(7), Some(false));
        assert_eq!(unix(5, None).is_member_of(5), Some(true));
        assert_eq!(unix(5, None).is_member_of(6), None);
    }

    #[test]
    fn who_has_other_groups_or_unknown_ones_is_not_alike() {
        let alike = |a: &UnixIdentity, b: &UnixIdentity| {
            Identity::Unix(a.clone()).is_alike(&Identity::Unix(b.clone()))
        };
        assert!(alike(&unix(5, Some(vec![6])), &unix(5, Some(vec![6]))));
        assert!(!alike(&unix(5, Some(vec![6])), &unix(5, Some(vec![6, 7]))));
        assert!(!alike(&unix(5, Some(vec![6])), &unix(6, Some(vec![6]))));
        assert!(!alike(&unix(5, None), &unix(5, None)));
    }
}

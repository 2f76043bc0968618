//! Who may connect, and whom a client talks to.

use std::fmt;
use std::ops::Not;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::peer::{Assurance, Peer, Sid};

mod grammar;
mod term;

use term::Term;

/// Decides about a [`Peer`]: a server's about its clients, a client's about its server.
///
/// A policy has a text, which the command line, the library and every refusal share:
///
/// | text | admits |
/// |---|---|
/// | `any` | everybody, known or not |
/// | `same-user` | the user of this process |
/// | `same-process` | this very process |
/// | `system` | uid 0; `SYSTEM` and administrators |
/// | `root`, `uid:1000` | uid 0; that user (Unix) |
/// | `gid:100` | a member of that group (Unix) |
/// | `user:alice`, `group:staff` | that user; a member of that group: by a name, which [`resolve`](Self::resolve) looks up |
/// | `sandboxed` | who lives in another user namespace (Linux) |
/// | `other-mount-namespace` | who sees other files under the same names (Linux) |
/// | `sid:S-1-5-32-545` | that user, or an enabled member of that group (Windows) |
/// | `admins` | an enabled member of `Administrators` (Windows) |
/// | `not a` | whom `a` does not admit, and only if that is known |
/// | `a and b` | whom both admit |
/// | `a or b` | whom either admits |
///
/// `not` binds closest and `or` least; parentheses group. A name with white space or parentheses is
/// put in quotation marks: `user:"Jane Doe"`. What is read has at most 1024 words, each of at most
/// 256 bytes, and 32 levels of parentheses and `not`.
///
/// # Facts that are not known
/// They admit nobody: not by the term that asks for them, and not by its opposite. So each term is
/// true, false or unknown; `not` leaves unknown what is unknown; `and` and `or` are known where one
/// side alone decides; and only what is true admits. A user or a group that counts only where it
/// denies (Windows), and a name that was not resolved, are unknown in this sense, and so is whatever
/// the peer's system has not got. `not same-process` admits nobody, for no kernel tells that.
///
/// # Examples
/// ```
/// use ipc_core::{Identity, Peer, Policy, peer::{Assurance, UnixIdentity}};
///
/// let someone = |uid| {
///     let ids = UnixIdentity { uid, gid: uid, groups: None };
///     Peer::new(Some(Identity::Unix(ids)), Assurance::Kernel)
/// };
/// let policy = Policy::same_user().or("uid:7".parse()?);
/// assert!(policy.decide(&someone(7), &someone(0)).is_ok());
/// let refusal = policy.decide(&someone(8), &someone(0)).unwrap_err();
/// assert_eq!(refusal.to_string(), "refused by policy: uid 8 is not admitted by `same-user or uid:7`");
///
/// let policy: Policy = "any and not gid:100".parse()?;
/// assert!(policy.decide(&someone(8), &someone(0)).is_err(), "its groups are not known");
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy(Term);

impl Policy {
    /// Admits everybody, known or not.
    #[must_use]
    pub const fn any() -> Self {
        Self(Term::Any)
    }

    /// Admits the user that this process runs as.
    #[must_use]
    pub const fn same_user() -> Self {
        Self(Term::SameUser)
    }

    /// Admits the system itself: uid 0; `SYSTEM` and members of `Administrators`.
    #[must_use]
    pub const fn system() -> Self {
        Self(Term::System)
    }

    /// Admits this very process.
    #[must_use]
    pub const fn same_process() -> Self {
        Self(Term::SameProcess)
    }

    /// Admits uid 0 (Unix).
    #[must_use]
    pub const fn root() -> Self {
        Self(Term::Root)
    }

    /// Admits the Unix user `uid`.
    #[must_use]
    pub const fn uid(uid: u32) -> Self {
        Self(Term::Uid(uid))
    }

    /// Admits members of the Unix group `gid`.
    #[must_use]
    pub const fn gid(gid: u32) -> Self {
        Self(Term::Gid(gid))
    }

    /// Admits who lives in another user namespace than this process
    /// ([`Confinement::user_namespace`](crate::peer::Confinement::user_namespace)).
    #[must_use]
    pub const fn sandboxed() -> Self {
        Self(Term::Sandboxed)
    }

    /// Admits who lives in another mount namespace than this process
    /// ([`Confinement::mount_namespace`](crate::peer::Confinement::mount_namespace)).
    #[must_use]
    pub const fn other_mount_namespace() -> Self {
        Self(Term::OtherMountNamespace)
    }

    /// Admits the Windows user `sid`, and members of the group `sid`. Membership that counts only
    /// where it denies is none.
    #[must_use]
    pub const fn sid(sid: Sid) -> Self {
        Self(Term::Sid(sid))
    }

    /// Admits members of the Windows group `Administrators` whose token is elevated: one that is not
    /// has the group only to deny.
    #[must_use]
    pub const fn admins() -> Self {
        Self(Term::Admins)
    }

    /// The Windows user or group that this names, if it does that and no more.
    #[must_use]
    pub const fn as_sid(&self) -> Option<&Sid> {
        match &self.0 {
            Term::Sid(sid) => Some(sid),
            _ => None,
        }
    }

    /// Admits whomever either admits.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0.or(other.0))
    }

    /// Admits whomever both admit. With `!`, which is `not`, it takes away:
    /// `Policy::any().and(!Policy::sandboxed())`.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0.and(other.0))
    }

    /// The same with an id in place of each name. A policy with names that were never looked up
    /// admits nobody by them, nor by their opposites.
    ///
    /// # Errors
    /// What `accounts` says of a name that it does not find.
    ///
    /// # Blocking
    /// Looks names up, which may ask a network: once, before the policy is used.
    pub fn resolve(self, accounts: &dyn Accounts) -> Result<Self> {
        self.0.resolve(accounts).map(Self)
    }

    /// Decides about `peer`; `own` is this process
    /// ([`Transport::this_process`](crate::Transport::this_process)).
    ///
    /// # Errors
    /// [`Error::Refused`] with the peer and the policy; a fact that is not known refuses.
    pub fn decide(&self, peer: &Peer, own: &Peer) -> Result<()> {
        let answer = self.0.admits(peer, own);
        if answer == Some(true) {
            tracing::debug!(%peer, policy = %self, "admitted by policy");
            return Ok(());
        }
        let is_known = answer.is_some();
        tracing::info!(%peer, policy = %self, is_known, "refused by policy");
        let why = if is_known { "" } else { ": not all that it asks for is known" };
        Err(Error::Refused { reason: format!("{} is not admitted by `{self}`{why}", Who(peer)) })
    }

    /// `true` if the decision can be made before it is known who the peer is.
    #[must_use]
    pub fn admits_unknown(&self) -> bool {
        let unknown = Peer::new(None, Assurance::None);
        self.0.admits(&unknown, &unknown) == Some(true)
    }

    /// Single terms, one of which admits whomever this admits; `None` if it may be anybody. For who
    /// protects an endpoint: those must be let in, so that the policy can decide about them.
    ///
    /// # Examples
    /// ```
    /// # use ipc_core::Policy;
    /// let policy: Policy = "(uid:5 or uid:6) and not sandboxed".parse()?;
    /// assert_eq!(policy.candidates(), Some(vec![Policy::uid(5), Policy::uid(6)]));
    /// assert_eq!("not uid:5".parse::<Policy>()?.candidates(), None);
    /// # Ok::<(), ipc_core::Error>(())
    /// ```
    #[must_use]
    pub fn candidates(&self) -> Option<Vec<Self>> {
        Some(self.0.candidates()?.into_iter().cloned().map(Self).collect())
    }

    /// `true` if the single term `term` stands in this policy where it admits: under no `not`, or
    /// under two.
    #[must_use]
    pub fn names(&self, term: &Self) -> bool {
        self.0.names(&term.0, true)
    }
}

/// Looks up the users and groups that a policy names. The crates of transports have one for their
/// system.
pub trait Accounts {
    /// The policy that admits the user of that name.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] if there is none; what the system said if it could not be found out.
    fn user(&self, name: &str) -> Result<Policy>;

    /// The policy that admits the members of the group of that name.
    ///
    /// # Errors
    /// As for [`user`](Self::user).
    fn group(&self, name: &str) -> Result<Policy>;
}

/// Admits whom the policy is known not to admit.
impl Not for Policy {
    type Output = Self;

    fn not(self) -> Self {
        Self(Term::Not(Box::new(self.0)))
    }
}

/// A text that is read as the same policy, if it is within the limits of what is read.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Policy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        grammar::parse(text).map(Self)
    }
}

/// The peer without its pid, which decides nothing.
struct Who<'a>(&'a Peer);

impl fmt::Display for Who<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.identity() {
            Some(identity) => identity.fmt(f),
            None => f.write_str("a peer of unknown identity"),
        }
    }
}

#[cfg(test)]
mod tests;

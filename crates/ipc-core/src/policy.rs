//! Who may connect, and whom a client talks to.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::files::Escaped;
use crate::peer::{Assurance, Identity, Peer, Sid};

/// Decides about a [`Peer`]: a server's about its clients, a client's about its server.
///
/// A fact that a term needs and that is not known refuses. Terms have a text form, used by the
/// command line and in every refusal:
///
/// | text | admits |
/// |---|---|
/// | `any` | everybody, known or not |
/// | `same-user` | the user of this process |
/// | `system` | uid 0; `SYSTEM` and administrators |
/// | `uid:1000`, `gid:100` | that user; a member of that group (Unix) |
/// | `sid:S-1-5-32-545` | that user, or an enabled member of that group (Windows) |
/// | `admins` | an enabled member of `Administrators` (Windows) |
/// | `same-process` | this very process |
///
/// # Examples
/// ```
/// use ipc_core::{Identity, Peer, Policy, peer::{Assurance, UnixIdentity}};
///
/// let someone = |uid| {
///     let ids = UnixIdentity { uid, gid: uid, groups: Some(vec![]) };
///     Peer::new(Some(Identity::Unix(ids)), Assurance::Kernel)
/// };
/// let policy = Policy::same_user().or("uid:7".parse()?);
/// assert!(policy.decide(&someone(7), &someone(0)).is_ok());
/// let refusal = policy.decide(&someone(8), &someone(0)).unwrap_err();
/// assert_eq!(refusal.to_string(), "refused by policy: uid 8 is not admitted by `same-user or uid:7`");
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

    /// The Windows user or group that this names, if it does that and no more: whom the list of a
    /// pipe has to let in, so that this policy can decide.
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
        Self(Term::AnyOf(Box::new(self.0), Box::new(other.0)))
    }

    /// Admits whomever both admit.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(Term::AllOf(Box::new(self.0), Box::new(other.0)))
    }

    /// Decides about `peer`; `own` is this process
    /// ([`Transport::this_process`](crate::Transport::this_process)).
    ///
    /// # Errors
    /// [`Error::Refused`] with the peer and the policy; a fact that is not known refuses.
    pub fn decide(&self, peer: &Peer, own: &Peer) -> Result<()> {
        if self.0.admits(peer, own) {
            tracing::debug!(%peer, policy = %self, "admitted by policy");
            return Ok(());
        }
        tracing::info!(%peer, policy = %self, "refused by policy");
        Err(Error::Refused { reason: format!("{} is not admitted by `{self}`", Who(peer)) })
    }

    /// `true` if the decision can be made before it is known who the peer is.
    #[must_use]
    pub fn admits_unknown(&self) -> bool {
        let unknown = Peer::new(None, Assurance::None);
        self.0.admits(&unknown, &unknown)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One term; terms are combined in code, with [`or`](Policy::or) and [`and`](Policy::and).
impl FromStr for Policy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let term = match text.split_once(':') {
            None => match text {
                "any" => Some(Term::Any),
                "same-user" => Some(Term::SameUser),
                "system" => Some(Term::System),
                "same-process" => Some(Term::SameProcess),
                "admins" => Some(Term::Admins),
                _ => None,
            },
            Some(("uid", id)) => id.parse().ok().map(Term::Uid),
            Some(("gid", id)) => id.parse().ok().map(Term::Gid),
            Some(("sid", sid)) => return sid.parse().map(Self::sid),
            Some(_) => None,
        };
        term.map(Self).ok_or_else(|| Error::InvalidInput {
            reason: format!(
                "`{}` is no policy term; one of any, same-user, system, uid:N, gid:N, \
                 sid:S-1-…, admins, same-process",
                Escaped(text.as_bytes())
            ),
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    Any,
    SameUser,
    System,
    SameProcess,
    Uid(u32),
    Gid(u32),
    Sid(Sid),
    Admins,
    AnyOf(Box<Term>, Box<Term>),
    AllOf(Box<Term>, Box<Term>),
}

impl Term {
    fn admits(&self, peer: &Peer, own: &Peer) -> bool {
        let identity = || match peer.assurance() {
            Assurance::None => None,
            _ => peer.identity(),
        };
        let unix = || identity().and_then(Identity::as_unix);
        let windows = || identity().and_then(Identity::as_windows);
        match self {
            Self::Any => true,
            Self::SameUser => match (identity(), own.identity()) {
                (Some(peer), Some(own)) => peer.is_same_user(own),
                _ => *peer.assurance() == Assurance::SameProcess,
            },
            Self::System => identity().is_some_and(Identity::is_system),
            Self::SameProcess => *peer.assurance() == Assurance::SameProcess,
            Self::Uid(uid) => unix().is_some_and(|ids| ids.uid == *uid),
            Self::Gid(gid) => unix().is_some_and(|ids| ids.is_member_of(*gid) == Some(true)),
            Self::Sid(sid) => windows().is_some_and(|token| token.has(sid.as_str())),
            Self::Admins => windows().is_some_and(|token| token.has(Sid::ADMINISTRATORS)),
            Self::AnyOf(a, b) => a.admits(peer, own) || b.admits(peer, own),
            Self::AllOf(a, b) => a.admits(peer, own) && b.admits(peer, own),
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::SameUser => f.write_str("same-user"),
            Self::System => f.write_str("system"),
            Self::SameProcess => f.write_str("same-process"),
            Self::Uid(uid) => write!(f, "uid:{uid}"),
            Self::Gid(gid) => write!(f, "gid:{gid}"),
            Self::Sid(sid) => write!(f, "sid:{sid}"),
            Self::Admins => f.write_str("admins"),
            Self::AnyOf(a, b) => write!(f, "{a} or {b}"),
            Self::AllOf(a, b) => write!(f, "({a}) and ({b})"),
        }
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
mod tests {
    use super::*;
    use crate::level::ImpersonationLevel;
    use crate::peer::{UnixIdentity, WindowsGroup, WindowsIdentity};

    fn unix(uid: u32, groups: Option<Vec<u32>>) -> Peer {
        Peer::new(Some(Identity::Unix(UnixIdentity { uid, gid: uid, groups })), Assurance::Kernel)
    }

    /// A token of that user, with that group.
    fn windows(user: &str, group: &str, enabled: bool) -> WindowsIdentity {
        let sid = Sid::new(group);
        WindowsIdentity {
            user: Sid::new(user),
            user_deny_only: false,
            account: None,
            groups: vec![WindowsGroup { sid, enabled, deny_only: !enabled }],
            integrity: None,
            session: None,
            elevated: None,
            logon: None,
            level: ImpersonationLevel::Identification,
        }
    }

    fn with_token(token: WindowsIdentity) -> Peer {
        Peer::new(Some(Identity::Windows(token)), Assurance::Kernel)
    }

    fn admits(policy: &str, peer: &Peer) -> bool {
        let policy: Policy = policy.parse().expect(policy);
        policy.decide(peer, &unix(1000, Some(vec![]))).is_ok()
    }

    #[test]
    fn each_term_admits_whom_it_names() {
        assert!(admits("same-user", &unix(1000, None)));
        assert!(!admits("same-user", &unix(1001, None)));
        assert!(admits("system", &unix(0, None)));
        assert!(!admits("system", &unix(1000, None)));
        assert!(admits("uid:5", &unix(5, None)));
        assert!(!admits("uid:5", &unix(6, None)));
        assert!(admits("gid:100", &unix(5, Some(vec![100]))));
        assert!(!admits("gid:100", &unix(5, Some(vec![101]))));
        assert!(!admits("same-process", &unix(1000, None)));
    }

    #[test]
    fn t16_a_windows_membership_counts_only_where_it_grants() {
        const ALICE: &str = "S-1-5-21-1-2-3-1001";
        let admits =
            |policy: &str, token: &WindowsIdentity| admits(policy, &with_token(token.clone()));
        let elevated = windows(ALICE, Sid::ADMINISTRATORS, true);
        let restricted = windows(ALICE, Sid::ADMINISTRATORS, false);
        for term in ["admins", "system", "sid:S-1-5-32-544"] {
            assert!(admits(term, &elevated), "{term}");
            assert!(!admits(term, &restricted), "{term}");
        }
        assert!(admits("sid:s-1-5-21-1-2-3-1001", &restricted));
        assert!(!admits("sid:S-1-5-21-1-2-3-1002", &elevated));
        assert!(!admits("uid:0", &elevated));
        let nobody = WindowsIdentity { user_deny_only: true, ..restricted };
        assert!(!admits("sid:S-1-5-21-1-2-3-1001", &nobody));
        let own = with_token(windows(ALICE, "S-1-1-0", true));
        assert!(Policy::same_user().decide(&with_token(elevated), &own).is_ok());
        assert!(Policy::same_user().decide(&with_token(nobody), &own).is_err());
        let service = windows(Sid::SYSTEM, "S-1-1-0", true);
        assert!(admits("system", &service) && !admits("admins", &service));
        let owned_by_administrators = windows(Sid::ADMINISTRATORS, "S-1-1-0", true);
        assert!(
            admits("system", &owned_by_administrators),
            "the owner of an elevated server's pipe"
        );
    }

    #[test]
    fn an_absent_fact_refuses() {
        assert!(!admits("gid:100", &unix(5, None)), "groups are not known");
        let unknown = Peer::new(None, Assurance::Kernel);
        let unvouched = Peer::new(unix(1000, None).identity().cloned(), Assurance::None);
        let terms = [
            "same-user",
            "system",
            "uid:1000",
            "gid:1000",
            "sid:S-1-1-0",
            "admins",
            "same-process",
        ];
        for term in terms {
            assert!(!admits(term, &unknown), "{term}");
            assert!(!admits(term, &unvouched), "{term}");
        }
        assert!(admits("any", &unknown));
        assert!(Policy::any().admits_unknown());
        assert!(!Policy::same_user().admits_unknown());
    }

    #[test]
    fn terms_combine_and_their_text_names_them() {
        let policy = Policy::uid(5).or(Policy::uid(6)).and(Policy::gid(7));
        let own = unix(0, None);
        assert!(policy.decide(&unix(6, Some(vec![7])), &own).is_ok());
        assert!(policy.decide(&unix(6, Some(vec![8])), &own).is_err());
        assert_eq!(policy.to_string(), "(uid:5 or uid:6) and (gid:7)");
        let terms = ["any", "same-user", "system", "same-process", "uid:5", "gid:7", "admins"];
        for text in terms.into_iter().chain(["sid:S-1-5-32-544"]) {
            assert_eq!(text.parse::<Policy>().expect(text).to_string(), text);
        }
        for text in
            ["", "uid:", "uid:-1", "uid:4294967296", "user:alice", "root ", "sid:", "sid:me"]
        {
            assert!(text.parse::<Policy>().is_err(), "{text:?}");
        }
        let error = "it's\n".parse::<Policy>().expect_err("no term").to_string();
        assert!(error.starts_with(r"`it's\n` is no policy term"), "{error}");
    }
}

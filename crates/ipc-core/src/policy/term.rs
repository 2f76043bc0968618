//! The terms of a policy, and what they say of a peer.
//!
//! An answer is `Some(true)`, `Some(false)`, or `None` where a fact that decides is not known.

use std::fmt;

use super::Accounts;
use crate::error::Result;
use crate::peer::{
    Assurance, Confinement, Identity, Namespace, Peer, Sid, UnixIdentity, WindowsIdentity,
};

/// Lists have at least two terms and no list of their own kind among them, so that terms that mean
/// the same way of joining are equal, and a long list is not deep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Term {
    Any,
    SameUser,
    SameProcess,
    System,
    Root,
    Uid(u32),
    Gid(u32),
    User(String),
    Group(String),
    Sandboxed,
    OtherMountNamespace,
    Sid(Sid),
    Admins,
    Not(Box<Term>),
    AllOf(Vec<Term>),
    AnyOf(Vec<Term>),
}

impl Term {
    pub(super) fn or(self, other: Self) -> Self {
        let terms = |term| match term {
            Self::AnyOf(terms) => terms,
            term => vec![term],
        };
        let mut all = terms(self);
        all.extend(terms(other));
        Self::AnyOf(all)
    }

    pub(super) fn and(self, other: Self) -> Self {
        let terms = |term| match term {
            Self::AllOf(terms) => terms,
            term => vec![term],
        };
        let mut all = terms(self);
        all.extend(terms(other));
        Self::AllOf(all)
    }

    pub(super) fn admits(&self, peer: &Peer, own: &Peer) -> Option<bool> {
        let each = |term: &Self| term.admits(peer, own);
        match self {
            Self::Any => Some(true),
            Self::SameUser => is_same_user(peer, own),
            Self::SameProcess => (*peer.assurance() == Assurance::SameProcess).then_some(true),
            Self::System => match identity(peer)? {
                Identity::Unix(ids) => Some(ids.uid == 0),
                Identity::Windows(token) => {
                    one_is_true([Sid::SYSTEM, Sid::ADMINISTRATORS].map(|sid| has(token, sid)))
                }
            },
            Self::Root => Some(unix(peer)?.uid == 0),
            Self::Uid(uid) => Some(unix(peer)?.uid == *uid),
            Self::Gid(gid) => unix(peer)?.is_member_of(*gid),
            Self::User(_) | Self::Group(_) => None,
            Self::Sandboxed => is_elsewhere(peer, |confinement| confinement.user_namespace),
            Self::OtherMountNamespace => {
                is_elsewhere(peer, |confinement| confinement.mount_namespace)
            }
            Self::Sid(sid) => has(windows(peer)?, sid.as_str()),
            Self::Admins => has(windows(peer)?, Sid::ADMINISTRATORS),
            Self::Not(term) => opposite(each(term)),
            Self::AllOf(terms) => {
                opposite(one_is_true(terms.iter().map(|term| opposite(each(term)))))
            }
            Self::AnyOf(terms) => one_is_true(terms.iter().map(each)),
        }
    }

    /// Single terms, one of which holds for whomever this admits; `None` if none must.
    pub(super) fn candidates(&self) -> Option<Vec<&Self>> {
        match self {
            Self::Any | Self::Not(_) => None,
            // Whoever is admitted satisfies each of them, so the first that is known will do.
            Self::AllOf(terms) => terms.iter().find_map(Self::candidates),
            Self::AnyOf(terms) => {
                let of_each: Option<Vec<_>> = terms.iter().map(Self::candidates).collect();
                Some(of_each?.concat())
            }
            term => Some(vec![term]),
        }
    }

    /// Whether `wanted` stands in a place where what is true is `admitting`.
    pub(super) fn names(&self, wanted: &Self, admitting: bool) -> bool {
        match self {
            Self::Not(term) => term.names(wanted, !admitting),
            Self::AllOf(terms) | Self::AnyOf(terms) => {
                terms.iter().any(|term| term.names(wanted, admitting))
            }
            term => admitting && term == wanted,
        }
    }

    pub(super) fn resolve(self, accounts: &dyn Accounts) -> Result<Self> {
        let all = |terms: Vec<Self>| -> Result<Vec<Self>> {
            terms.into_iter().map(|term| term.resolve(accounts)).collect()
        };
        Ok(match self {
            Self::User(name) => accounts.user(&name)?.0,
            Self::Group(name) => accounts.group(&name)?.0,
            Self::Not(term) => Self::Not(Box::new(term.resolve(accounts)?)),
            Self::AllOf(terms) => Self::AllOf(all(terms)?),
            Self::AnyOf(terms) => Self::AnyOf(all(terms)?),
            term => term,
        })
    }
}

/// `true` if one is, whatever is not known of the others.
fn one_is_true(answers: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    let mut answer = Some(false);
    for one in answers {
        match one {
            Some(true) => return one,
            Some(false) => {}
            None => answer = None,
        }
    }
    answer
}

fn opposite(answer: Option<bool>) -> Option<bool> {
    answer.map(|answer| !answer)
}

fn is_same_user(peer: &Peer, own: &Peer) -> Option<bool> {
    if *peer.assurance() == Assurance::SameProcess {
        return Some(true);
    }
    match (identity(peer)?, own.identity()?) {
        (peer, own) if peer.is_same_user(own) => Some(true),
        (Identity::Unix(_), Identity::Unix(_)) => Some(false),
        (Identity::Windows(peer), Identity::Windows(own)) if peer.user != own.user => Some(false),
        // A user who counts only where it denies, or one of another family of systems.
        _ => None,
    }
}

/// Whether access that is granted to `sid` is granted to `token`. What counts only where it denies,
/// or not now, speaks neither for a peer nor against its being one. Every token has groups: where
/// none are told, as for the server of a pipe, they are not known.
fn has(token: &WindowsIdentity, sid: &str) -> Option<bool> {
    if token.has(sid) {
        return Some(true);
    }
    let is_named =
        token.user.as_str() == sid || token.groups.iter().any(|group| group.sid.as_str() == sid);
    (!is_named && !token.groups.is_empty()).then_some(false)
}

fn is_elsewhere(
    peer: &Peer,
    namespace: impl FnOnce(Confinement) -> Option<Namespace>,
) -> Option<bool> {
    match peer.assurance() {
        Assurance::None => None,
        Assurance::SameProcess => Some(false),
        _ => Some(namespace(peer.confinement())? == Namespace::Other),
    }
}

/// Who the peer is, if somebody vouches for it.
fn identity(peer: &Peer) -> Option<&Identity> {
    match peer.assurance() {
        Assurance::None => None,
        _ => peer.identity(),
    }
}

fn unix(peer: &Peer) -> Option<&UnixIdentity> {
    identity(peer)?.as_unix()
}

fn windows(peer: &Peer) -> Option<&WindowsIdentity> {
    identity(peer)?.as_windows()
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::SameUser => f.write_str("same-user"),
            Self::SameProcess => f.write_str("same-process"),
            Self::System => f.write_str("system"),
            Self::Root => f.write_str("root"),
            Self::Uid(uid) => write!(f, "uid:{uid}"),
            Self::Gid(gid) => write!(f, "gid:{gid}"),
            Self::User(name) => write!(f, "user:{}", Name(name)),
            Self::Group(name) => write!(f, "group:{}", Name(name)),
            Self::Sandboxed => f.write_str("sandboxed"),
            Self::OtherMountNamespace => f.write_str("other-mount-namespace"),
            Self::Sid(sid) => write!(f, "sid:{sid}"),
            Self::Admins => f.write_str("admins"),
            Self::Not(term) => match &**term {
                Self::AllOf(_) | Self::AnyOf(_) => write!(f, "not ({term})"),
                _ => write!(f, "not {term}"),
            },
            Self::AllOf(terms) => joined(f, terms, " and ", |term| matches!(term, Self::AnyOf(_))),
            Self::AnyOf(terms) => joined(f, terms, " or ", |_| false),
        }
    }
}

fn joined(
    f: &mut fmt::Formatter<'_>,
    terms: &[Term],
    word: &str,
    takes_parentheses: impl Fn(&Term) -> bool,
) -> fmt::Result {
    for (index, term) in terms.iter().enumerate() {
        if index > 0 {
            f.write_str(word)?;
        }
        if takes_parentheses(term) {
            write!(f, "({term})")?;
        } else {
            fmt::Display::fmt(term, f)?;
        }
    }
    Ok(())
}

/// A name as it is read back: in quotation marks if it would end early without.
struct Name<'a>(&'a str);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ends_early = |c: char| c.is_whitespace() || matches!(c, '(' | ')');
        if self.0.contains(ends_early) { write!(f, "\"{}\"", self.0) } else { f.write_str(self.0) }
    }
}

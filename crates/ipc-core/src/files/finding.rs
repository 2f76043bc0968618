//! Why a name is refused to a client: where on the way to it, and by which rule.

use super::Metadata;
use crate::error::ErrorKind;

/// Where the way to a file ends for a client, and the rule that ends it there.
///
/// It says no more than the client could see for itself: what lies behind the place where the way
/// ends has not been looked at, and of that place it says what metadata and access control list show
/// to whoever gets as far.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The component of the path during which the way ended, counted from 1; 0 is the root itself.
    pub component: usize,
    /// What refuses, by its own path below the root: links on the way are followed.
    pub at: Vec<u8>,
    /// The rule.
    pub reason: Reason,
    /// What refuses, where it was seen.
    pub metadata: Option<Metadata>,
}

impl Finding {
    /// One without metadata. For who implements a [`Root`](super::Root).
    #[must_use]
    pub fn new(component: usize, at: Vec<u8>, reason: Reason) -> Self {
        Self { component, at, reason, metadata: None }
    }

    /// Adds what was seen of the place where the way ends.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Option<Metadata>) -> Self {
        self.metadata = metadata;
        self
    }
}

/// A rule by which a file is not given to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// There is nothing of that name.
    Missing,
    /// The permissions of what refuses.
    Permissions(Denial),
    /// The access control list of what refuses, on a system that has no other permissions.
    AccessList {
        /// What the list does not give the client.
        right: Right,
        /// Its entries in words, as far as the client may see them.
        entries: Vec<String>,
    },
    /// The system refuses it, and the permissions do not say why: a security module, a sandbox, or a
    /// file system that asks somebody else.
    Unexplained,
    /// The client may, and the server, which opens with its own rights, may not.
    ServerHasNoRight,
    /// A link that leads out of the root.
    LinkOutOfRoot,
    /// A link that is not followed: because none is, because it is a stranger's in a directory for
    /// all, or because there were too many on the way.
    LinkNotFollowed,
    /// A directory, where a file was asked for.
    IsADirectory,
    /// Something else, where a directory is needed.
    NotADirectory,
    /// A device, a FIFO or a socket.
    NotRegular,
    /// Something that the kernel makes up, as all below `/proc`.
    MadeUp,
    /// It lies on another file system, and mount points are not crossed.
    OtherMount,
    /// A name that is never looked up, for its text.
    BadName,
    /// Nobody here can tell what the system would answer the client.
    Unjudged {
        /// Why.
        why: String,
    },
}

impl Reason {
    /// `true` if a client whom this stops is refused with that kind of error.
    #[must_use]
    pub fn explains(&self, kind: ErrorKind) -> bool {
        match self {
            Self::Missing => kind == ErrorKind::NotFound,
            Self::Permissions(_)
            | Self::AccessList { .. }
            | Self::Unexplained
            | Self::ServerHasNoRight => kind == ErrorKind::PermissionDenied,
            Self::LinkOutOfRoot | Self::OtherMount => kind == ErrorKind::OutsideRoot,
            Self::LinkNotFollowed => {
                matches!(kind, ErrorKind::OutsideRoot | ErrorKind::PermissionDenied)
            }
            Self::IsADirectory => kind == ErrorKind::IsADirectory,
            Self::NotADirectory => kind == ErrorKind::NotADirectory,
            Self::NotRegular => kind == ErrorKind::NotRegular,
            Self::BadName => kind == ErrorKind::InvalidInput,
            // Nothing below it is served, whatever the system says of a name there.
            Self::MadeUp => true,
            Self::Unjudged { .. } => {
                matches!(kind, ErrorKind::NotPrivileged | ErrorKind::PermissionDenied)
            }
        }
    }
}

/// Permissions that lack a right, and which part of them decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Denial {
    /// What the client lacks.
    pub right: Right,
    /// As whom the client was judged.
    pub class: Class,
    /// What that class has, as in one digit of a mode.
    pub has: u8,
    /// The mask that also must let it pass, where there is one.
    pub mask: Option<u8>,
}

impl Denial {
    /// `right` is not in what `class` has, or not in the mask.
    #[must_use]
    pub fn new(right: Right, class: Class, has: u8, mask: Option<u8>) -> Self {
        Self { right, class, has, mask }
    }

    /// `true` if the class has the right and the mask takes it away.
    #[must_use]
    pub fn is_by_mask(&self) -> bool {
        self.has & self.right.bit() != 0
    }
}

/// What somebody wants of a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Right {
    /// To look up names in the directory.
    Search,
    /// To read the file, or to list the directory.
    Read,
    /// To write it, and so to connect if it is a socket.
    Write,
}

impl Right {
    /// The right's bit in one digit of a mode and in an entry of a list.
    #[must_use]
    pub const fn bit(self) -> u8 {
        match self {
            Self::Search => 0o1,
            Self::Write => 0o2,
            Self::Read => 0o4,
        }
    }
}

/// As whom permissions judge somebody. Source: acl(5), "Access check algorithm".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Class {
    /// The owner: the mode's first digit.
    Owner,
    /// A member of the file's group: the mode's second digit.
    Group,
    /// Everybody else: the mode's last digit.
    Other,
    /// A user with an entry of its own in the access control list.
    UserEntry(u32),
    /// A member of the file's group, by the list.
    OwnGroupEntry,
    /// A member of a group with an entry of its own in the list.
    GroupEntry(u32),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_decides_only_where_the_class_has_the_right() {
        let denial = |has, mask| Denial::new(Right::Read, Class::UserEntry(7), has, mask);
        assert!(denial(0o5, Some(0o1)).is_by_mask());
        assert!(!denial(0o1, Some(0o1)).is_by_mask());
        assert!(!denial(0o3, None).is_by_mask());
    }
}

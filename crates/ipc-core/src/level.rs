//! How far a server may act for its client.

use std::fmt;
use std::str::FromStr;

/// How far the server may act in the client's name; each level includes the ones below it.
///
/// The client chooses. On Windows the kernel enforces the choice; on Unix it travels in the
/// session's preface and the server honours it: a server run by root could not be stopped by a
/// socket, so there the client's own protection is to check who the server is
/// ([`ConnectOptions::server`](crate::ConnectOptions::server)).
///
/// Source: Win32 `SECURITY_IMPERSONATION_LEVEL`, whose names and order these are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImpersonationLevel {
    /// The server's handlers may not learn who the client is. Its policy still decides on what the
    /// system tells.
    Anonymous,
    /// The server may learn who the client is, and not act as it.
    #[default]
    Identification,
    /// The server may open local objects as the client.
    Impersonation,
    /// The server may also act as the client towards other machines. Windows only.
    Delegation,
}

impl ImpersonationLevel {
    /// Every level, lowest first.
    pub const ALL: [Self; 4] =
        [Self::Anonymous, Self::Identification, Self::Impersonation, Self::Delegation];

    /// The number that stands for this level on the wire: 0 to 3, as in Win32.
    #[must_use]
    pub const fn to_wire(self) -> u8 {
        self as u8
    }

    /// The level that `number` stands for on the wire, if any does.
    #[must_use]
    pub fn from_wire(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

impl fmt::Display for ImpersonationLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "anonymous",
            Self::Identification => "identification",
            Self::Impersonation => "impersonation",
            Self::Delegation => "delegation",
        })
    }
}

impl FromStr for ImpersonationLevel {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        Self::ALL.into_iter().find(|level| level.to_string() == text).ok_or(UnknownLevel)
    }
}

/// The text names no [`ImpersonationLevel`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownLevel;

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a level is one of anonymous, identification, impersonation, delegation")
    }
}

impl std::error::Error for UnknownLevel {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_survives_text_and_wire() {
        for level in ImpersonationLevel::ALL {
            assert_eq!(level.to_string().parse(), Ok(level));
            assert_eq!(ImpersonationLevel::from_wire(level.to_wire()), Some(level));
        }
        assert_eq!(ImpersonationLevel::from_wire(4), None);
        assert_eq!("root".parse::<ImpersonationLevel>(), Err(UnknownLevel));
    }
}

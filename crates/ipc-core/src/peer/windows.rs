//! What is known of a process of Windows: the facts of its access token.

use std::collections::BTreeSet;

use super::Sid;
use crate::level::ImpersonationLevel;

/// The facts of a Windows access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowsIdentity {
    /// The user; of a server, who owns its endpoint, which may be a group.
    pub user: Sid,
    /// `true` if the user counts only where it denies (a restricted token).
    pub user_deny_only: bool,
    /// `DOMAIN\name` of the user, where it could be looked up.
    pub account: Option<String>,
    /// The groups, with their attributes.
    pub groups: Vec<WindowsGroup>,
    /// The integrity level's relative id: 0x1000 low, 0x2000 medium, 0x3000 high, 0x4000 system.
    pub integrity: Option<u32>,
    /// The terminal session.
    pub session: Option<u32>,
    /// Whether the token is elevated.
    pub elevated: Option<bool>,
    /// The logon session's id (a `LUID`).
    pub logon: Option<u64>,
    /// How far this token lets the server act.
    pub level: ImpersonationLevel,
}

impl WindowsIdentity {
    /// `true` if the token is an enabled member of `group` (deny-only membership is none).
    #[must_use]
    pub fn is_member_of(&self, group: &str) -> bool {
        self.groups.iter().any(|member| member.enabled && member.sid.as_str() == group)
    }

    /// `true` if access that is granted to `sid` is granted to this token: as its user, or as an
    /// enabled member.
    #[must_use]
    pub fn has(&self, sid: &str) -> bool {
        (self.user.as_str() == sid && !self.user_deny_only) || self.is_member_of(sid)
    }

    /// Where an integrity level is not known, nothing is alike.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        let facts = |token: &Self| (token.user_deny_only, token.integrity, token.elevated);
        self.user == other.user
            && facts(self) == facts(other)
            && self.integrity.is_some()
            && self.effective_groups() == other.effective_groups()
    }

    /// The groups that count in some decision, and whether only where they deny.
    fn effective_groups(&self) -> BTreeSet<(&str, bool)> {
        let counts = |group: &&WindowsGroup| group.enabled || group.deny_only;
        let effective = self.groups.iter().filter(counts);
        effective.map(|group| (group.sid.as_str(), group.deny_only)).collect()
    }
}

/// A group in a Windows token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowsGroup {
    /// The group.
    pub sid: Sid,
    /// `true` if it counts for access checks; a disabled or deny-only one does not grant.
    pub enabled: bool,
    /// `true` if it counts only where it denies.
    pub deny_only: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Identity;

    fn group(sid: &str, enabled: bool, deny_only: bool) -> WindowsGroup {
        WindowsGroup { sid: Sid::new(sid), enabled, deny_only }
    }

    fn administrator() -> WindowsIdentity {
        WindowsIdentity {
            user: Sid::new("S-1-5-21-1-2-3-1001"),
            user_deny_only: false,
            account: None,
            groups: vec![group(Sid::ADMINISTRATORS, true, false)],
            integrity: Some(0x3000),
            session: None,
            elevated: Some(true),
            logon: None,
            level: ImpersonationLevel::Identification,
        }
    }

    #[test]
    fn a_token_that_is_restricted_is_not_alike_and_one_that_goes_less_far_is() {
        let own = administrator();
        let is_alike = |change: &dyn Fn(&mut WindowsIdentity)| {
            let mut other = own.clone();
            change(&mut other);
            Identity::Windows(own.clone()).is_alike(&Identity::Windows(other))
        };
        assert!(is_alike(&|_| ()));
        assert!(is_alike(&|other| other.level = ImpersonationLevel::Impersonation));
        assert!(is_alike(&|other| other.groups.insert(0, group("S-1-5-4", false, false))));
        assert!(!is_alike(&|other| other.groups.insert(0, group("S-1-5-4", true, false))));
        assert!(!is_alike(&|other| other.groups.insert(0, group("S-1-5-4", false, true))));
        assert!(!is_alike(&|other| {
            other.groups[0] = group(Sid::ADMINISTRATORS, false, true);
        }));
        assert!(!is_alike(&|other| other.user_deny_only = true));
        assert!(!is_alike(&|other| other.user = Sid::new("S-1-5-21-1-2-3-1002")));
        assert!(!is_alike(&|other| other.integrity = Some(0x2000)));
        assert!(!is_alike(&|other| other.elevated = Some(false)));
    }

    #[test]
    fn a_deny_only_administrator_is_not_the_system() {
        let mut identity = administrator();
        assert!(Identity::Windows(identity.clone()).is_system());
        identity.groups[0].enabled = false;
        identity.groups[0].deny_only = true;
        assert!(!Identity::Windows(identity).is_system());
    }
}

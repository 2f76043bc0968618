//! What switching needs of a thread: to read its identity and to change it step by step.

use std::io;

use ipc_core::peer::UnixIdentity;

use super::guard::Change;

/// A thread's own identity. Implemented by the calling thread and, in tests, by a scripted one.
///
/// Every call is about the calling thread alone, and either does all it says or fails.
pub(crate) trait ThreadIdentity {
    /// Reads all of the thread's identity into `state`.
    fn read(&self, state: &mut ThreadState) -> io::Result<()>;

    /// Reads the capability sets (`capget`).
    fn capabilities(&self) -> io::Result<Capabilities>;

    /// Replaces the supplementary groups (`setgroups`).
    fn set_groups(&self, groups: &[u32]) -> io::Result<()>;

    /// Sets the effective group id and no other (`setresgid`).
    fn set_effective_gid(&self, gid: u32) -> io::Result<()>;

    /// Sets the effective user id and no other (`setresuid`).
    fn set_effective_uid(&self, uid: u32) -> io::Result<()>;

    /// Sets the capability sets (`capset`).
    fn set_capabilities(&self, capabilities: Capabilities) -> io::Result<()>;
}

/// All of an identity that decides what a thread may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ThreadState {
    pub(crate) uid: Ids,
    pub(crate) gid: Ids,
    /// The supplementary groups, sorted.
    pub(crate) groups: Vec<u32>,
    pub(crate) capabilities: Capabilities,
}

impl ThreadState {
    /// The state to which acting as `peer` must lead.
    pub(super) fn acting_as(&self, peer: &UnixIdentity, change: Change) -> Self {
        let mut state = self.clone();
        state.capabilities.effective = 0;
        if change == Change::Identity {
            state.uid.effective = peer.uid;
            state.gid.effective = peer.gid;
            state.groups = peer.groups.clone().unwrap_or_default();
        }
        state
    }

    /// `true` if access checks see the same user and groups in both. The effective group counts
    /// among the groups, for it grants the same.
    pub(crate) fn has_ids_of(&self, peer: &UnixIdentity) -> bool {
        let all = |gid: u32, groups: &[u32]| {
            let mut all = groups.to_vec();
            all.push(gid);
            all.sort_unstable();
            all.dedup();
            all
        };
        peer.groups.as_ref().is_some_and(|groups| {
            (self.uid.effective, self.gid.effective) == (peer.uid, peer.gid)
                && all(peer.gid, groups) == all(self.gid.effective, &self.groups)
        })
    }

    /// Which part of the identity differs from `other`'s.
    pub(crate) fn difference(&self, other: &Self) -> Option<&'static str> {
        if self.uid != other.uid {
            Some("user ids")
        } else if self.gid != other.gid {
            Some("group ids")
        } else if self.groups != other.groups {
            Some("supplementary groups")
        } else if self.capabilities != other.capabilities {
            Some("capabilities")
        } else {
            None
        }
    }
}

/// The three user or group ids of a thread. Source: credentials(7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) real: u32,
    pub(crate) effective: u32,
    pub(crate) saved: u32,
}

/// The capability sets of a thread, a bit for each capability. Source: capabilities(7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Capabilities {
    pub(crate) effective: u64,
    pub(crate) permitted: u64,
    pub(crate) inheritable: u64,
}

impl Capabilities {
    /// `CAP_SETGID` and `CAP_SETUID`, what taking on any identity needs.
    /// Source: Linux `uapi/linux/capability.h`.
    pub(super) const SWITCH: u64 = 1 << 6 | 1 << 7;

    /// `true` if a thread with these may take on any identity.
    pub(super) fn can_switch(self) -> bool {
        self.effective & Self::SWITCH == Self::SWITCH
    }
}

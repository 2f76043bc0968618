//! How many of the connections each user has, so that one alone never has them all.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use parking_lot::Mutex;

use super::limits::ServerLimits;
use crate::error::{Error, Result};
use crate::peer::{Identity, Peer};

/// The connections of each user, those that are refused and not closed yet included.
#[derive(Debug)]
pub(super) struct Shares {
    most: usize,
    held: Arc<Mutex<Held>>,
}

type Held = HashMap<User, usize>;

/// The text of an identity; those of whom nothing is known cannot be told apart.
type User = Option<Arc<str>>;

/// One connection of one user, until it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    user: User,
    held: Arc<Mutex<Held>>,
}

impl Shares {
    pub(super) fn new(limits: &ServerLimits) -> Self {
        Self { most: limits.most_of_one_user(), held: Arc::default() }
    }

    /// Counts one more connection of `peer`, which counts whether it is served or not; the result says
    /// whether it may be.
    ///
    /// # Errors
    /// [`Error::LimitExceeded`] beyond the share of one user.
    pub(super) fn take(&self, peer: Option<&Peer>) -> (Share, Result<()>) {
        let user: User =
            peer.and_then(Peer::identity).map(|identity: &Identity| identity.to_string().into());
        let mut held = self.held.lock();
        let count = held.entry(user.clone()).or_default();
        *count += 1;
        let (asked, limit) = (*count as u64, self.most as u64);
        let share = Share { user, held: Arc::clone(&self.held) };
        if asked <= limit {
            return (share, Ok(()));
        }
        (share, Err(Error::LimitExceeded { what: "connections of one user", asked, limit }))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Entry::Occupied(mut count) = self.held.lock().entry(self.user.take()) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::{Assurance, UnixIdentity};

    fn shares(connections: usize, connections_per_user: Option<usize>) -> Shares {
        let limits = ServerLimits { connections, connections_per_user, ..ServerLimits::default() };
        Shares::new(&limits)
    }

    fn someone(uid: u32) -> Peer {
        let ids = UnixIdentity { uid, gid: 0, groups: None };
        Peer::new(Some(Identity::Unix(ids)), Assurance::Kernel)
    }

    #[test]
    fn a_quarter_is_left_to_others_unless_told_otherwise() {
        for (connections, most) in [(0, 1), (1, 1), (3, 3), (4, 3), (512, 384)] {
            assert_eq!(shares(connections, None).most, most, "{connections}");
        }
        assert_eq!(shares(100, Some(7)).most, 7);
        assert_eq!(shares(100, Some(0)).most, 1);
    }

    #[test]
    fn each_user_has_a_share_and_so_have_all_who_are_not_known() {
        let shares = shares(16, Some(2));
        let (one, eight) = (someone(1), someone(8));
        for peer in [Some(&one), Some(&eight), None] {
            let (first, allowed) = shares.take(peer);
            allowed.expect("the first");
            let (_second, allowed) = shares.take(peer);
            allowed.expect("the second");
            for _ in 0..3 {
                let (_third, refused) = shares.take(peer);
                let text = refused.expect_err("one more").to_string();
                assert_eq!(text, "3 connections of one user exceed the limit of 2");
            }
            drop(first);
            shares.take(peer).1.expect("one has gone");
        }
        assert!(shares.held.lock().is_empty(), "nobody is remembered who has gone");
    }
}

//! Users and groups by their names.

use std::io;

use ipc_core::policy::Accounts;
use ipc_core::{Error, Operation, Policy, Result};

use crate::switch;
use crate::sys::accounts;

/// This system's account database, for [`Policy::resolve`].
///
/// # Examples
/// ```
/// use ipc_core::Policy;
/// use ipc_unix::UnixAccounts;
///
/// let policy: Policy = "any and not user:root".parse()?;
/// assert_eq!(policy.resolve(&UnixAccounts)?.to_string(), "any and not uid:0");
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct UnixAccounts;

impl UnixAccounts {
    /// The id of the user of that name.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] if there is none; [`Error::Io`] if that could not be found out.
    ///
    /// # Blocking
    /// May ask a network. Refused while this thread acts as a peer, for the look-up would load
    /// modules with that one's rights.
    pub fn user_id(&self, name: &str) -> Result<u32> {
        look_up(name, user_id, || format!("there is no user `{name}`; see `uid:N`"))
    }

    /// The id of the group of that name.
    ///
    /// # Errors
    /// As for [`user_id`](Self::user_id).
    ///
    /// # Blocking
    /// As [`user_id`](Self::user_id).
    pub fn group_id(&self, name: &str) -> Result<u32> {
        look_up(name, accounts::group_id, || format!("there is no group `{name}`; see `gid:N`"))
    }
}

fn user_id(name: &str) -> io::Result<Option<u32>> {
    Ok(accounts::account_named(name)?.map(|account| account.uid))
}

impl Accounts for UnixAccounts {
    fn user(&self, name: &str) -> Result<Policy> {
        self.user_id(name).map(Policy::uid)
    }

    fn group(&self, name: &str) -> Result<Policy> {
        self.group_id(name).map(Policy::gid)
    }
}

fn look_up(
    name: &str,
    find: impl FnOnce(&str) -> io::Result<Option<u32>>,
    missing: impl FnOnce() -> String,
) -> Result<u32> {
    if switch::is_acting() {
        let reason = "names are not looked up while this thread acts as a peer".to_owned();
        return Err(Error::InvalidInput { reason });
    }
    let found = find(name).map_err(|source| Error::Io {
        operation: Operation::Identify,
        at: None,
        source,
    })?;
    found.ok_or_else(|| Error::InvalidInput { reason: missing() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_found_by_its_name_and_a_stranger_is_an_error_that_names_it() {
        assert_eq!(UnixAccounts.user_id("root").expect("on every system"), 0);
        for missing in ["no-such-name", "", "nul\0"] {
            for outcome in [UnixAccounts.user_id(missing), UnixAccounts.group_id(missing)] {
                let error = outcome.expect_err("nobody");
                assert!(matches!(error, Error::InvalidInput { .. }), "{error}");
                assert!(error.to_string().contains(missing), "{error}");
            }
        }
    }

    #[test]
    fn a_group_is_found_by_the_name_that_the_system_lists_it_with() {
        let list = std::fs::read_to_string("/etc/group").unwrap_or_default();
        let first = list.lines().find_map(|line| {
            let mut fields = line.split(':');
            Some((fields.next()?, fields.nth(1)?.parse::<u32>().ok()?))
        });
        if let Some((name, gid)) = first {
            assert_eq!(UnixAccounts.group_id(name).expect(name), gid);
        }
    }
}

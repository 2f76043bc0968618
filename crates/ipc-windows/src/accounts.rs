//! Users and groups by their names.

use ipc_core::peer::Sid;
use ipc_core::policy::Accounts;
use ipc_core::{Error, Operation, Policy, Result};

use crate::switch;
use crate::sys::account::{self, Kind};

/// This system's accounts, for [`Policy::resolve`]: the machine's own, those of its domain, and the
/// ones that every Windows has.
///
/// A name may say whose it is, as `DOMAIN\name`. One that does not is the machine's own account before
/// it is the domain's. What stands in a policy afterwards is the identifier, so that an account that
/// is renamed stays the one that was meant.
///
/// # Examples
/// ```no_run
/// use ipc_core::Policy;
/// use ipc_windows::WindowsAccounts;
///
/// let policy: Policy = r"group:BUILTIN\Users and not user:Guest".parse()?;
/// println!("{}", policy.resolve(&WindowsAccounts)?); // sid:S-1-5-32-545 and not sid:S-1-5-21-…-501
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct WindowsAccounts;

impl WindowsAccounts {
    /// The identifier of the user of that name.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] if there is none, or if it is something else than a user;
    /// [`Error::Io`] if that could not be found out.
    ///
    /// # Blocking
    /// May ask a network. Refused while this thread acts as a peer, for the look-up would be made with
    /// that one's rights.
    pub fn user_sid(&self, name: &str) -> Result<Sid> {
        look_up(name, "user", |sid, kind| kind == Kind::User || SERVICES.contains(&sid.as_str()))
    }

    /// The identifier of the group of that name.
    ///
    /// # Errors
    /// As for [`user_sid`](Self::user_sid).
    ///
    /// # Blocking
    /// As [`user_sid`](Self::user_sid).
    pub fn group_sid(&self, name: &str) -> Result<Sid> {
        look_up(name, "group", |sid, kind| kind == Kind::Group && !SERVICES.contains(&sid.as_str()))
    }
}

impl Accounts for WindowsAccounts {
    fn user(&self, name: &str) -> Result<Policy> {
        self.user_sid(name).map(Policy::sid)
    }

    fn group(&self, name: &str) -> Result<Policy> {
        self.group_sid(name).map(Policy::sid)
    }
}

fn look_up(name: &str, wanted: &str, fits: impl FnOnce(&Sid, Kind) -> bool) -> Result<Sid> {
    let refuse = |reason: String| Err(Error::InvalidInput { reason });
    if switch::is_acting() {
        return refuse("names are not looked up while this thread acts as a peer".to_owned());
    }
    // The system takes a name that is none for a domain's, and one with a NUL for what is before it.
    if name.is_empty() || name.contains('\0') {
        return refuse(format!("`{}` is no name of a {wanted}", name.escape_debug()));
    }
    let found = account::named(name).map_err(|source| Error::Io {
        operation: Operation::Identify,
        at: Some(name.to_owned()),
        source,
    })?;
    match found {
        None => refuse(format!("there is no {wanted} `{name}`; see `sid:S-1-…`")),
        Some((sid, kind)) if fits(&sid, kind) => Ok(sid),
        Some((sid, _)) => refuse(format!("`{name}` is no {wanted}; `sid:{sid}` is what it is")),
    }
}

/// Users as which services run, which the system lists among groups: `SYSTEM`, `LOCAL SERVICE` and
/// `NETWORK SERVICE`. Source: Microsoft, "Well-known SIDs".
const SERVICES: [&str; 3] = ["S-1-5-18", "S-1-5-19", "S-1-5-20"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::this_process;
    use crate::testing::{Grant, act, in_process, takes_honest_windows};

    #[test]
    fn what_every_windows_has_is_found_by_its_name() {
        for (name, sid) in [("SYSTEM", "S-1-5-18"), (r"NT AUTHORITY\SYSTEM", "S-1-5-18")] {
            assert_eq!(WindowsAccounts.user_sid(name).expect(name).as_str(), sid);
        }
        for (name, sid) in [("Everyone", "S-1-1-0"), ("Administrators", Sid::ADMINISTRATORS)] {
            assert_eq!(WindowsAccounts.group_sid(name).expect(name).as_str(), sid);
        }
    }

    #[test]
    fn this_user_is_found_by_the_name_that_the_system_shows() {
        let own = this_process().expect("known");
        let name = own.account_name().expect("a name");
        let sid = WindowsAccounts.user_sid(&name).expect("an account");
        let policy: Policy = format!("user:\"{name}\"").parse().expect("a policy");
        let policy = policy.resolve(&WindowsAccounts).expect("found");
        assert_eq!(policy, Policy::sid(sid));
        policy.decide(&own, &own).expect("it is this user");
    }

    #[test]
    fn a_stranger_and_what_is_something_else_are_errors_that_name_it() {
        let shown = ["no-such-name", r"no-such-domain\name", "", r"nul\0"];
        for (name, shown) in
            ["no-such-name", r"no-such-domain\name", "", "nul\0"].into_iter().zip(shown)
        {
            for outcome in [WindowsAccounts.user_sid(name), WindowsAccounts.group_sid(name)] {
                let error = outcome.expect_err(name);
                assert!(matches!(error, Error::InvalidInput { .. }), "{error}");
                assert!(error.to_string().contains(shown), "{error}");
            }
        }
        let everyone = WindowsAccounts.user_sid("Everyone").expect_err("a group").to_string();
        assert!(everyone.contains("sid:S-1-1-0"), "{everyone}");
        WindowsAccounts.group_sid("SYSTEM").expect_err("a user");
    }

    #[test]
    fn nothing_is_looked_up_with_the_rights_of_a_peer() {
        const TEST: &str = "nothing_is_looked_up_with_the_rights_of_a_peer";
        if !takes_honest_windows(TEST) {
            return;
        }
        let (mut server, _pipe) = in_process(Grant::FULL);
        let client = server.client();
        let refusal = act(&client, |_| WindowsAccounts.group_sid("Everyone")).expect("acts");
        assert!(refusal.expect_err("refused").to_string().contains("acts as a peer"));
    }
}

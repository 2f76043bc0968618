//! Giving up, for good, every right that acting as clients does not take.

use std::io;

use crate::switch;
use crate::sys::{accounts, privileges};

/// A user to run as: its id, and that of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// The user's id.
    pub uid: u32,
    /// The id of the user's own group.
    pub gid: u32,
}

impl Account {
    /// The account that `text` names: by its name, by its user id, or by `UID:GID` where the system
    /// need not know it.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if the system knows no such account.
    ///
    /// # Blocking
    /// May ask a network, as the system's account database does.
    pub fn find(text: &str) -> io::Result<Self> {
        if let Some((uid, gid)) = text.split_once(':') {
            if let (Ok(uid), Ok(gid)) = (uid.parse(), gid.parse()) {
                return Ok(Self { uid, gid });
            }
        }
        let (found, otherwise) = match text.parse() {
            Ok(uid) => (accounts::account(uid)?, "; give its group, too: UID:GID"),
            Err(_) => (accounts::account_named(text)?, ""),
        };
        found.map(|found| Self { uid: found.uid, gid: found.gid }).ok_or_else(|| {
            let text = format!("this system knows no user `{text}`{otherwise}");
            io::Error::new(io::ErrorKind::NotFound, text)
        })
    }
}

/// Makes this process that user's for good, without further groups, and leaves it nothing but
/// `CAP_SETUID` and `CAP_SETGID`: what acting as clients takes. Then it tries to get the rest back.
///
/// To be called by a process that is still one thread: only threads that are started afterwards are
/// sure to have no more rights either. It takes root, or a process that has the two capabilities and
/// is that user already.
///
/// # What is left
/// The two are permitted and effective, none is inheritable or ambient, the bounding set has no
/// others, and where the process may set that (`CAP_SETPCAP`), becoming root and starting programs
/// as root give no capabilities any more. The process gains nothing by starting programs
/// (`no_new_privs`). What was open before stays open.
///
/// Acting as a client still means becoming any user, and code that has taken over the process can do
/// so, too: it can read root's own files by becoming root, but gets none of root's capabilities.
///
/// # Errors
/// What was tried, and what the system said. Then the process may be changed by half, and must end:
/// also if it got something back that it should not have.
///
/// # Platform differences
/// [`io::ErrorKind::Unsupported`] on all systems but Linux.
pub fn keep_only_switching(account: Account) -> io::Result<()> {
    if account.uid == 0 {
        let text = "root has rights without any capability; choose a user of the server's own";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    privileges::keep_only_switching(account.uid, account.gid)?;
    privileges::try_to_get_back()
}

/// Whether this process can become any user, as acting as all clients takes.
#[must_use]
pub fn can_become_others() -> bool {
    switch::can_become_others()
}

#[cfg(test)]
mod tests;

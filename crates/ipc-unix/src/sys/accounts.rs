//! The system's account database.
#![allow(unsafe_code, reason = "getpwuid_r and getpwnam_r have no safe wrapper")]

use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::ptr;

/// An account of the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    /// Its own group.
    pub(crate) gid: u32,
}

/// The account with that user id, if there is one and it can be read.
///
/// # Blocking
/// May ask a network, and loads the modules that `/etc/nsswitch.conf` names.
pub(crate) fn account(uid: u32) -> Option<Account> {
    find(&Key::Id(uid))
}

/// The account of that name, in the same way.
pub(crate) fn account_named(name: &str) -> Option<Account> {
    find(&Key::Name(CString::new(name).ok()?))
}

/// By what an account is looked up.
enum Key {
    Id(u32),
    Name(CString),
}

enum Found {
    Account(Account),
    Nothing,
    TooLong,
}

fn find(key: &Key) -> Option<Account> {
    let mut room = 1024;
    while room <= MAX_ENTRY {
        match look_up(key, room) {
            Found::Account(account) => return Some(account),
            Found::Nothing => return None,
            Found::TooLong => room *= 4,
        }
    }
    None
}

fn look_up(key: &Key, room: usize) -> Found {
    let mut text = vec![0; room];
    let mut entry = MaybeUninit::<libc::passwd>::uninit();
    let mut found = ptr::null_mut();
    let (at, room) = (text.as_mut_ptr(), text.len());
    let status = match key {
        // SAFETY: `entry`, `text` and `found` are locals that outlive the call; the call writes at
        // most one `passwd` to the first, `text.len()` bytes to the second and one pointer to the
        // third, and nobody else sees them before it returns.
        Key::Id(uid) => unsafe {
            libc::getpwuid_r(*uid, entry.as_mut_ptr(), at, room, &raw mut found)
        },
        // SAFETY: as above; and `name` is a NUL-terminated string that is borrowed for the call.
        Key::Name(name) => unsafe {
            libc::getpwnam_r(name.as_ptr(), entry.as_mut_ptr(), at, room, &raw mut found)
        },
    };
    match status {
        0 if !found.is_null() => {}
        libc::ERANGE => return Found::TooLong,
        _ => return Found::Nothing,
    }
    // SAFETY: `found` is not null, so the call succeeded and has filled in `entry`, to which it
    // points; `entry` is alive and nobody writes to it any more.
    let entry = unsafe { entry.assume_init_ref() };
    if entry.pw_name.is_null() {
        return Found::Nothing;
    }
    // SAFETY: a successful call leaves `pw_name` pointing at a NUL-terminated string inside `text`,
    // which is alive and not written to while it is borrowed here.
    let name = unsafe { CStr::from_ptr(entry.pw_name) };
    let name = name.to_string_lossy().into_owned();
    Found::Account(Account { name, uid: entry.pw_uid, gid: entry.pw_gid })
}

/// The longest account entry that is read, in bytes.
const MAX_ENTRY: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_has_a_name_and_an_id_without_account_has_none() {
        assert_eq!(account(0).map(|account| account.name).as_deref(), Some("root"));
        assert_eq!(account(4_123_456_789), None);
    }

    #[test]
    fn an_account_is_the_same_by_its_name_and_by_its_id() {
        assert_eq!(account_named("root"), account(0));
        assert_eq!(account_named("no such account"), None);
        assert_eq!(account_named("with\0nul"), None);
    }
}

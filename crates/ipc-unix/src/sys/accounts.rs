//! The system's account database.
#![allow(unsafe_code, reason = "the look-ups have no safe wrappers")]

use std::ffi::{CStr, CString, c_char, c_int};
use std::io;
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

/// The account with that user id; `None` if there is none.
///
/// # Blocking
/// May ask a network, and loads the modules that `/etc/nsswitch.conf` names.
pub(crate) fn account(uid: u32) -> io::Result<Option<Account>> {
    with_room(|text| user(&Key::Id(uid), text))
}

/// The account of that name, in the same way.
pub(crate) fn account_named(name: &str) -> io::Result<Option<Account>> {
    let Ok(name) = CString::new(name) else { return Ok(None) };
    with_room(|text| user(&Key::Name(&name), text))
}

/// The id of the group of that name, in the same way.
pub(crate) fn group_id(name: &str) -> io::Result<Option<u32>> {
    let Ok(name) = CString::new(name) else { return Ok(None) };
    with_room(|text| group(&name, text))
}

/// Looks up with more and more room for the entry's text, as long as that is what is missing.
fn with_room<T>(
    look_up: impl Fn(&mut [c_char]) -> Result<Option<T>, c_int>,
) -> io::Result<Option<T>> {
    let mut room = 1024;
    loop {
        match look_up(&mut vec![0; room]) {
            Ok(found) => return Ok(found),
            Err(libc::ERANGE) if room < MAX_ENTRY => room *= 4,
            // Some systems say so of a name that is not there. Source: getpwnam(3), "ERRORS".
            Err(libc::ENOENT | libc::ESRCH | libc::EBADF | libc::EPERM) => return Ok(None),
            Err(error) => return Err(io::Error::from_raw_os_error(error)),
        }
    }
}

/// By what an account is looked up.
enum Key<'a> {
    Id(u32),
    Name(&'a CStr),
}

fn user(key: &Key<'_>, text: &mut [c_char]) -> Result<Option<Account>, c_int> {
    let mut entry = MaybeUninit::<libc::passwd>::uninit();
    let mut found = ptr::null_mut();
    let (at, room) = (text.as_mut_ptr(), text.len());
    let status = match key {
        // SAFETY: `entry` and `found` are locals and `text` is borrowed, so all outlive the call; it
        // writes at most one `passwd` to the first, `text.len()` bytes to the last and one pointer
        // to the second, and nobody else sees them before it returns.
        Key::Id(uid) => unsafe {
            libc::getpwuid_r(*uid, entry.as_mut_ptr(), at, room, &raw mut found)
        },
        // SAFETY: as above; and `name` ends with a NUL, is only read, and outlives the call because
        // it is borrowed.
        Key::Name(name) => unsafe {
            libc::getpwnam_r(name.as_ptr(), entry.as_mut_ptr(), at, room, &raw mut found)
        },
    };
    if status != 0 || found.is_null() {
        return if status == 0 { Ok(None) } else { Err(status) };
    }
    // SAFETY: `found` is not null, so the call succeeded and has filled in `entry`, to which it
    // points; `entry` is alive and nobody writes to it any more.
    let entry = unsafe { entry.assume_init_ref() };
    if entry.pw_name.is_null() {
        return Ok(None);
    }
    // SAFETY: a successful call leaves `pw_name` pointing at a NUL-terminated string inside `text`,
    // which is alive and not written to while it is borrowed here.
    let name = unsafe { CStr::from_ptr(entry.pw_name) };
    let name = name.to_string_lossy().into_owned();
    Ok(Some(Account { name, uid: entry.pw_uid, gid: entry.pw_gid }))
}

fn group(name: &CStr, text: &mut [c_char]) -> Result<Option<u32>, c_int> {
    let mut entry = MaybeUninit::<libc::group>::uninit();
    let mut found = ptr::null_mut();
    let (at, room) = (text.as_mut_ptr(), text.len());
    // SAFETY: as in `user`, with a `group` in place of a `passwd`; the list of members lies in
    // `text`, too.
    let status =
        unsafe { libc::getgrnam_r(name.as_ptr(), entry.as_mut_ptr(), at, room, &raw mut found) };
    if status != 0 || found.is_null() {
        return if status == 0 { Ok(None) } else { Err(status) };
    }
    // SAFETY: `found` is not null, so the call succeeded and has filled in `entry`, to which it
    // points; `entry` is alive and nobody writes to it any more.
    let entry = unsafe { entry.assume_init_ref() };
    Ok(Some(entry.gr_gid))
}

/// The longest account entry that is read, in bytes.
const MAX_ENTRY: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_has_a_name_and_an_id_without_account_has_none() {
        let named = |uid| account(uid).expect("it can be asked").map(|account| account.name);
        assert_eq!(named(0).as_deref(), Some("root"));
        assert_eq!(named(4_123_456_789), None);
    }

    #[test]
    fn an_account_is_the_same_by_its_name_and_by_its_id() {
        let named = |name| account_named(name).expect("it can be asked");
        assert_eq!(named("root"), account(0).expect("it can be asked"));
        assert_eq!(named("no such account"), None);
        assert_eq!(named("with\0nul"), None);
    }
}

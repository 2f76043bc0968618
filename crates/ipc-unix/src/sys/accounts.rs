//! The system's account database.
#![allow(unsafe_code, reason = "the look-ups have no safe wrappers")]

use std::ffi::{CStr, CString, c_char, c_int};
use std::io;
use std::mem::MaybeUninit;
use std::ptr;

/// The name of the account with that user id, if there is one and it can be read.
///
/// # Blocking
/// May ask a network, and loads the modules that `/etc/nsswitch.conf` names.
pub(crate) fn account_name(uid: u32) -> Option<String> {
    with_room(|text| user_by_id(uid, text)).ok().flatten()
}

/// The user id of the account of that name; `None` if there is none.
///
/// # Blocking
/// As [`account_name`].
pub(crate) fn user_id(name: &str) -> io::Result<Option<u32>> {
    let Ok(name) = CString::new(name) else { return Ok(None) };
    with_room(|text| user_by_name(&name, text))
}

/// The id of the group of that name; `None` if there is none.
///
/// # Blocking
/// As [`account_name`].
pub(crate) fn group_id(name: &str) -> io::Result<Option<u32>> {
    let Ok(name) = CString::new(name) else { return Ok(None) };
    with_room(|text| group_by_name(&name, text))
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

fn user_by_id(uid: u32, text: &mut [c_char]) -> Result<Option<String>, c_int> {
    let mut entry = MaybeUninit::<libc::passwd>::uninit();
    let mut found = ptr::null_mut();
    // SAFETY: `entry` and `found` are locals and `text` is borrowed, so all outlive the call; it
    // writes at most one `passwd` to the first, `text.len()` bytes to the last and one pointer to
    // the second, and nobody else sees them before it returns.
    let status = unsafe {
        libc::getpwuid_r(uid, entry.as_mut_ptr(), text.as_mut_ptr(), text.len(), &raw mut found)
    };
    if status != 0 || found.is_null() {
        return if status == 0 { Ok(None) } else { Err(status) };
    }
    // SAFETY: `found` is not null, so the call succeeded and has filled in `entry`, to which it
    // points; `entry` is alive and nobody writes to it any more.
    let name = unsafe { (*found).pw_name };
    if name.is_null() {
        return Ok(None);
    }
    // SAFETY: a successful call leaves `pw_name` pointing at a NUL-terminated string inside `text`,
    // which is alive and not written to while it is borrowed here.
    let name = unsafe { CStr::from_ptr(name) };
    Ok(Some(name.to_string_lossy().into_owned()))
}

fn user_by_name(name: &CStr, text: &mut [c_char]) -> Result<Option<u32>, c_int> {
    let mut entry = MaybeUninit::<libc::passwd>::uninit();
    let mut found = ptr::null_mut();
    // SAFETY: as in `user_by_id`; and `name` ends with a NUL, is only read, and outlives the call
    // because it is borrowed.
    let status = unsafe {
        libc::getpwnam_r(
            name.as_ptr(),
            entry.as_mut_ptr(),
            text.as_mut_ptr(),
            text.len(),
            &raw mut found,
        )
    };
    if status != 0 || found.is_null() {
        return if status == 0 { Ok(None) } else { Err(status) };
    }
    // SAFETY: `found` is not null, so the call succeeded and has filled in `entry`, to which it
    // points; `entry` is alive and nobody writes to it any more.
    Ok(Some(unsafe { (*found).pw_uid }))
}

fn group_by_name(name: &CStr, text: &mut [c_char]) -> Result<Option<u32>, c_int> {
    let mut entry = MaybeUninit::<libc::group>::uninit();
    let mut found = ptr::null_mut();
    // SAFETY: as in `user_by_name`, with a `group` in place of a `passwd`; the list of members lies
    // in `text`, too.
    let status = unsafe {
        libc::getgrnam_r(
            name.as_ptr(),
            entry.as_mut_ptr(),
            text.as_mut_ptr(),
            text.len(),
            &raw mut found,
        )
    };
    if status != 0 || found.is_null() {
        return if status == 0 { Ok(None) } else { Err(status) };
    }
    // SAFETY: `found` is not null, so the call succeeded and has filled in `entry`, to which it
    // points; `entry` is alive and nobody writes to it any more.
    Ok(Some(unsafe { (*found).gr_gid }))
}

/// The longest account entry that is read, in bytes.
const MAX_ENTRY: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_has_a_name_and_an_id_without_account_has_none() {
        assert_eq!(account_name(0).as_deref(), Some("root"));
        assert_eq!(account_name(4_123_456_789), None);
    }
}

//! The system's account database.
#![allow(unsafe_code, reason = "getpwuid_r has no safe wrapper")]

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ptr;

/// The name of the account with that user id, if there is one and it can be read.
///
/// # Blocking
/// May ask a network, and loads the modules that `/etc/nsswitch.conf` names.
pub(crate) fn account_name(uid: u32) -> Option<String> {
    let mut room = 1024;
    while room <= MAX_ENTRY {
        match look_up(uid, room) {
            Found::Name(name) => return Some(name),
            Found::Nothing => return None,
            Found::TooLong => room *= 4,
        }
    }
    None
}

enum Found {
    Name(String),
    Nothing,
    TooLong,
}

fn look_up(uid: u32, room: usize) -> Found {
    let mut text = vec![0; room];
    let mut entry = MaybeUninit::<libc::passwd>::uninit();
    let mut found = ptr::null_mut();
    // SAFETY: `entry`, `text` and `found` are locals that outlive the call; the call writes at most
    // one `passwd` to the first, `text.len()` bytes to the second and one pointer to the third, and
    // nobody else sees them before it returns.
    let status = unsafe {
        libc::getpwuid_r(uid, entry.as_mut_ptr(), text.as_mut_ptr(), text.len(), &raw mut found)
    };
    match status {
        0 if !found.is_null() => {}
        libc::ERANGE => return Found::TooLong,
        _ => return Found::Nothing,
    }
    // SAFETY: `found` is not null, so the call succeeded and has filled in `entry`, to which it
    // points; `entry` is alive and nobody writes to it any more.
    let name = unsafe { (*found).pw_name };
    if name.is_null() {
        return Found::Nothing;
    }
    // SAFETY: a successful call leaves `pw_name` pointing at a NUL-terminated string inside `text`,
    // which is alive and not written to while it is borrowed here.
    let name = unsafe { CStr::from_ptr(name) };
    Found::Name(name.to_string_lossy().into_owned())
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

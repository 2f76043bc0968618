//! Accounts and their names.
#![allow(unsafe_code, reason = "the look-up takes bare pointers")]

use std::{io, ptr};

use ipc_core::peer::Sid;
use windows_sys::Win32::Foundation::{ERROR_INSUFFICIENT_BUFFER, ERROR_NONE_MAPPED};
use windows_sys::Win32::Security::{
    LookupAccountNameW, LookupAccountSidW, SID_NAME_USE, SidTypeAlias, SidTypeComputer,
    SidTypeGroup, SidTypeUser, SidTypeWellKnownGroup,
};

use super::security::{RawSid, sid_text};
use super::{check, is, wide};

/// What an account is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Somebody, or a machine.
    User,
    Group,
    /// A domain, or an account that is no more.
    Other,
}

/// The account of that name; `None` if there is none.
pub(crate) fn named(name: &str) -> io::Result<Option<(Sid, Kind)>> {
    let name = wide::terminated(name)?;
    let mut sid = [0_u64; LONGEST_SID.div_ceil(size_of::<u64>())];
    let mut sid_length = u32::try_from(LONGEST_SID).map_err(io::Error::other)?;
    let mut domain = vec![0_u16; 256];
    loop {
        let mut domain_length = u32::try_from(domain.len()).map_err(io::Error::other)?;
        let (had, mut kind) = (domain.len(), 0);
        // SAFETY: a null system means this one; `name` is terminated; `sid` has `sid_length` bytes and
        // `domain` as many units as is said, and both are this function's own; the other results are
        // live locals.
        let found = check(unsafe {
            LookupAccountNameW(
                ptr::null(),
                name.as_ptr(),
                sid.as_mut_ptr().cast(),
                &raw mut sid_length,
                domain.as_mut_ptr(),
                &raw mut domain_length,
                &raw mut kind,
            )
        });
        let needed = usize::try_from(domain_length).unwrap_or(0);
        match found {
            Ok(()) => {
                // SAFETY: the call has written a valid identifier there, which lives for this one.
                let sid = unsafe { sid_text(sid.as_mut_ptr().cast()) }?;
                return Ok(Some((sid, Kind::of(kind))));
            }
            Err(error) if is(&error, ERROR_NONE_MAPPED) => return Ok(None),
            Err(error) if is(&error, ERROR_INSUFFICIENT_BUFFER) && needed > had => {
                domain.resize(needed, 0);
            }
            Err(error) => return Err(error),
        }
    }
}

impl Kind {
    fn of(kind: SID_NAME_USE) -> Self {
        #[allow(non_upper_case_globals, reason = "the system's constants")]
        match kind {
            SidTypeUser | SidTypeComputer => Self::User,
            SidTypeGroup | SidTypeAlias | SidTypeWellKnownGroup => Self::Group,
            _ => Self::Other,
        }
    }
}

/// In bytes. Source: Microsoft, `SECURITY_MAX_SID_SIZE`.
const LONGEST_SID: usize = 68;

/// `DOMAIN\name` of `sid`, or just the name where there is no domain; `None` for one that is nobody
/// known here.
pub(crate) fn name_of(sid: &Sid) -> Option<String> {
    let sid = RawSid::parse(sid).ok()?;
    // Most names fit; longer ones are asked for again with the lengths that the system then tells.
    let mut lengths = [64, 64];
    loop {
        match look_up(&sid, lengths) {
            Ok((name, domain)) if domain.is_empty() => return Some(name),
            Ok((name, domain)) => return Some(format!(r"{domain}\{name}")),
            Err((error, needed))
                if is(&error, ERROR_INSUFFICIENT_BUFFER) && is_more(needed, lengths) =>
            {
                lengths = needed;
            }
            Err(_) => return None,
        }
    }
}

/// The name and the domain, or why not and how long they are.
fn look_up(sid: &RawSid, lengths: [u32; 2]) -> Result<(String, String), (io::Error, [u32; 2])> {
    let room = |length| vec![0_u16; usize::try_from(length).unwrap_or(0)];
    let (mut name, mut domain) = (room(lengths[0]), room(lengths[1]));
    let ([mut name_length, mut domain_length], mut kind) = (lengths, 0);
    // SAFETY: `sid` is valid while borrowed; a null system means this one; both texts are this
    // function's own and have the lengths given; the other results are live locals.
    let found = check(unsafe {
        LookupAccountSidW(
            ptr::null(),
            sid.as_ptr(),
            name.as_mut_ptr(),
            &raw mut name_length,
            domain.as_mut_ptr(),
            &raw mut domain_length,
            &raw mut kind,
        )
    });
    match found {
        Ok(()) => Ok((until_nul(&name), until_nul(&domain))),
        Err(error) => Err((error, [name_length, domain_length])),
    }
}

fn is_more(needed: [u32; 2], had: [u32; 2]) -> bool {
    needed[0] > had[0] || needed[1] > had[1]
}

fn until_nul(text: &[u16]) -> String {
    let end = text.iter().position(|unit| *unit == 0).unwrap_or(text.len());
    String::from_utf16_lossy(&text[..end])
}

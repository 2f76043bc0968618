//! The names of accounts.
#![allow(unsafe_code, reason = "the look-up takes bare pointers")]

use std::{io, ptr};

use ipc_core::peer::Sid;
use windows_sys::Win32::Foundation::ERROR_INSUFFICIENT_BUFFER;
use windows_sys::Win32::Security::LookupAccountSidW;

use super::security::RawSid;
use super::{check, is};

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

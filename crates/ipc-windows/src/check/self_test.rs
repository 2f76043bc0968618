//! The start-up self-test: does this system take notice of what a token is restricted by?

use std::io;
use std::sync::OnceLock;

use ipc_core::ImpersonationLevel;
use ipc_core::peer::Sid;
use windows_sys::Win32::Storage::FileSystem::FILE_READ_DATA;

use crate::sys::judge::lets_by;
use crate::sys::security::Descriptor;
use crate::sys::token::Token;

/// `true` if copies of this process's token that are restricted in every way are refused what the
/// token itself might do. What merely failed is tried again the next time.
pub(super) fn passed() -> bool {
    static PASSED: OnceLock<bool> = OnceLock::new();
    match PASSED.get() {
        Some(passed) => *passed,
        None => refuses_restricted().is_ok_and(|passed| *PASSED.get_or_init(|| passed)),
    }
}

fn refuses_restricted() -> io::Result<bool> {
    let user = Token::of_process()?.user()?.sid;
    let (everyone, restricted) = (Sid::new(EVERYONE), Sid::new(RESTRICTED));
    for (deny_only, restricting, list) in [
        (vec![user.clone()], vec![], format!("(A;;FR;;;{user})")),
        (vec![user.clone()], vec![], format!("(D;;FR;;;{user})(A;;FR;;;{everyone})")),
        (vec![everyone.clone()], vec![], format!("(A;;FR;;;{everyone})")),
        (vec![], vec![restricted], format!("(A;;FR;;;{user})(A;;FR;;;{everyone})")),
    ] {
        let token = Token::restricted(&deny_only, &restricting, false)?;
        let token = token.to_carry(ImpersonationLevel::Identification)?;
        let rights = Descriptor::from_sddl(&format!("O:SYG:SYD:P{list}"))?;
        if lets_by(&rights, &token, FILE_READ_DATA)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Source: Microsoft, "Well-known SIDs".
const EVERYONE: &str = "S-1-1-0";
const RESTRICTED: &str = "S-1-5-12";

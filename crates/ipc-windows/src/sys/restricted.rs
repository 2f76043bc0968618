//! Restricted copies of this process's token.
#![allow(unsafe_code, reason = "tokens are made from bare pointers to identifiers")]

use std::{io, ptr};

use ipc_core::peer::Sid;
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Security::{
    CreateRestrictedToken, DISABLE_MAX_PRIVILEGE, SID_AND_ATTRIBUTES, SetTokenInformation,
    TOKEN_ADJUST_DEFAULT, TOKEN_ASSIGN_PRIMARY, TOKEN_DEFAULT_DACL, TOKEN_DUPLICATE, TOKEN_QUERY,
    TokenDefaultDacl,
};

use super::check;
use super::security::{Descriptor, RawSid};
use super::token::Token;

impl Token {
    /// This process's own with `deny_only` counting only where they deny, limited to what one of
    /// `restricting` may too if there is any, and without privileges if so asked: to start a process
    /// with.
    pub(crate) fn restricted(
        deny_only: &[Sid],
        restricting: &[Sid],
        without_privileges: bool,
    ) -> io::Result<Self> {
        let own = Self::of_process_for(
            TOKEN_QUERY | TOKEN_DUPLICATE | TOKEN_ASSIGN_PRIMARY | TOKEN_ADJUST_DEFAULT,
        )?;
        let (deny_only, restricting) = (List::of(deny_only)?, List::of(restricting)?);
        let flags = if without_privileges { DISABLE_MAX_PRIVILEGE } else { 0 };
        let mut token: HANDLE = ptr::null_mut();
        // SAFETY: the handle is `own`'s; two lists have as many entries as is said, and live with the
        // identifiers in them until the end; the other one is empty; the result is a live local.
        check(unsafe {
            CreateRestrictedToken(
                own.as_raw(),
                flags,
                deny_only.count,
                deny_only.entries.as_ptr(),
                0,
                ptr::null(),
                restricting.count,
                restricting.entries.as_ptr(),
                &raw mut token,
            )
        })?;
        // SAFETY: the call has just opened it, for this caller alone.
        let token = unsafe { Self::from_new(token) };
        token.give_to_user()?;
        Ok(token)
    }

    /// Has what the process creates be accessible to its user. By default that is who owns it: where
    /// administrators do, the process could not open its own objects.
    fn give_to_user(&self) -> io::Result<()> {
        let user = self.user()?.sid;
        let descriptor = Descriptor::from_sddl(&format!("D:(A;;GA;;;SY)(A;;GA;;;{user})"))?;
        let default = TOKEN_DEFAULT_DACL { DefaultDacl: descriptor.dacl() };
        let length = u32::try_from(size_of::<TOKEN_DEFAULT_DACL>()).map_err(io::Error::other)?;
        // SAFETY: the handle is this value's own; `default` has `length` bytes and points into
        // `descriptor`, which lives until the end; the system copies both.
        check(unsafe {
            SetTokenInformation(
                self.as_raw(),
                TokenDefaultDacl,
                ptr::from_ref(&default).cast(),
                length,
            )
        })
    }
}

/// Identifiers as the call takes them.
struct List {
    entries: Vec<SID_AND_ATTRIBUTES>,
    count: u32,
    /// What the entries point to.
    _sids: Vec<RawSid>,
}

impl List {
    fn of(sids: &[Sid]) -> io::Result<Self> {
        let sids = sids.iter().map(RawSid::parse).collect::<io::Result<Vec<_>>>()?;
        let entry = |sid: &RawSid| SID_AND_ATTRIBUTES { Sid: sid.as_ptr(), Attributes: 0 };
        let entries: Vec<_> = sids.iter().map(entry).collect();
        let count = u32::try_from(entries.len()).map_err(io::Error::other)?;
        Ok(Self { entries, count, _sids: sids })
    }
}

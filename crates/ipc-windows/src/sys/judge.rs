//! What a file's rights give a token, as the system itself answers that for the file.
#![allow(unsafe_code, reason = "descriptors and tokens are bare to the system")]

use std::io;
use std::os::windows::io::{AsRawHandle as _, BorrowedHandle};
use std::ptr;

use windows_sys::Win32::Security::Authorization::{GetSecurityInfo, SE_FILE_OBJECT};
use windows_sys::Win32::Security::{
    ATTRIBUTE_SECURITY_INFORMATION, AccessCheck, DACL_SECURITY_INFORMATION, GENERIC_MAPPING,
    GROUP_SECURITY_INFORMATION, LABEL_SECURITY_INFORMATION, OWNER_SECURITY_INFORMATION,
    PRIVILEGE_SET, PSECURITY_DESCRIPTOR, SCOPE_SECURITY_INFORMATION,
};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_ALL_ACCESS, FILE_GENERIC_EXECUTE, FILE_GENERIC_READ, FILE_GENERIC_WRITE,
};

use super::local::Local;
use super::security::Descriptor;
use super::token::Token;
use super::{check, check_code};

/// All that decides who may do what with a file, as it was at one moment.
#[derive(Debug)]
pub(crate) struct Decisive(Local);

impl Decisive {
    /// Of the opened file or directory, by a handle with the right `READ_CONTROL`.
    pub(crate) fn of(file: BorrowedHandle<'_>) -> io::Result<Self> {
        let mut descriptor: PSECURITY_DESCRIPTOR = ptr::null_mut();
        // SAFETY: the handle stays open while it is borrowed; the result is a live local, and the
        // parts are not asked for.
        check_code(unsafe {
            GetSecurityInfo(
                file.as_raw_handle(),
                SE_FILE_OBJECT,
                DECISIVE,
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
                ptr::null_mut(),
                &raw mut descriptor,
            )
        })?;
        // SAFETY: on success the call gives its caller an allocation to free by LocalFree, and
        // nobody else knows it.
        let kept = unsafe { Local::from_out(descriptor) };
        kept.map(Self).ok_or_else(|| io::Error::other("the file has no descriptor"))
    }

    /// Whether it gives `token`, which a thread can carry at whatever level, all of `rights`.
    pub(crate) fn lets(&self, token: &Token, rights: u32) -> io::Result<bool> {
        // SAFETY: the descriptor is this value's own, as the system made it.
        unsafe { lets(self.0.as_ptr(), token, rights) }
    }
}

/// The same for a descriptor that this process has made.
pub(crate) fn lets_by(descriptor: &Descriptor, token: &Token, rights: u32) -> io::Result<bool> {
    // SAFETY: the descriptor is valid, as its type says, and lives while it is borrowed.
    unsafe { lets(descriptor.as_ptr(), token, rights) }
}

/// # Safety
/// `descriptor` points to a valid security descriptor that lives for the call.
unsafe fn lets(descriptor: PSECURITY_DESCRIPTOR, token: &Token, rights: u32) -> io::Result<bool> {
    let mapping = GENERIC_MAPPING {
        GenericRead: FILE_GENERIC_READ,
        GenericWrite: FILE_GENERIC_WRITE,
        GenericExecute: FILE_GENERIC_EXECUTE,
        GenericAll: FILE_ALL_ACCESS,
    };
    let mut privileges = Privileges::default();
    let mut length = u32::try_from(size_of::<Privileges>()).map_err(io::Error::other)?;
    let (mut granted, mut answer) = (0, 0);
    // SAFETY: the descriptor is valid by this function's promise; the token's handle is open while
    // it is borrowed; `privileges` has `length` bytes and begins as the call wants; the rest are
    // live locals, and all is over when the call returns.
    check(unsafe {
        AccessCheck(
            descriptor,
            token.as_raw(),
            rights,
            &raw const mapping,
            (&raw mut privileges).cast::<PRIVILEGE_SET>(),
            &raw mut length,
            &raw mut granted,
            &raw mut answer,
        )
    })?;
    Ok(answer != 0 && granted & rights == rights)
}

/// Room for the privileges that a decision has used, which nobody asks for here.
#[repr(C)]
#[derive(Default)]
struct Privileges {
    first: PRIVILEGE_SET,
    more: [u64; 32],
}

/// Beside owner, group and list, what the system adds to them: the integrity label, the attributes
/// that conditions speak of, and the policy of a domain. Source: Microsoft, `SECURITY_INFORMATION`.
const DECISIVE: u32 = OWNER_SECURITY_INFORMATION
    | GROUP_SECURITY_INFORMATION
    | DACL_SECURITY_INFORMATION
    | LABEL_SECURITY_INFORMATION
    | ATTRIBUTE_SECURITY_INFORMATION
    | SCOPE_SECURITY_INFORMATION;

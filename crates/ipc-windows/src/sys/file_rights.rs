//! Who may do what with an opened file, and whose it is.
#![allow(unsafe_code, reason = "lists of rights are bare pointers to the system")]

use std::ffi::c_void;
use std::io;
use std::os::windows::io::{AsRawHandle as _, BorrowedHandle};
use std::ptr;

use ipc_core::peer::Sid;
use windows_sys::Win32::Foundation::{GENERIC_ALL, GENERIC_WRITE};
use windows_sys::Win32::Security::Authorization::{
    ConvertSecurityDescriptorToStringSecurityDescriptorW, GetSecurityInfo, SDDL_REVISION_1,
    SE_FILE_OBJECT, SetSecurityInfo,
};
use windows_sys::Win32::Security::{
    ACCESS_ALLOWED_ACE, ACE_HEADER, ACL, DACL_SECURITY_INFORMATION, GetAce,
    GetSecurityDescriptorDacl, INHERIT_ONLY_ACE, PROTECTED_DACL_SECURITY_INFORMATION,
    PSECURITY_DESCRIPTOR, UNPROTECTED_DACL_SECURITY_INFORMATION,
};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_APPEND_DATA, FILE_WRITE_DATA, WRITE_DAC, WRITE_OWNER,
};
use windows_sys::Win32::System::SystemServices::{ACCESS_ALLOWED_ACE_TYPE, ACCESS_DENIED_ACE_TYPE};

use super::local::Local;
use super::security::{Descriptor, sid_text, terminated_text};
use super::{check, check_code};

/// Who may do what, as text that compares and can be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rights(String);

impl Rights {
    /// Those that `text` says in the security descriptor definition language, as the system says it.
    pub(crate) fn from_sddl(text: &str) -> io::Result<Self> {
        Self::of_descriptor(Descriptor::from_sddl(text)?.as_ptr())
    }

    /// Those of an opened file. It takes the right `READ_CONTROL`.
    pub(crate) fn of(file: BorrowedHandle<'_>) -> io::Result<Self> {
        Self::of_descriptor(descriptor_of(file)?.as_ptr())
    }

    /// Sets them for an opened file. It takes the right `WRITE_DAC`.
    pub(crate) fn set(&self, file: BorrowedHandle<'_>) -> io::Result<()> {
        let descriptor = Descriptor::from_sddl(&self.0)?;
        let inheritance = if self.0.starts_with("D:P") {
            PROTECTED_DACL_SECURITY_INFORMATION
        } else {
            UNPROTECTED_DACL_SECURITY_INFORMATION
        };
        // SAFETY: the handle stays open while it is borrowed; the list is part of `descriptor`, which
        // outlives the call, and is only read; nothing else is to be set.
        check_code(unsafe {
            SetSecurityInfo(
                file.as_raw_handle(),
                SE_FILE_OBJECT,
                DACL_SECURITY_INFORMATION | inheritance,
                ptr::null_mut(),
                ptr::null_mut(),
                descriptor.dacl(),
                ptr::null(),
            )
        })
    }

    /// `true` if the file system keeps no rights: everybody may do everything.
    pub(crate) fn are_none(&self) -> bool {
        self.0.is_empty() || self.0 == "D:" || self.0.contains("NO_ACCESS_CONTROL")
    }

    /// In the security descriptor definition language.
    pub(crate) fn as_text(&self) -> &str {
        &self.0
    }

    fn of_descriptor(descriptor: PSECURITY_DESCRIPTOR) -> io::Result<Self> {
        let (mut text, mut length) = (ptr::null_mut(), 0);
        // SAFETY: both callers own the descriptor, which is valid, until this returns; the results
        // are live locals.
        check(unsafe {
            ConvertSecurityDescriptorToStringSecurityDescriptorW(
                descriptor,
                SDDL_REVISION_1,
                DACL_SECURITY_INFORMATION,
                &raw mut text,
                &raw mut length,
            )
        })?;
        // SAFETY: on success the call has made a terminated text, for its caller to free by
        // LocalFree, and nobody else knows it.
        unsafe { terminated_text(text) }.map(Self)
    }
}

/// Who may change the content of an opened file, or its rights; `None`: everybody. It takes the right
/// `READ_CONTROL`.
pub(crate) fn writers(file: BorrowedHandle<'_>) -> io::Result<Option<Vec<Sid>>> {
    let descriptor = descriptor_of(file)?;
    let (mut present, mut defaulted) = (0, 0);
    let mut list: *mut ACL = ptr::null_mut();
    // SAFETY: the descriptor is valid and lives for the call; the results are live locals.
    check(unsafe {
        GetSecurityDescriptorDacl(
            descriptor.as_ptr(),
            &raw mut present,
            &raw mut list,
            &raw mut defaulted,
        )
    })?;
    if present == 0 || list.is_null() {
        return Ok(None);
    }
    let mut writers = Vec::new();
    let mut index = 0;
    loop {
        let mut entry: *mut c_void = ptr::null_mut();
        // SAFETY: `list` is valid and part of `descriptor`, which lives; the result is a live local.
        // An index behind the last one is an error.
        if unsafe { GetAce(list, index, &raw mut entry) } == 0 {
            return Ok(Some(writers));
        }
        // SAFETY: it is an entry of that list.
        match unsafe { writer(entry.cast()) }? {
            Writer::None => {}
            Writer::Sid(sid) => writers.push(sid),
            Writer::Unclear => return Ok(None),
        }
        index += 1;
    }
}

/// Whom an entry lets write.
enum Writer {
    None,
    Sid(Sid),
    /// It applies on a condition, or to whom it is not known.
    Unclear,
}

/// # Safety
/// `entry` is one of a valid list, which lives for the call.
unsafe fn writer(entry: *mut ACCESS_ALLOWED_ACE) -> io::Result<Writer> {
    // SAFETY: every entry begins with a header, and the system aligns it.
    let header = unsafe { entry.cast::<ACE_HEADER>().read() };
    let kind = u32::from(header.AceType);
    if kind == ACCESS_DENIED_ACE_TYPE || u32::from(header.AceFlags) & INHERIT_ONLY_ACE != 0 {
        return Ok(Writer::None);
    }
    if kind != ACCESS_ALLOWED_ACE_TYPE {
        return Ok(Writer::Unclear);
    }
    // SAFETY: an entry of this kind begins with this structure, and is no shorter.
    let found = unsafe { entry.read() };
    if found.Mask & WRITING == 0 {
        return Ok(Writer::None);
    }
    // SAFETY: the identifier begins here and lies within the entry.
    let sid = unsafe { &raw mut (*entry).SidStart };
    // SAFETY: it is valid, as the list is, and lives for the call.
    unsafe { sid_text(sid.cast()) }.map(Writer::Sid)
}

fn descriptor_of(file: BorrowedHandle<'_>) -> io::Result<Local> {
    let mut descriptor: PSECURITY_DESCRIPTOR = ptr::null_mut();
    // SAFETY: the handle stays open while it is borrowed; the result is a live local, and the
    // parts are not asked for.
    check_code(unsafe {
        GetSecurityInfo(
            file.as_raw_handle(),
            SE_FILE_OBJECT,
            DACL_SECURITY_INFORMATION,
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
    kept.ok_or_else(|| io::Error::other("the file has no descriptor"))
}

/// What changes a file's content, or lets somebody change it.
const WRITING: u32 =
    FILE_WRITE_DATA | FILE_APPEND_DATA | WRITE_DAC | WRITE_OWNER | GENERIC_WRITE | GENERIC_ALL;

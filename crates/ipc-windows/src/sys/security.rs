//! Security descriptors and identifiers: from text to what the system takes, and back.
#![allow(unsafe_code, reason = "descriptors and identifiers are bare pointers to the system")]

use std::ffi::c_void;
use std::io;
use std::marker::PhantomData;
use std::os::windows::io::{AsRawHandle, BorrowedHandle};
use std::path::Path;
use std::ptr;

use ipc_core::peer::Sid;
use windows_sys::Win32::Foundation::ERROR_INVALID_SID;
use windows_sys::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW,
    ConvertStringSidToSidW, GetSecurityInfo, SDDL_REVISION_1, SE_FILE_OBJECT, SE_KERNEL_OBJECT,
    SetNamedSecurityInfoW,
};
use windows_sys::Win32::Security::{
    ACL, DACL_SECURITY_INFORMATION, GetSecurityDescriptorDacl, OWNER_SECURITY_INFORMATION,
    PROTECTED_DACL_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, PSID, SECURITY_ATTRIBUTES,
};

use super::local::Local;
use super::{check, check_code, error, wide};

/// A security descriptor, in one block (self-relative).
#[derive(Clone, Debug)]
pub(crate) struct Descriptor {
    /// In words, for the alignment that its parts need.
    words: Box<[u64]>,
}

impl Descriptor {
    /// The descriptor that `text` says in the security descriptor definition language.
    pub(crate) fn from_sddl(text: &str) -> io::Result<Self> {
        let text = wide::terminated(text)?;
        let (mut descriptor, mut length) = (ptr::null_mut(), 0);
        // SAFETY: `text` is terminated and outlives the call; the two results are live locals.
        let done = unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &raw mut descriptor,
                &raw mut length,
            )
        };
        check(done)?;
        // SAFETY: on success the call gives its caller an allocation to free by LocalFree, and
        // nobody else knows it. Source: its documentation, parameter SecurityDescriptor.
        let made = unsafe { Local::from_out(descriptor) }.ok_or_else(no_answer)?;
        let length = usize::try_from(length).map_err(|_| no_answer())?;
        let mut words = vec![0_u64; length.div_ceil(size_of::<u64>())].into_boxed_slice();
        // SAFETY: `made` has `length` bytes, by the call's answer, and lives until after this;
        // `words` has at least as many, is this function's own, and so overlaps nothing.
        unsafe {
            ptr::copy_nonoverlapping(
                made.as_ptr().cast::<u8>(),
                words.as_mut_ptr().cast::<u8>(),
                length,
            );
        }
        Ok(Self { words })
    }

    /// What a call that makes an object takes, as long as this value lives.
    pub(crate) fn attributes(&self) -> Attributes<'_> {
        let raw = SECURITY_ATTRIBUTES {
            nLength: SIZE_OF_ATTRIBUTES,
            lpSecurityDescriptor: self.as_ptr(),
            bInheritHandle: 0,
        };
        Attributes { raw, descriptor: PhantomData }
    }

    /// Who may do what; null for a descriptor that lets everybody do everything. It is part of this
    /// value, which must outlive its use.
    pub(super) fn dacl(&self) -> *mut ACL {
        let (mut present, mut defaulted) = (0, 0);
        let mut dacl: *mut ACL = ptr::null_mut();
        // SAFETY: the descriptor is valid and lives for the call; the results are live locals.
        let told = unsafe {
            GetSecurityDescriptorDacl(
                self.as_ptr(),
                &raw mut present,
                &raw mut dacl,
                &raw mut defaulted,
            )
        };
        if told != 0 && present != 0 { dacl } else { ptr::null_mut() }
    }

    /// `true` if it says who may do what. One that does not lets everybody do everything.
    pub(crate) fn has_dacl(&self) -> bool {
        !self.dacl().is_null()
    }

    /// For calls that read the descriptor and do not keep it.
    pub(super) fn as_ptr(&self) -> PSECURITY_DESCRIPTOR {
        self.words.as_ptr().cast_mut().cast()
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the size of a small struct")]
const SIZE_OF_ATTRIBUTES: u32 = size_of::<SECURITY_ATTRIBUTES>() as u32;

/// A descriptor for a new object, whose handle child processes do not inherit.
pub(crate) struct Attributes<'a> {
    raw: SECURITY_ATTRIBUTES,
    descriptor: PhantomData<&'a Descriptor>,
}

impl Attributes<'_> {
    /// Valid for as long as this value; the system only reads it.
    pub(crate) fn as_ptr(&self) -> *const SECURITY_ATTRIBUTES {
        &raw const self.raw
    }
}

/// The owner of the object behind `handle`, which needs the right `READ_CONTROL`.
pub(crate) fn owner_of(handle: BorrowedHandle<'_>) -> io::Result<Sid> {
    let (mut owner, mut descriptor): (PSID, PSECURITY_DESCRIPTOR) =
        (ptr::null_mut(), ptr::null_mut());
    // SAFETY: the handle stays open while it is borrowed; the two results are live locals, and the
    // others are not asked for.
    let code = unsafe {
        GetSecurityInfo(
            handle.as_raw_handle(),
            SE_KERNEL_OBJECT,
            OWNER_SECURITY_INFORMATION,
            &raw mut owner,
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
            &raw mut descriptor,
        )
    };
    check_code(code)?;
    // SAFETY: on success the call gives its caller an allocation to free by LocalFree, and nobody
    // else knows it; `owner` points into it and is not used after this function.
    let _kept = unsafe { Local::from_out(descriptor) }.ok_or_else(no_answer)?;
    // SAFETY: `owner` is null or a valid identifier within `_kept`, which lives until the end.
    unsafe { sid_text(owner) }
}

/// Sets who may do what with the file or directory at `path`, and cuts it off from what its parent
/// would have it inherit. What is below inherits anew.
pub(crate) fn set_file_dacl(path: &Path, descriptor: &Descriptor) -> io::Result<()> {
    let path = wide::terminated(path)?;
    // SAFETY: `path` is terminated; the list is part of `descriptor`; both outlive the call, which
    // only reads them; nothing else is to be set.
    check_code(unsafe {
        SetNamedSecurityInfoW(
            path.as_ptr(),
            SE_FILE_OBJECT,
            DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
            ptr::null_mut(),
            ptr::null_mut(),
            descriptor.dacl(),
            ptr::null(),
        )
    })
}

/// The text of `sid`.
///
/// # Safety
/// `sid` is null or points to a valid identifier that lives for the call.
pub(super) unsafe fn sid_text(sid: PSID) -> io::Result<Sid> {
    if sid.is_null() {
        return Err(error(ERROR_INVALID_SID));
    }
    let mut text: *mut u16 = ptr::null_mut();
    // SAFETY: `sid` is valid by this function's promise, and the result is a live local.
    check(unsafe { ConvertSidToStringSidW(sid, &raw mut text) })?;
    // SAFETY: on success the call has made a terminated text, for its caller to free by LocalFree, and
    // nobody else knows it.
    unsafe { terminated_text(text) }.map(Sid::new)
}

/// The text that a call has made, which is freed.
///
/// # Safety
/// `text` is null or a terminated text that `LocalFree` frees, which nobody else frees or uses.
pub(super) unsafe fn terminated_text(text: *mut u16) -> io::Result<String> {
    // SAFETY: by this function's own promise.
    let made = unsafe { Local::from_out(text.cast()) }.ok_or_else(no_answer)?;
    let mut wide = Vec::new();
    for at in 0..LONGEST_TEXT {
        // SAFETY: `made` is a terminated text and no unit before this one was its terminator, so
        // this one is still within it.
        let unit = unsafe { made.as_ptr().cast::<u16>().add(at) };
        // SAFETY: the same; the system aligns what it allocates.
        match unsafe { unit.read() } {
            0 => break,
            unit => wide.push(unit),
        }
    }
    String::from_utf16(&wide).map_err(io::Error::other)
}

/// In UTF-16 units. A list of rights is at most 64 KiB, and its text a few times as long; an
/// identifier's has less than 200.
const LONGEST_TEXT: usize = 1 << 20;

/// A security identifier as the system takes it.
#[derive(Debug)]
pub(super) struct RawSid(Local);

impl RawSid {
    pub(super) fn parse(sid: &Sid) -> io::Result<Self> {
        let text = wide::terminated(sid.as_str())?;
        let mut parsed: PSID = ptr::null_mut();
        // SAFETY: `text` is terminated and outlives the call, and the result is a live local.
        check(unsafe { ConvertStringSidToSidW(text.as_ptr(), &raw mut parsed) })?;
        // SAFETY: on success the call gives its caller an allocation to free by LocalFree, and
        // nobody else knows it.
        unsafe { Local::from_out(parsed) }.map(Self).ok_or_else(no_answer)
    }

    /// Valid for as long as this value.
    pub(super) fn as_ptr(&self) -> *mut c_void {
        self.0.as_ptr()
    }
}

fn no_answer() -> io::Error {
    io::Error::other("the system reported success and gave nothing")
}

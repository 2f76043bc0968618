//! What tests try: whether a thread may open an object, and what its token is.
#![allow(unsafe_code, reason = "objects are made and opened by calls that take bare pointers")]

use std::fs::File;
use std::io;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::ptr;

use windows_sys::Win32::Foundation::{DUPLICATE_SAME_ACCESS, DuplicateHandle};
use windows_sys::Win32::Security::Authorization::{
    ConvertSecurityDescriptorToStringSecurityDescriptorW, SDDL_REVISION_1,
};
use windows_sys::Win32::Security::{DACL_SECURITY_INFORMATION, OWNER_SECURITY_INFORMATION};
use windows_sys::Win32::Storage::FileSystem::SYNCHRONIZE;
use windows_sys::Win32::System::Threading::{CreateEventW, GetCurrentProcess, OpenEventW};

use super::local::Local;
use super::security::Descriptor;
use super::{check, wide};

/// Makes a named event for whom `sddl` says.
pub(crate) fn make_event(name: &str, sddl: &str) -> io::Result<OwnedHandle> {
    let (name, descriptor) = (wide::terminated(name)?, Descriptor::from_sddl(sddl)?);
    let attributes = descriptor.attributes();
    // SAFETY: `name` is terminated, and both it and `attributes` outlive the call.
    let event = unsafe { CreateEventW(attributes.as_ptr(), 1, 0, name.as_ptr()) };
    owned(event)
}

/// Makes a named event for whom the token of this process says by default.
pub(crate) fn make_event_by_default(name: &str) -> io::Result<OwnedHandle> {
    let name = wide::terminated(name)?;
    // SAFETY: `name` is terminated and outlives the call; no attributes are given.
    let event = unsafe { CreateEventW(ptr::null(), 1, 0, name.as_ptr()) };
    owned(event)
}

/// Opens a named event to wait for it.
pub(crate) fn open_event(name: &str) -> io::Result<OwnedHandle> {
    let name = wide::terminated(name)?;
    // SAFETY: `name` is terminated and outlives the call.
    let event = unsafe { OpenEventW(SYNCHRONIZE, 0, name.as_ptr()) };
    owned(event)
}

fn owned(handle: *mut std::ffi::c_void) -> io::Result<OwnedHandle> {
    if handle.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has just opened it, for this caller alone.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

/// The owner and the list of `descriptor`, as the system writes them.
pub(crate) fn sddl(descriptor: &Descriptor) -> io::Result<String> {
    let (mut text, mut length) = (ptr::null_mut(), 0);
    // SAFETY: the descriptor is valid and lives for the call; the results are live locals.
    check(unsafe {
        ConvertSecurityDescriptorToStringSecurityDescriptorW(
            descriptor.as_ptr(),
            SDDL_REVISION_1,
            OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
            &raw mut text,
            &raw mut length,
        )
    })?;
    // SAFETY: on success the call gives its caller an allocation to free by LocalFree, and nobody
    // else knows it.
    let text = unsafe { Local::from_out(text.cast()) }.expect("success gives a text");
    let length = usize::try_from(length).expect("fits");
    // SAFETY: the text has `length` units, by the call's answer, and lives until the end.
    let units = unsafe { std::slice::from_raw_parts(text.as_ptr().cast::<u16>(), length) };
    Ok(String::from_utf16_lossy(units).trim_end_matches('\0').to_owned())
}

/// Gives the process another handle on what `file` has open; its number there.
pub(crate) fn hand_on(file: &File, process: BorrowedHandle<'_>) -> io::Result<usize> {
    let mut handed_on = ptr::null_mut();
    // SAFETY: takes nothing, and answers with a constant that stands for this process.
    let own = unsafe { GetCurrentProcess() };
    // SAFETY: the process and `file` are borrowed and stay open; the result is a live local.
    check(unsafe {
        DuplicateHandle(
            own,
            file.as_raw_handle(),
            process.as_raw_handle(),
            &raw mut handed_on,
            0,
            0,
            DUPLICATE_SAME_ACCESS,
        )
    })?;
    Ok(handed_on.addr())
}

/// What was [handed on](hand_on) to this process under that number, which nobody else here has.
pub(crate) fn take_over(number: usize) -> File {
    // SAFETY: another process has put it there for this call alone.
    let handle = unsafe { OwnedHandle::from_raw_handle(ptr::without_provenance_mut(number)) };
    handle.into()
}

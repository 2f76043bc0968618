//! What keeps a file: its volume, and whether that is this machine's. Source: the documentation of
//! `NtQueryVolumeInformationFile` and `GetVolumeInformationByHandleW`.
#![allow(unsafe_code, reason = "the system answers into untyped memory")]

use std::io;
use std::os::windows::io::{AsRawHandle as _, BorrowedHandle};
use std::ptr;

use windows_sys::Wdk::Storage::FileSystem::{
    FileFsDeviceInformation, NtQueryVolumeInformationFile,
};
use windows_sys::Win32::Storage::FileSystem::GetVolumeInformationByHandleW;
use windows_sys::Win32::System::IO::IO_STATUS_BLOCK;

use super::check;
use super::files::Status;

/// The name of the file system that an opened file lies on, such as `NTFS`; `None` if it is another
/// machine's.
pub(crate) fn local_file_system(file: BorrowedHandle<'_>) -> io::Result<Option<String>> {
    if device(file)?.characteristics & REMOTE != 0 {
        return Ok(None);
    }
    let mut name = [0_u16; LONGEST_NAME];
    let length = u32::try_from(name.len()).map_err(io::Error::other)?;
    // SAFETY: the handle stays open while it is borrowed; `name` is a live local of `length` units;
    // nothing else is asked for.
    check(unsafe {
        GetVolumeInformationByHandleW(
            file.as_raw_handle(),
            ptr::null_mut(),
            0,
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
            name.as_mut_ptr(),
            length,
        )
    })?;
    let end = name.iter().position(|unit| *unit == 0).unwrap_or(name.len());
    String::from_utf16(&name[..end]).map(Some).map_err(io::Error::other)
}

fn device(file: BorrowedHandle<'_>) -> io::Result<Device> {
    let mut found = Device::default();
    let mut outcome = IO_STATUS_BLOCK::default();
    let length = u32::try_from(size_of::<Device>()).map_err(io::Error::other)?;
    // SAFETY: the handle stays open while it is borrowed; `outcome` is a live local, and so is
    // `found`, which is laid out as this class is and of the length that is passed.
    let status = unsafe {
        NtQueryVolumeInformationFile(
            file.as_raw_handle(),
            &raw mut outcome,
            (&raw mut found).cast(),
            length,
            FileFsDeviceInformation,
        )
    };
    if status < 0 { Err(Status(status).into()) } else { Ok(found) }
}

/// Source: Microsoft, `FILE_FS_DEVICE_INFORMATION`.
#[repr(C)]
#[derive(Default)]
struct Device {
    kind: u32,
    characteristics: u32,
}

/// It is reached over a network. Source: Microsoft, `FILE_REMOTE_DEVICE`.
const REMOTE: u32 = 0x10;

/// In UTF-16 units, with the terminator. Source: `GetVolumeInformationByHandleW`, `MAX_PATH` + 1.
const LONGEST_NAME: usize = 261;

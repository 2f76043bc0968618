//! Names in a directory that is held open, whatever becomes of its path. Source: the documentation of
//! `NtCreateFile` and `FILE_RENAME_INFORMATION`.
#![allow(unsafe_code, reason = "file calls that the standard library does not have")]

use std::fs::File;
use std::io;
use std::mem;
use std::os::windows::io::{AsRawHandle as _, BorrowedHandle, FromRawHandle as _, OwnedHandle};
use std::ptr;

use windows_sys::Wdk::Foundation::OBJECT_ATTRIBUTES;
use windows_sys::Wdk::Storage::FileSystem::{
    FILE_CREATE, FILE_DELETE_ON_CLOSE, FILE_INFORMATION_CLASS, FILE_OPEN, FILE_OPEN_REPARSE_POINT,
    FILE_RENAME_INFORMATION, FILE_RENAME_INFORMATION_0, FILE_SYNCHRONOUS_IO_NONALERT,
    FileRenameInformation, FileRenameInformationEx, NtCreateFile, NtSetInformationFile,
};
use windows_sys::Win32::Foundation::{
    OBJ_CASE_INSENSITIVE, OBJ_DONT_REPARSE, STATUS_INVALID_INFO_CLASS, STATUS_INVALID_PARAMETER,
    STATUS_NAME_TOO_LONG, STATUS_NOT_IMPLEMENTED, STATUS_NOT_SUPPORTED, UNICODE_STRING,
};
use windows_sys::Win32::Storage::FileSystem::{FILE_ATTRIBUTE_NORMAL, SYNCHRONIZE};
use windows_sys::Win32::System::IO::IO_STATUS_BLOCK;

use super::files::Status;
use super::security::Descriptor;

/// How a name is opened.
#[derive(Debug)]
pub(crate) struct How<'a> {
    /// What may be done with it, beside waiting.
    pub(crate) access: u32,
    /// What others may do meanwhile.
    pub(crate) share: u32,
    /// There must be nothing yet, and it is made.
    pub(crate) is_new: bool,
    /// It is gone when it is closed.
    pub(crate) is_passing: bool,
    /// The rights of what is made; `None`: those that the directory gives.
    pub(crate) rights: Option<&'a Descriptor>,
}

/// Opens `name`, one component, in `directory`. A link stands for itself.
pub(crate) fn open(directory: BorrowedHandle<'_>, name: &[u16], how: &How<'_>) -> io::Result<File> {
    let length = u16::try_from(mem::size_of_val(name)).map_err(|_| io::Error::from(TOO_LONG))?;
    let name =
        UNICODE_STRING { Length: length, MaximumLength: length, Buffer: name.as_ptr().cast_mut() };
    let attributes = OBJECT_ATTRIBUTES {
        Length: size::<OBJECT_ATTRIBUTES>(),
        RootDirectory: directory.as_raw_handle(),
        ObjectName: &raw const name,
        Attributes: OBJ_CASE_INSENSITIVE | OBJ_DONT_REPARSE,
        SecurityDescriptor: how
            .rights
            .map_or(ptr::null(), |rights| rights.as_ptr().cast_const().cast()),
        SecurityQualityOfService: ptr::null(),
    };
    let options = FILE_SYNCHRONOUS_IO_NONALERT
        | FILE_OPEN_REPARSE_POINT
        | if how.is_passing { FILE_DELETE_ON_CLOSE } else { 0 };
    let mut handle = ptr::null_mut();
    let mut outcome = IO_STATUS_BLOCK::default();
    // SAFETY: `directory` is borrowed and so stays open for the call. `attributes`, the name with its
    // text and the descriptor that it points to are alive until it returns, and none of them is
    // written to; `handle` and `outcome` are live locals. The call has ended when it returns.
    let status = unsafe {
        NtCreateFile(
            &raw mut handle,
            how.access | SYNCHRONIZE,
            &raw const attributes,
            &raw mut outcome,
            ptr::null(),
            FILE_ATTRIBUTE_NORMAL,
            how.share,
            if how.is_new { FILE_CREATE } else { FILE_OPEN },
            options,
            ptr::null(),
            0,
        )
    };
    if status < 0 {
        return Err(Status(status).into());
    }
    // SAFETY: the call succeeded, so this is an open handle that nobody else knows.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) }.into())
}

/// Gives `file`, which may be deleted by this handle, the name `to` in `directory`, in place of whatever
/// had it: of what others have open as well, where the file system can do that.
pub(crate) fn rename(
    file: BorrowedHandle<'_>,
    directory: BorrowedHandle<'_>,
    to: &[u16],
) -> io::Result<()> {
    let at_once = FILE_RENAME_INFORMATION_0 { Flags: REPLACE_IF_EXISTS | POSIX_SEMANTICS };
    match request(file, directory, to, at_once, FileRenameInformationEx) {
        Err(Status(status)) if CANNOT.contains(&status) => {
            let plainly = FILE_RENAME_INFORMATION_0 { ReplaceIfExists: true };
            request(file, directory, to, plainly, FileRenameInformation).map_err(io::Error::from)
        }
        outcome => outcome.map_err(io::Error::from),
    }
}

fn request(
    file: BorrowedHandle<'_>,
    directory: BorrowedHandle<'_>,
    to: &[u16],
    how: FILE_RENAME_INFORMATION_0,
    class: FILE_INFORMATION_CLASS,
) -> Result<(), Status> {
    const NAME: usize = mem::offset_of!(FILE_RENAME_INFORMATION, FileName);
    let text = mem::size_of_val(to);
    let length = (NAME + text).max(size_of::<FILE_RENAME_INFORMATION>());
    let mut request = vec![0_u64; length.div_ceil(size_of::<u64>())];
    let head = FILE_RENAME_INFORMATION {
        Anonymous: how,
        RootDirectory: directory.as_raw_handle(),
        FileNameLength: u32::try_from(text).map_err(|_| TOO_LONG)?,
        FileName: [0],
    };
    let start = request.as_mut_ptr();
    // SAFETY: `request` has room for the structure, by the length above, and is aligned for it: both
    // are to eight bytes at the most.
    unsafe { start.cast::<FILE_RENAME_INFORMATION>().write(head) };
    // SAFETY: the offset is within `request`, by the length above.
    let name = unsafe { start.cast::<u8>().add(NAME) };
    // SAFETY: from there on `request` has `text` bytes, which are what `to` has; they do not overlap.
    unsafe { ptr::copy_nonoverlapping(to.as_ptr().cast::<u8>(), name, text) };
    let length = u32::try_from(length).map_err(|_| TOO_LONG)?;
    let mut outcome = IO_STATUS_BLOCK::default();
    // SAFETY: both handles are borrowed and so stay open; `request` is a live local that has at least
    // `length` bytes, laid out as these two classes are; `outcome` is a live local.
    let status = unsafe {
        NtSetInformationFile(
            file.as_raw_handle(),
            &raw mut outcome,
            request.as_ptr().cast(),
            length,
            class,
        )
    };
    if status < 0 { Err(Status(status)) } else { Ok(()) }
}

/// Source: `ntifs.h`.
const REPLACE_IF_EXISTS: u32 = 0x1;
const POSIX_SEMANTICS: u32 = 0x2;

/// What a file system or a system says that cannot replace what is open.
const CANNOT: [i32; 4] = [
    STATUS_INVALID_PARAMETER,
    STATUS_INVALID_INFO_CLASS,
    STATUS_NOT_SUPPORTED,
    STATUS_NOT_IMPLEMENTED,
];

const TOO_LONG: Status = Status(STATUS_NAME_TOO_LONG);

fn size<T>() -> u32 {
    u32::try_from(mem::size_of::<T>()).expect("a structure of a few bytes")
}

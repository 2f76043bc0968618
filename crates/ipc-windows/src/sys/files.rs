//! Opening files below a directory and looking at them. Source: the documentation of
//! `NtCreateFile`, `InitializeObjectAttributes` and `GetFileInformationByHandleEx`.
#![allow(unsafe_code, reason = "file calls that the standard library does not have")]

mod listing;

pub(crate) use listing::entries;

use std::io;
use std::mem;
use std::os::windows::io::{AsRawHandle as _, BorrowedHandle, FromRawHandle as _, OwnedHandle};
use std::ptr;
use std::time::{Duration, SystemTime};

use ipc_core::files::{FileKind, Metadata};
use windows_sys::Wdk::Foundation::OBJECT_ATTRIBUTES;
use windows_sys::Wdk::Storage::FileSystem::{
    FILE_COMPLETE_IF_OPLOCKED, FILE_DIRECTORY_FILE, FILE_MODE_INFORMATION, FILE_NON_DIRECTORY_FILE,
    FILE_OPEN, FILE_OPEN_REPARSE_POINT, FILE_SYNCHRONOUS_IO_ALERT, FILE_SYNCHRONOUS_IO_NONALERT,
    FileModeInformation, NTCREATEFILE_CREATE_OPTIONS, NtCreateFile, NtQueryInformationFile,
};
use windows_sys::Win32::Foundation::{
    NTSTATUS, OBJ_CASE_INSENSITIVE, OBJ_DONT_REPARSE, RtlNtStatusToDosError,
    STATUS_OPLOCK_BREAK_IN_PROGRESS, STATUS_SUCCESS, UNICODE_STRING,
};
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_ACCESS_RIGHTS, FILE_ATTRIBUTE_DIRECTORY,
    FILE_ATTRIBUTE_ENCRYPTED, FILE_ATTRIBUTE_REPARSE_POINT, FILE_ATTRIBUTE_TAG_INFO,
    FILE_GENERIC_READ, FILE_ID_INFO, FILE_LIST_DIRECTORY, FILE_NAME_NORMALIZED,
    FILE_READ_ATTRIBUTES, FILE_READ_DATA, FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE,
    FILE_TYPE_DISK, FileAttributeTagInfo, FileIdInfo, GetFileInformationByHandle,
    GetFileInformationByHandleEx, GetFileType, GetFinalPathNameByHandleW, READ_CONTROL,
    SYNCHRONIZE, VOLUME_NAME_DOS,
};
use windows_sys::Win32::System::IO::IO_STATUS_BLOCK;

use super::check;

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// To read it.
    Content,
    /// To list it.
    Entries,
    /// To look at its metadata; a link stands for itself.
    Metadata,
    /// To look at the rights of a directory and to go on below it.
    Way,
    /// To look at the rights of whatever it is; a link stands for itself.
    Rights,
}

impl Wanted {
    /// To read a file takes what it takes any program, so that nobody is refused what they could open
    /// themselves, or the reverse.
    ///
    /// Never `FILE_OPEN_FOR_BACKUP_INTENT`: with the privilege for it, it would open everything.
    fn flags(self) -> (FILE_ACCESS_RIGHTS, NTCREATEFILE_CREATE_OPTIONS) {
        match self {
            Self::Content => (
                FILE_GENERIC_READ,
                FILE_NON_DIRECTORY_FILE | FILE_SYNCHRONOUS_IO_NONALERT | FILE_COMPLETE_IF_OPLOCKED,
            ),
            Self::Entries => (
                FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES | SYNCHRONIZE,
                FILE_DIRECTORY_FILE | FILE_SYNCHRONOUS_IO_NONALERT | FILE_COMPLETE_IF_OPLOCKED,
            ),
            // Not SYNCHRONIZE: who may list a directory may look at what it holds, and no more.
            Self::Metadata => (FILE_READ_ATTRIBUTES, FILE_OPEN_REPARSE_POINT),
            Self::Way => (READ_CONTROL, FILE_DIRECTORY_FILE),
            Self::Rights => (READ_CONTROL, FILE_OPEN_REPARSE_POINT),
        }
    }

    /// What is asked of the system for it.
    pub(crate) fn rights(self) -> FILE_ACCESS_RIGHTS {
        self.flags().0
    }
}

/// What the system answered instead of opening a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status(pub(crate) NTSTATUS);

impl From<Status> for io::Error {
    fn from(Status(status): Status) -> Self {
        // SAFETY: a lookup of a number by a number.
        super::error(unsafe { RtlNtStatusToDosError(status) })
    }
}

/// Opens what `name` names below `directory`, which is `directory` itself if `name` is empty.
///
/// No link on the way is followed, and none at the end either. Nobody is waited for who holds the
/// file, and nobody is kept from using it.
pub(crate) fn open_below(
    directory: BorrowedHandle<'_>,
    name: &[u16],
    wanted: Wanted,
) -> Result<OwnedHandle, Status> {
    let (access, options) = wanted.flags();
    open(directory, name, access, options)
}

/// The same, by a handle that tells the rights of the file too.
pub(crate) fn open_to_judge(
    directory: BorrowedHandle<'_>,
    name: &[u16],
    wanted: Wanted,
) -> Result<OwnedHandle, Status> {
    let (access, options) = wanted.flags();
    open(directory, name, access | READ_CONTROL, options)
}

fn open(
    directory: BorrowedHandle<'_>,
    name: &[u16],
    access: FILE_ACCESS_RIGHTS,
    options: NTCREATEFILE_CREATE_OPTIONS,
) -> Result<OwnedHandle, Status> {
    let length = u16::try_from(mem::size_of_val(name)).map_err(|_| TOO_LONG)?;
    let name =
        UNICODE_STRING { Length: length, MaximumLength: length, Buffer: name.as_ptr().cast_mut() };
    let attributes = OBJECT_ATTRIBUTES {
        Length: size::<OBJECT_ATTRIBUTES>(),
        RootDirectory: directory.as_raw_handle(),
        ObjectName: &raw const name,
        Attributes: OBJ_CASE_INSENSITIVE | OBJ_DONT_REPARSE,
        SecurityDescriptor: ptr::null(),
        SecurityQualityOfService: ptr::null(),
    };
    let mut handle = ptr::null_mut();
    let mut outcome = IO_STATUS_BLOCK::default();
    // SAFETY: `directory` is borrowed and so stays open for the call. `attributes`, the name that it
    // points to and the text that that points to are alive until it returns, and none of them is
    // written to; `handle` and `outcome` are live locals. The call has ended when it returns, for it
    // has no caller's event or routine to tell.
    let status = unsafe {
        NtCreateFile(
            &raw mut handle,
            access,
            &raw const attributes,
            &raw mut outcome,
            ptr::null(),
            0,
            FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
            FILE_OPEN,
            options,
            ptr::null(),
            0,
        )
    };
    if status < 0 {
        return Err(Status(status));
    }
    // SAFETY: the call succeeded, so this is an open handle that nobody else knows.
    let opened = unsafe { OwnedHandle::from_raw_handle(handle) };
    match status {
        STATUS_SUCCESS => Ok(opened),
        // Reading would wait for whoever is to give it up.
        STATUS_OPLOCK_BREAK_IN_PROGRESS => Err(Status(status)),
        _ => Ok(opened),
    }
}

/// `true` for a file or directory of a file system; `false` for a pipe, a device or a console.
pub(crate) fn is_on_disk(file: BorrowedHandle<'_>) -> bool {
    // SAFETY: `file` is borrowed and so stays open for the call, which touches no memory of ours.
    unsafe { GetFileType(file.as_raw_handle()) == FILE_TYPE_DISK }
}

/// `true` if the content can be read through this handle.
pub(crate) fn is_open_for_reading(file: BorrowedHandle<'_>) -> bool {
    let granted = super::pass::granted_to(file.as_raw_handle());
    granted.is_some_and(|granted| granted & FILE_READ_DATA != 0)
}

/// `true` if reading through this handle waits until it is done.
pub(crate) fn is_synchronous(file: BorrowedHandle<'_>) -> io::Result<bool> {
    let mut found = FILE_MODE_INFORMATION::default();
    let mut outcome = IO_STATUS_BLOCK::default();
    // SAFETY: `file` is borrowed and so stays open for the call; `outcome` is a live local, and so is
    // `found`, which is of the type that this class has and of the length that is passed.
    let status = unsafe {
        NtQueryInformationFile(
            file.as_raw_handle(),
            &raw mut outcome,
            (&raw mut found).cast(),
            size::<FILE_MODE_INFORMATION>(),
            FileModeInformation,
        )
    };
    if status < 0 {
        return Err(Status(status).into());
    }
    Ok(found.Mode & (FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT) != 0)
}

/// The metadata of an opened file. What is on no disk has none but its kind.
pub(crate) fn metadata(file: BorrowedHandle<'_>) -> io::Result<Metadata> {
    if !is_on_disk(file) {
        return Ok(Metadata::new(FileKind::Other, 0, 0, 0));
    }
    let found = information(file)?;
    let tag = match found.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT {
        0 => 0,
        _ => reparse_tag(file)?,
    };
    let mut metadata = Metadata::new(
        kind(found.dwFileAttributes, tag),
        joined(found.nFileSizeHigh, found.nFileSizeLow),
        found.dwVolumeSerialNumber.into(),
        wide_number(file).unwrap_or_else(|| joined(found.nFileIndexHigh, found.nFileIndexLow)),
    );
    let written = found.ftLastWriteTime;
    metadata.modified = time(joined(written.dwHighDateTime, written.dwLowDateTime));
    Ok(metadata)
}

/// The path of an opened file, without links in it.
pub(crate) fn final_path(file: BorrowedHandle<'_>) -> io::Result<Vec<u16>> {
    let mut path = vec![0_u16; 512];
    loop {
        let room = u32::try_from(path.len()).map_err(io::Error::other)?;
        // SAFETY: `file` is borrowed and so stays open for the call; `path` is this function's own and
        // has `room` units.
        let length = unsafe {
            GetFinalPathNameByHandleW(
                file.as_raw_handle(),
                path.as_mut_ptr(),
                room,
                FILE_NAME_NORMALIZED | VOLUME_NAME_DOS,
            )
        };
        let length = usize::try_from(length).map_err(io::Error::other)?;
        if length == 0 {
            return Err(io::Error::last_os_error());
        }
        let fits = length < path.len();
        // Too short, it is told how many units it takes with the terminator.
        path.resize(length, 0);
        if fits {
            return Ok(path);
        }
    }
}

/// How many names an opened file has.
pub(crate) fn links(file: BorrowedHandle<'_>) -> io::Result<u32> {
    Ok(information(file)?.nNumberOfLinks)
}

/// `true` if its content is kept for those alone who have a key to it, whatever its rights say.
pub(crate) fn is_encrypted(file: BorrowedHandle<'_>) -> io::Result<bool> {
    Ok(information(file)?.dwFileAttributes & FILE_ATTRIBUTE_ENCRYPTED != 0)
}

fn information(file: BorrowedHandle<'_>) -> io::Result<BY_HANDLE_FILE_INFORMATION> {
    let mut found = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: `file` is borrowed and so stays open for the call; `found` is a live local of the type
    // that the call writes.
    check(unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut found) })?;
    Ok(found)
}

/// The file's number on its volume in 64 bits, from the 128 that it has there; `None` where it has no
/// such.
fn wide_number(file: BorrowedHandle<'_>) -> Option<u64> {
    let mut found = FILE_ID_INFO::default();
    // SAFETY: `file` is borrowed and so stays open for the call; `found` is a live local of the type
    // that this class has, and of the size that is passed.
    let told = check(unsafe {
        GetFileInformationByHandleEx(
            file.as_raw_handle(),
            FileIdInfo,
            (&raw mut found).cast(),
            size::<FILE_ID_INFO>(),
        )
    });
    told.ok().map(|()| folded(u128::from_le_bytes(found.FileId.Identifier)))
}

/// NTFS has its 64 bits in the lower half, and they stay as they are. ReFS has a directory's number in
/// the upper half, which is spread over all bits, so that no two files that are near each other meet.
fn folded(number: u128) -> u64 {
    #[allow(clippy::cast_possible_truncation, reason = "the halves are meant")]
    let (upper, lower) = ((number >> 64) as u64, number as u64);
    // Source: SplitMix64 (Steele, Lea and Flood, 2014), by which 0 stays 0.
    let upper = (upper ^ (upper >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let upper = (upper ^ (upper >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    lower ^ upper ^ (upper >> 31)
}

fn reparse_tag(file: BorrowedHandle<'_>) -> io::Result<u32> {
    let mut found = FILE_ATTRIBUTE_TAG_INFO::default();
    // SAFETY: `file` is borrowed and so stays open for the call; `found` is a live local of the type
    // that this class has, and of the size that is passed.
    check(unsafe {
        GetFileInformationByHandleEx(
            file.as_raw_handle(),
            FileAttributeTagInfo,
            (&raw mut found).cast(),
            size::<FILE_ATTRIBUTE_TAG_INFO>(),
        )
    })?;
    Ok(found.ReparseTag)
}

/// What an object with these attributes is. Only a reparse point that stands for another name is a
/// link; others, such as a file that lies in a cloud, are what they seem to be.
fn kind(attributes: u32, reparse_tag: u32) -> FileKind {
    if attributes & FILE_ATTRIBUTE_REPARSE_POINT != 0 && reparse_tag & NAME_SURROGATE != 0 {
        FileKind::Link
    } else if attributes & FILE_ATTRIBUTE_DIRECTORY != 0 {
        FileKind::Directory
    } else {
        FileKind::Regular
    }
}

fn joined(high: u32, low: u32) -> u64 {
    (u64::from(high) << 32) | u64::from(low)
}

/// The time that is `ticks` after the beginning of 1601; 0 says that there is none.
fn time(ticks: u64) -> Option<SystemTime> {
    if ticks == 0 {
        return None;
    }
    let since_1601 = Duration::from_secs(ticks / TICKS_PER_SECOND)
        + Duration::from_nanos(ticks % TICKS_PER_SECOND * NANOS_PER_TICK);
    let before_1970 = Duration::from_secs(FROM_1601_TO_1970);
    match since_1601.checked_sub(before_1970) {
        Some(since) => SystemTime::UNIX_EPOCH.checked_add(since),
        None => SystemTime::UNIX_EPOCH.checked_sub(before_1970 - since_1601),
    }
}

/// The size of a structure, for a call that wants to be told.
fn size<T>() -> u32 {
    u32::try_from(mem::size_of::<T>()).expect("a structure of a few bytes")
}

/// The bit of a reparse point's tag that says: it stands for another name, as links and mount points
/// do. Source: [MS-FSCC] 2.1.2.1, `N`.
const NAME_SURROGATE: u32 = 0x2000_0000;

/// Source: [MS-DTYP] 2.3.3, FILETIME.
const TICKS_PER_SECOND: u64 = 10_000_000;
const NANOS_PER_TICK: u64 = 100;
/// In seconds.
const FROM_1601_TO_1970: u64 = 11_644_473_600;

const TOO_LONG: Status = Status(windows_sys::Win32::Foundation::STATUS_NAME_TOO_LONG);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_and_after_1970_are_told_to_the_tick() {
        let epoch = FROM_1601_TO_1970 * TICKS_PER_SECOND;
        let tick = Duration::from_nanos(NANOS_PER_TICK);
        assert_eq!(time(0), None);
        assert_eq!(time(epoch), Some(SystemTime::UNIX_EPOCH));
        assert_eq!(time(epoch + 1), Some(SystemTime::UNIX_EPOCH + tick));
        assert_eq!(time(epoch - 1), Some(SystemTime::UNIX_EPOCH - tick));
    }

    #[test]
    fn numbers_of_128_bits_are_told_apart_in_64_and_those_of_64_stay() {
        assert_eq!(folded(0x5_0000_0000_1234), 0x5_0000_0000_1234);
        let numbers =
            (0..200_u128).flat_map(|upper| (0..200).map(move |lower| (upper << 64) | lower));
        let folded: std::collections::HashSet<u64> = numbers.map(folded).collect();
        assert_eq!(folded.len(), 200 * 200);
    }

    #[test]
    fn only_a_reparse_point_that_stands_for_a_name_is_a_link() {
        const MOUNT_POINT: u32 = 0xA000_0003;
        const SYMLINK: u32 = 0xA000_000C;
        const CLOUD: u32 = 0x9000_001A;
        let reparse = FILE_ATTRIBUTE_REPARSE_POINT;
        for tag in [MOUNT_POINT, SYMLINK] {
            assert_eq!(kind(reparse, tag), FileKind::Link);
            assert_eq!(kind(reparse | FILE_ATTRIBUTE_DIRECTORY, tag), FileKind::Link);
        }
        assert_eq!(kind(reparse, CLOUD), FileKind::Regular);
        assert_eq!(kind(reparse | FILE_ATTRIBUTE_DIRECTORY, CLOUD), FileKind::Directory);
        // What a file without a reparse point has there means something else.
        assert_eq!(kind(0, SYMLINK), FileKind::Regular);
    }
}

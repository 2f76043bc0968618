//! What the system knows of a file, in the words of `ipc-core`.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, SystemTime};

use ipc_core::files::{DirectoryEntry, FileKind, Metadata};
use rustix::fs::{Dir, FileType, Stat};

/// The metadata of an opened file.
pub(crate) fn metadata(file: BorrowedFd<'_>) -> rustix::io::Result<Metadata> {
    Ok(describe(&rustix::fs::fstat(file)?))
}

/// The metadata in the system's record of a file.
pub(super) fn describe(stat: &Stat) -> Metadata {
    // The fields' types differ between systems; all fit here.
    let mode: u32 = stat.st_mode as _;
    let length = u64::try_from(stat.st_size).unwrap_or(0);
    let kind = kind(FileType::from_raw_mode(stat.st_mode)).unwrap_or(FileKind::Other);
    let mut metadata = Metadata::new(kind, length, stat.st_dev as _, stat.st_ino as _);
    metadata.modified = time(stat.st_mtime as _, stat.st_mtime_nsec as _);
    metadata.mode = Some(mode & 0o7777);
    metadata.owner = Some((stat.st_uid, stat.st_gid));
    metadata
}

/// The entries of a directory from its beginning, without `.` and `..`, until `each` returns
/// `false`. `directory` may be a duplicate: it is read, not opened again, which would need rights.
pub(crate) fn entries(
    directory: OwnedFd,
    each: &mut dyn FnMut(DirectoryEntry) -> bool,
) -> io::Result<()> {
    let mut directory = Dir::new(directory)?;
    directory.rewind();
    while let Some(entry) = directory.read() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            let entry = DirectoryEntry { name: name.to_vec(), kind: kind(entry.file_type()) };
            if !each(entry) {
                break;
            }
        }
    }
    Ok(())
}

fn kind(kind: FileType) -> Option<FileKind> {
    match kind {
        FileType::RegularFile => Some(FileKind::Regular),
        FileType::Directory => Some(FileKind::Directory),
        FileType::Symlink => Some(FileKind::Link),
        FileType::Fifo => Some(FileKind::Fifo),
        FileType::Socket => Some(FileKind::Socket),
        FileType::CharacterDevice | FileType::BlockDevice => Some(FileKind::Device),
        FileType::Unknown => None,
    }
}

fn time(seconds: i64, nanoseconds: u64) -> Option<SystemTime> {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let whole = if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(whole)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(whole)
    };
    whole?.checked_add(Duration::from_nanos(nanoseconds))
}

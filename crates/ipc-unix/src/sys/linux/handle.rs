//! Looking at files by handles that give no right to their content. Source: open(2) on `O_PATH`,
//! xattr(7), acl(5).

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags, Stat, StatVfsMountFlags};
use rustix::io::{Errno, retry_on_intr};

use super::files::{self, MAX_TRIES, SEARCH};
use super::look::{FileSystem, Look};
use super::status::describe;
use super::walk::Wanted;

/// A file that is held, and cannot be read by that: whatever becomes of its name, it stays this one.
#[derive(Debug)]
pub(crate) struct Handle(OwnedFd);

impl Handle {
    /// A handle on what is open already.
    pub(crate) fn on(directory: BorrowedFd<'_>) -> io::Result<Self> {
        Ok(Self(directory.try_clone_to_owned()?))
    }

    /// A handle on what `name`, one component, stands for in this directory; a link is itself.
    pub(crate) fn below(&self, name: &[u8]) -> io::Result<Self> {
        let flags = SEARCH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = retry_on_intr(|| rustix::fs::openat(&self.0, name, flags, Mode::empty()))?;
        Ok(Self(handle))
    }

    /// What decides about the file: all of it as it was at one moment, not half of it before a
    /// change and half after.
    pub(crate) fn look(&self) -> io::Result<Look> {
        let mut before = rustix::fs::fstat(&self.0)?;
        for tries in 0..2 * MAX_TRIES {
            let list = match FileType::from_raw_mode(before.st_mode) {
                FileType::Symlink => None,
                _ => self.access_list()?,
            };
            let after = rustix::fs::fstat(&self.0)?;
            // A file that is written to all the time never looks unchanged.
            let is_unchanged = last_change(&before) == last_change(&after) || tries > MAX_TRIES;
            if is_unchanged && rights(&before) == rights(&after) {
                return Ok(Look { metadata: describe(&after), list });
            }
            before = after;
        }
        Err(Errno::BUSY.into())
    }

    /// The text of this link, which must be one.
    pub(crate) fn target(&self) -> io::Result<Vec<u8>> {
        let mount = rustix::fs::fstatvfs(&self.0)?;
        if mount.f_flag.contains(NO_LINKS_FOLLOWED) {
            return Err(Errno::LOOP.into());
        }
        Ok(rustix::fs::readlinkat(&self.0, "", Vec::new())?.into_bytes())
    }

    /// Opens this very file with this process's own rights, never waiting for a lease's holder.
    pub(crate) fn open(&self, wanted: Wanted) -> io::Result<OwnedFd> {
        let flags = wanted.flags() | OFlags::CLOEXEC;
        let mut tries = 0;
        loop {
            match rustix::fs::open(self.path(), flags, Mode::empty()) {
                Err(Errno::AGAIN | Errno::INTR) if tries < MAX_TRIES => tries += 1,
                Err(Errno::NOENT) => return Err(takes_proc()),
                opened => return Ok(opened?),
            }
        }
    }

    /// Who decides about the files where this one lies.
    pub(crate) fn file_system(&self) -> io::Result<FileSystem> {
        if files::is_made_by_the_kernel(self.0.as_fd())? {
            return Ok(FileSystem::MadeUp);
        }
        let kind = files::file_system(self.0.as_fd())?;
        let judges = JUDGING_BY_MODE.iter().any(|(_, magic)| *magic == kind);
        Ok(if judges { FileSystem::JudgesByMode } else { FileSystem::Unknown })
    }

    /// The list that the kernel goes by, if there is one: where a file system has none, or was
    /// mounted without, the kernel looks at the mode alone.
    fn access_list(&self) -> io::Result<Option<Vec<u8>>> {
        let mut short = [0; 1024];
        match rustix::fs::getxattr(self.path(), ACCESS_LIST, &mut short) {
            Ok(length) => return Ok(Some(short[..length].to_vec())),
            Err(Errno::NODATA | Errno::OPNOTSUPP) => return Ok(None),
            Err(Errno::NOENT) => return Err(takes_proc()),
            Err(Errno::RANGE) => {}
            Err(error) => return Err(error.into()),
        }
        let mut long = vec![0; MAX_ATTRIBUTE];
        let length = rustix::fs::getxattr(self.path(), ACCESS_LIST, &mut long[..])?;
        long.truncate(length);
        Ok(Some(long))
    }

    /// The one path that leads to this file whatever its name: no call takes an `O_PATH` descriptor
    /// to read an attribute or to open the file.
    fn path(&self) -> String {
        format!("/proc/thread-self/fd/{}", self.0.as_raw_fd())
    }
}

/// `true` if the kernel does not follow everybody's links in directories that everybody writes to.
/// Source: proc(5), `/proc/sys/fs/protected_symlinks`.
pub(crate) fn protects_links() -> bool {
    fs::read_to_string("/proc/sys/fs/protected_symlinks").map_or(true, |text| text.trim() != "0")
}

fn rights(stat: &Stat) -> impl PartialEq {
    (stat.st_mode, stat.st_uid, stat.st_gid)
}

/// When anything about the file last changed: its rights, its content, its name.
fn last_change(stat: &Stat) -> impl PartialEq {
    (stat.st_ctime, stat.st_ctime_nsec)
}

fn takes_proc() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "it takes /proc, which is not mounted here")
}

/// Whether the file system of an open file is one of this machine's own, so that reading waits for
/// nobody but the disk.
pub(crate) fn answers_by_itself(file: BorrowedFd<'_>) -> bool {
    files::file_system(file)
        .is_ok_and(|kind| JUDGING_BY_MODE.iter().any(|(_, magic)| *magic == kind))
}

const ACCESS_LIST: &str = "system.posix_acl_access";

/// The longest value of an attribute, in bytes. Source: xattr(7).
const MAX_ATTRIBUTE: usize = 65_536;

/// The mount flag `nosymfollow`. Source: Linux `include/linux/statfs.h`, `ST_NOSYMFOLLOW`.
const NO_LINKS_FOLLOWED: StatVfsMountFlags = StatVfsMountFlags::from_bits_retain(0x2000);

/// The file systems on this machine's own disks and in its memory that leave every decision to the
/// kernel's common code: owner, group, mode and POSIX list. Not among them is what asks a server or
/// a program (NFS, SMB, 9P, FUSE) or may have lists of another kind (ZFS, NTFS).
/// Source: Linux `uapi/linux/magic.h`; the file systems' own headers for xfs, f2fs and exfat.
const JUDGING_BY_MODE: [(&str, u32); 14] = [
    ("ext2, ext3, ext4", 0xef53),
    ("xfs", 0x5846_5342),
    ("btrfs", 0x9123_683e),
    ("f2fs", 0xf2f5_2010),
    ("bcachefs", 0xca45_1a4e),
    ("tmpfs", 0x0102_1994),
    ("ramfs", 0x8584_58f6),
    ("overlayfs", 0x794c_7630),
    ("squashfs", 0x7371_7368),
    ("erofs", 0xe0f5_e1e2),
    ("iso9660", 0x9660),
    ("udf", 0x1501_3346),
    ("vfat", 0x4d44),
    ("exfat", 0x2011_bab0),
];

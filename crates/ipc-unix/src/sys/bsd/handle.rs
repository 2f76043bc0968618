//! Looking at files by handles. These systems have none that give no right to the content, so a
//! regular file is opened for reading to be looked at; a link or a device is only named.
//! Source: open(2), acl(3), fpathconf(2).
#![allow(unsafe_code, reason = "access control lists have no safe wrapper")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use ipc_core::files::{FileKind, Metadata};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::files::{self, SEARCH};
use super::look::{FileSystem, Look};
use super::status::{describe, metadata};
use super::walk::Wanted;

/// A file that was found under its name.
#[derive(Debug)]
pub(crate) enum Handle {
    /// A directory, open to search it, or a regular file, open to read it: it stays this one.
    Held(OwnedFd),
    /// Something that is not opened to look at it, or that this process may not open.
    Seen(Metadata),
}

impl Handle {
    /// A handle on what is open already.
    pub(crate) fn on(directory: BorrowedFd<'_>) -> io::Result<Self> {
        Ok(Self::Held(directory.try_clone_to_owned()?))
    }

    /// A handle on what `name`, one component, stands for in this directory; a link is itself.
    pub(crate) fn below(&self, name: &[u8]) -> io::Result<Self> {
        let directory = self.held()?;
        let seen = describe(&rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?);
        let flags = match seen.kind {
            FileKind::Directory => SEARCH | OFlags::DIRECTORY,
            FileKind::Regular => Wanted::Content.flags(),
            _ => return Ok(Self::Seen(seen)),
        };
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match retry_on_intr(|| rustix::fs::openat(directory, name, flags, Mode::empty())) {
            Err(Errno::ACCESS) => Ok(Self::Seen(seen)),
            opened => Ok(Self::Held(opened?)),
        }
    }

    /// What decides about the file. What this process may not open is told by its mode alone:
    /// nothing will come of it.
    pub(crate) fn look(&self) -> io::Result<Look> {
        match self {
            Self::Held(file) => {
                refuse_list(file.as_fd())?;
                Ok(Look { metadata: metadata(file.as_fd())?, list: None })
            }
            Self::Seen(metadata) => Ok(Look { metadata: metadata.clone(), list: None }),
        }
    }

    /// The text of this link: none is followed on these systems.
    pub(crate) fn target(&self) -> io::Result<Vec<u8>> {
        Err(Errno::LOOP.into())
    }

    /// This very file, open with this process's own rights.
    pub(crate) fn open(&self, wanted: Wanted) -> io::Result<OwnedFd> {
        let held = self.held()?;
        match wanted {
            Wanted::Content => Ok(held.try_clone_to_owned()?),
            Wanted::Directory => {
                let flags = wanted.flags() | OFlags::CLOEXEC;
                Ok(retry_on_intr(|| rustix::fs::openat(held, ".", flags, Mode::empty()))?)
            }
        }
    }

    /// Who decides about the files where this one lies.
    pub(crate) fn file_system(&self) -> io::Result<FileSystem> {
        let Self::Held(file) = self else { return Ok(FileSystem::Unknown) };
        if files::is_made_by_the_kernel(file.as_fd())? {
            return Ok(FileSystem::MadeUp);
        }
        let judges = JUDGING_BY_MODE.contains(&files::file_system(file.as_fd())?.as_slice());
        Ok(if judges { FileSystem::JudgesByMode } else { FileSystem::Unknown })
    }

    fn held(&self) -> io::Result<BorrowedFd<'_>> {
        match self {
            Self::Held(file) => Ok(file.as_fd()),
            Self::Seen(_) => Err(Errno::ACCESS.into()),
        }
    }
}

/// Links are followed for nobody.
pub(crate) fn protects_links() -> bool {
    true
}

/// Refuses a file that has an access control list: of a kind that is not judged here.
#[cfg(target_vendor = "apple")]
fn refuse_list(file: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: `file` is borrowed and so stays open for the call, which takes no memory of ours.
    let list = unsafe { acl_get_fd_np(file.as_raw_fd(), ACL_TYPE_EXTENDED) };
    if list.is_null() {
        let error = io::Error::last_os_error();
        return if error.raw_os_error() == Some(libc::ENOENT) { Ok(()) } else { Err(error) };
    }
    // SAFETY: the call above has allocated the list for this caller, nobody else has the pointer,
    // and it is not used again.
    unsafe { acl_free(list) };
    Err(has_list())
}

/// Refuses a file on a file system that has access control lists, which are not judged here.
#[cfg(target_os = "freebsd")]
fn refuse_list(file: BorrowedFd<'_>) -> io::Result<()> {
    for kind in [libc::_PC_ACL_EXTENDED, libc::_PC_ACL_NFS4] {
        // SAFETY: `file` is borrowed and so stays open for the call, which takes no memory of ours.
        let has_lists = unsafe { libc::fpathconf(file.as_raw_fd(), kind) };
        if has_lists != 0 {
            return Err(has_list());
        }
    }
    Ok(())
}

/// Refuses every file: whether it has an access control list is not asked on this system.
#[cfg(not(any(target_vendor = "apple", target_os = "freebsd")))]
fn refuse_list(_file: BorrowedFd<'_>) -> io::Result<()> {
    Err(has_list())
}

fn has_list() -> io::Error {
    let text = "it may have an access control list, which is not judged on this system";
    io::Error::new(io::ErrorKind::Unsupported, text)
}

// Source: Apple `sys/acl.h`.
#[cfg(target_vendor = "apple")]
unsafe extern "C" {
    fn acl_get_fd_np(file: libc::c_int, kind: libc::c_int) -> *mut libc::c_void;
    fn acl_free(list: *mut libc::c_void) -> libc::c_int;
}

#[cfg(target_vendor = "apple")]
const ACL_TYPE_EXTENDED: libc::c_int = 0x0100;

/// The file systems that leave every decision to owner, group, mode and list.
const JUDGING_BY_MODE: [&[u8]; 4] = [b"apfs", b"hfs", b"ufs", b"tmpfs"];

/// Whether the file system of an open file is one of this machine's own, so that reading waits for
/// nobody but the disk.
pub(crate) fn answers_by_itself(file: BorrowedFd<'_>) -> bool {
    files::file_system(file).is_ok_and(|kind| JUDGING_BY_MODE.contains(&kind.as_slice()))
}

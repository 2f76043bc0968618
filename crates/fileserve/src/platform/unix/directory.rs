//! A directory that is held open, and the names in it.
//!
//! The directory may be one that others write to as well. So no call here follows a link that a
//! name stands for, waits for a FIFO, or takes a file for its own that somebody else has put there.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, FileType, FlockOperation, Mode, OFlags, RawMode};
use rustix::io::Errno;
use rustix::process::{Gid, geteuid, umask};

use super::particular::DIRECTORY_ACCESS;

/// A directory that is held open: its names mean the same whatever becomes of its path.
#[derive(Debug)]
pub(crate) struct Directory(OwnedFd);

impl Directory {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = DIRECTORY_ACCESS | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(fs::open(path, flags, Mode::empty())?))
    }

    /// The directory `path`, which is relative to this one unless it is absolute.
    pub(crate) fn open_from_here(&self, path: &Path) -> io::Result<Self> {
        let flags = DIRECTORY_ACCESS | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(fs::openat(&self.0, path, flags, Mode::empty())?))
    }

    /// What `name` itself stands for.
    pub(crate) fn look(&self, name: &OsStr) -> io::Result<Option<Found>> {
        match fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(status) => Ok(Some(Found::from(&status))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Where the link `name` leads to.
    pub(crate) fn target(&self, name: &OsStr) -> io::Result<PathBuf> {
        let target = fs::readlinkat(&self.0, name, Vec::new())?;
        Ok(PathBuf::from(std::ffi::OsString::from_vec(target.into_bytes())))
    }

    /// Makes the file `name`, for this user alone.
    pub(crate) fn create(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        Ok(fs::openat(&self.0, name, flags, ALONE)?.into())
    }

    /// Opens the file `name` to read it, if it is there. One that somebody else could have put
    /// there or can write to is refused.
    pub(crate) fn open_own(&self, name: &OsStr) -> io::Result<Option<File>> {
        self.open_checked(name, OFlags::RDONLY)
    }

    /// Opens or makes the file `name` for this process alone; `None` while another holds it.
    pub(crate) fn open_exclusively(&self, name: &OsStr) -> io::Result<Option<File>> {
        for _ in 0..MAX_TRIES {
            let Some(file) = self.open_or_create(name)? else { continue };
            match fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
            // Whoever held it before may have given it its final name meanwhile.
            if self.is_at(&file, name)? {
                return Ok(Some(file));
            }
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "it is replaced again and again"))
    }

    /// Gives the file at `from`, which is `file`, the name `to`. It takes the mode and the group of
    /// what it replaces, if that is this user's own; otherwise the umask decides.
    pub(crate) fn replace(&self, file: &File, from: &OsStr, to: &OsStr) -> io::Result<()> {
        if !self.is_at(file, from)? {
            return Err(io::Error::new(io::ErrorKind::NotFound, "somebody else has replaced it"));
        }
        let mode = match self.look(to)? {
            Some(old) if old.kind == Kind::File && old.is_own() => inherited(file, &old)?,
            _ => default_mode(),
        };
        set_mode(file, mode)?;
        self.rename(from, to).inspect_err(|_| {
            // It stays for a later transfer; what cannot be set back is still this user's own.
            let _ = set_mode(file, ALONE);
        })
    }

    /// Gives what is at `from` the name `to`, in place of whatever had it.
    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(fs::renameat(&self.0, from, &self.0, to)?)
    }

    /// Takes the name `name` away, if it is there.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        match fs::unlinkat(&self.0, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(self.blame(name, error)),
        }
    }

    fn open_or_create(&self, name: &OsStr) -> io::Result<Option<File>> {
        if let Some(file) = self.open_checked(name, OFlags::RDWR)? {
            set_mode(&file, ALONE)?;
            return Ok(Some(file));
        }
        match self.create(name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
            created => created.map(Some),
        }
    }

    fn open_checked(&self, name: &OsStr, access: OFlags) -> io::Result<Option<File>> {
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match fs::openat(&self.0, name, flags | OFlags::NOCTTY, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(self.blame(name, error)),
        };
        Found::of(&file)?.check_own()?;
        Ok(Some(file))
    }

    /// Why `name` could not be used: by what it stands for if that explains it.
    fn blame(&self, name: &OsStr, error: Errno) -> io::Error {
        let found = self.look(name).ok().flatten();
        found.and_then(|found| found.check_own().err()).unwrap_or_else(|| error.into())
    }

    fn is_at(&self, file: &File, name: &OsStr) -> io::Result<bool> {
        let held = Found::of(file)?;
        Ok(self.look(name)?.is_some_and(|named| named.identity == held.identity))
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What a name stands for, or a handle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) kind: Kind,
    owner: u32,
    group: u32,
    mode: Mode,
    links: u64,
    /// Which object it is, whatever its name: the device and the number there.
    pub(crate) identity: (u64, u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Link,
    Fifo,
    /// A device, which only the system's administrator makes, or a socket, which takes no bytes.
    Other,
}

impl Found {
    pub(crate) fn of(handle: impl AsFd) -> io::Result<Self> {
        Ok(Self::from(&fs::fstat(handle)?))
    }

    /// `true` if this user or the system's administrator has put it there.
    pub(crate) fn is_trusted(&self) -> bool {
        (self.is_own() || self.owner == 0) && self.links == 1
    }

    /// Whose it is, in words.
    pub(crate) fn whose(&self) -> String {
        format!("uid {}", self.owner)
    }

    /// Whoever may change the directory may replace any file in it.
    pub(crate) fn check_replaceable(&self) -> io::Result<()> {
        Ok(())
    }

    fn is_own(&self) -> bool {
        self.owner == geteuid().as_raw()
    }

    /// Refuses what somebody else could have put there, or can change.
    fn check_own(&self) -> io::Result<()> {
        let fault = if self.kind != Kind::File {
            "it is not a regular file".to_owned()
        } else if !self.is_own() {
            format!("it belongs to {}", self.whose())
        } else if self.links > 1 {
            "it has a second name elsewhere".to_owned()
        } else if self.mode.intersects(Mode::WGRP | Mode::WOTH) {
            "others may write to it".to_owned()
        } else {
            return Ok(());
        };
        let text = format!("{fault}; remove it, or write to another directory");
        Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
    }
}

/// The types of these fields differ between systems; all of them fit.
#[allow(
    clippy::useless_conversion,
    clippy::unnecessary_cast,
    clippy::cast_possible_truncation,
    clippy::cast_lossless,
    reason = "identity conversions on one system are real ones on another"
)]
impl From<&fs::Stat> for Found {
    fn from(status: &fs::Stat) -> Self {
        let kind = match FileType::from_raw_mode(status.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Link,
            FileType::Fifo => Kind::Fifo,
            _ => Kind::Other,
        };
        Self {
            kind,
            owner: status.st_uid,
            group: status.st_gid,
            mode: Mode::from_raw_mode(status.st_mode as RawMode),
            links: status.st_nlink as u64,
            identity: (status.st_dev as u64, status.st_ino as u64),
        }
    }
}

/// The permissions of `old` for `file`, which replaces it. If it cannot be given the same group,
/// another group gets nothing.
fn inherited(file: &File, old: &Found) -> io::Result<Mode> {
    let mode = old.mode & EVERYBODY;
    if Found::of(file)?.group == old.group {
        return Ok(mode);
    }
    match fs::fchown(file, None, Some(Gid::from_raw(old.group))) {
        Ok(()) => Ok(mode),
        Err(_) => Ok(mode - Mode::RWXG),
    }
}

/// What the umask leaves of 0666. The umask can be read only by setting it; meanwhile it is a
/// strict one.
fn default_mode() -> Mode {
    let mask = umask(EVERYBODY - Mode::RWXU);
    umask(mask);
    Mode::from_raw_mode(0o666) - mask
}

fn set_mode(file: &File, mode: Mode) -> io::Result<()> {
    match fs::fchmod(file, mode) {
        // A file system without modes.
        Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        outcome => Ok(outcome?),
    }
}

const ALONE: Mode = Mode::RUSR.union(Mode::WUSR);
const EVERYBODY: Mode = Mode::RWXU.union(Mode::RWXG).union(Mode::RWXO);

/// How often a file that vanishes at each attempt to lock it is tried.
const MAX_TRIES: u32 = 100;

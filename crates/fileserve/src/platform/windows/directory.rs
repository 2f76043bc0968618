//! A directory that is held open, and the names in it.
//!
//! The directory may be one that others write to as well. So no call here follows a link that a
//! name stands for, or takes a file for its own that somebody else has put there.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf, Prefix};

use ipc_core::files::FileKind;
use ipc_windows::files;

/// A directory that is held open. While it is, neither it nor what it lies in can be renamed or
/// removed, so that its path keeps its meaning.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    _held: File,
}

impl Directory {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        // Without links in it, and read by the system as it stands.
        let path = fs::canonicalize(path)?;
        if !is_on_disk(&path) {
            let text = "it is no directory of a file system";
            return Err(io::Error::new(io::ErrorKind::NotADirectory, text));
        }
        let held = OpenOptions::new()
            .access_mode(TRAVERSE)
            .share_mode(SHARE_READ | SHARE_WRITE)
            .custom_flags(BACKUP_SEMANTICS | OPEN_REPARSE_POINT)
            .open(&path)?;
        match files::metadata(&held)?.kind {
            FileKind::Directory => Ok(Self { path, _held: held }),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// The directory `path`, which is relative to this one unless it is absolute.
    pub(crate) fn open_from_here(&self, path: &Path) -> io::Result<Self> {
        Self::open(&self.path.join(path))
    }

    /// What `name` itself stands for.
    pub(crate) fn look(&self, name: &OsStr) -> io::Result<Option<Found>> {
        match self.open_as(name, OpenOptions::new().access_mode(READ_ATTRIBUTES)) {
            Ok(file) => Found::of(&file).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Where the link `name` leads to.
    pub(crate) fn target(&self, name: &OsStr) -> io::Result<PathBuf> {
        fs::read_link(self.at(name)?)
    }

    /// Makes the file `name`, which nobody else uses while it is held.
    pub(crate) fn create(&self, name: &OsStr) -> io::Result<File> {
        let mut options = OpenOptions::new();
        self.open_as(name, options.read(true).write(true).create_new(true).share_mode(SHARE_DELETE))
    }

    /// Opens the file `name` to read it, if it is there. One that somebody else could have put
    /// there is refused.
    pub(crate) fn open_own(&self, name: &OsStr) -> io::Result<Option<File>> {
        self.open_checked(name, OpenOptions::new().read(true).share_mode(SHARE_READ | SHARE_DELETE))
    }

    /// Opens or makes the file `name` for this process alone; `None` while another holds it.
    pub(crate) fn open_exclusively(&self, name: &OsStr) -> io::Result<Option<File>> {
        for _ in 0..MAX_TRIES {
            let mut options = OpenOptions::new();
            options.read(true).write(true).share_mode(SHARE_DELETE);
            let opened = match self.open_checked(name, &mut options) {
                Ok(None) => self.create(name).map(Some),
                opened => opened,
            };
            match opened {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) if is_held_by_another(&error) => return Ok(None),
                // Whoever held it before may have given it its final name meanwhile.
                Ok(Some(file)) if !self.is_at(&file, name)? => {}
                opened => return opened,
            }
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "it is replaced again and again"))
    }

    /// Gives the file at `from`, which is `file`, the name `to`.
    pub(crate) fn replace(&self, file: &File, from: &OsStr, to: &OsStr) -> io::Result<()> {
        if !self.is_at(file, from)? {
            return Err(io::Error::new(io::ErrorKind::NotFound, "somebody else has replaced it"));
        }
        self.rename(from, to)
    }

    /// Gives what is at `from` the name `to`, in place of whatever had it.
    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        fs::rename(self.at(from)?, self.at(to)?)
    }

    /// Takes the name `name` away, if it is there.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        match fs::remove_file(self.at(name)?) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(self.blame(name, error)),
            Ok(()) => Ok(()),
        }
    }

    /// The path of a name that is a file's, or none: what stands for a device or a stream is refused.
    fn at(&self, name: &OsStr) -> io::Result<PathBuf> {
        files::check_name(name).map_err(io::Error::other)?;
        Ok(self.path.join(name))
    }

    fn open_as(&self, name: &OsStr, options: &mut OpenOptions) -> io::Result<File> {
        options.custom_flags(BACKUP_SEMANTICS | OPEN_REPARSE_POINT).open(self.at(name)?)
    }

    fn open_checked(&self, name: &OsStr, options: &mut OpenOptions) -> io::Result<Option<File>> {
        match self.open_as(name, options) {
            Ok(file) => {
                Found::of(&file)?.check_own()?;
                Ok(Some(file))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if is_held_by_another(&error) => Err(error),
            Err(error) => Err(self.blame(name, error)),
        }
    }

    /// Why `name` could not be used: by what it stands for if that explains it.
    fn blame(&self, name: &OsStr, error: io::Error) -> io::Error {
        let found = self.look(name).ok().flatten();
        found.and_then(|found| found.check_own().err()).unwrap_or(error)
    }

    fn is_at(&self, file: &File, name: &OsStr) -> io::Result<bool> {
        let held = Found::of(file)?;
        Ok(self.look(name)?.is_some_and(|named| named.identity == held.identity))
    }
}

/// What a name stands for, or a handle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) kind: Kind,
    links: u32,
    /// Which object it is, whatever its name: the volume and the number there.
    identity: (u64, u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Link,
    Other,
}

impl Found {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = files::metadata(file)?;
        let kind = match metadata.kind {
            FileKind::Regular => Kind::File,
            FileKind::Directory => Kind::Directory,
            FileKind::Link => Kind::Link,
            _ => Kind::Other,
        };
        let identity = (metadata.device, metadata.inode);
        Ok(Self { kind, links: files::links(file)?, identity })
    }

    /// Whose it is, in words.
    pub(crate) fn whose(&self) -> String {
        "somebody".to_owned()
    }

    pub(crate) fn is_trusted(&self) -> bool {
        false
    }

    /// Refuses what somebody else could have put there.
    fn check_own(&self) -> io::Result<()> {
        let fault = if self.kind != Kind::File {
            "it is not a regular file"
        } else if self.links > 1 {
            "it has a second name elsewhere"
        } else {
            return Ok(());
        };
        let text = format!("{fault}; remove it, or write to another directory");
        Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
    }
}

/// Whether `path` lies in a file system, and is neither a device's nor a pipe's.
fn is_on_disk(path: &Path) -> bool {
    let Some(Component::Prefix(prefix)) = path.components().next() else { return false };
    matches!(prefix.kind(), Prefix::VerbatimDisk(_) | Prefix::VerbatimUNC(..))
}

fn is_held_by_another(error: &io::Error) -> bool {
    error.raw_os_error() == Some(ERROR_SHARING_VIOLATION)
}

/// Access rights, share modes and flags of `CreateFileW`. Source: its documentation, `winnt.h`.
const TRAVERSE: u32 = 0x20;
const READ_ATTRIBUTES: u32 = 0x80;
const SHARE_READ: u32 = 1;
const SHARE_WRITE: u32 = 2;
const SHARE_DELETE: u32 = 4;
const BACKUP_SEMANTICS: u32 = 0x0200_0000;
const OPEN_REPARSE_POINT: u32 = 0x0020_0000;

/// Source: `winerror.h`.
const ERROR_SHARING_VIOLATION: i32 = 32;

/// How often a file that vanishes at each attempt to open it is tried.
const MAX_TRIES: u32 = 100;

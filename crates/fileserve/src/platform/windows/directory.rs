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
use ipc_windows::files::{self, Owner};
use ipc_windows::place;

/// A directory that is held open. Names are resolved from that handle, whatever becomes of its path:
/// it cannot be renamed meanwhile, but as long as it is empty whoever may change it can make a link
/// of it.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    held: File,
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
            .access_mode(TRAVERSE | READ_ATTRIBUTES)
            .share_mode(SHARE_READ | SHARE_WRITE)
            .custom_flags(BACKUP_SEMANTICS | OPEN_REPARSE_POINT)
            .open(&path)?;
        // Before it was held, what it lies in could become a link.
        if files::final_path(&held)? != path {
            let text = "somebody has exchanged a directory on the way";
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, text));
        }
        match files::metadata(&held)?.kind {
            FileKind::Directory => Ok(Self { path, held }),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// The directory `path`, which is relative to this one unless it is absolute.
    pub(crate) fn open_from_here(&self, path: &Path) -> io::Result<Self> {
        Self::open(&self.path.join(path))
    }

    /// What `name` itself stands for.
    pub(crate) fn look(&self, name: &OsStr) -> io::Result<Option<Found>> {
        let open = |access| self.open_in(name, access, SHARE_ALL);
        // What cannot be asked whose it is belongs to somebody else.
        let opened = open(READ_ATTRIBUTES | READ_CONTROL).or_else(|_| open(READ_ATTRIBUTES));
        match opened {
            Ok(file) => Found::of(&file).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Where the link `name` leads to.
    pub(crate) fn target(&self, name: &OsStr) -> io::Result<PathBuf> {
        fs::read_link(self.at(name)?)
    }

    /// Makes the file `name`, for this user alone, and which nobody else uses while it is held.
    pub(crate) fn create(&self, name: &OsStr) -> io::Result<File> {
        place::create_in(&self.held, name)
    }

    /// Opens the file `name` to read it, if it is there. One that somebody else could have put
    /// there or can write to is refused.
    pub(crate) fn open_own(&self, name: &OsStr) -> io::Result<Option<File>> {
        self.open_checked(name, READ, SHARE_READ | SHARE_DELETE)
    }

    /// Opens or makes the file `name` for this process alone; `None` while another holds it.
    pub(crate) fn open_exclusively(&self, name: &OsStr) -> io::Result<Option<File>> {
        for _ in 0..MAX_TRIES {
            let opened = match self.open_checked(name, READ | WRITE | WRITE_DAC, SHARE_DELETE) {
                Ok(None) => self.create(name).map(Some),
                Ok(Some(file)) => files::leave_alone(&file).map(|()| Some(file)),
                held => held,
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

    /// Gives the file at `from`, which is `file`, the name `to`. It takes the rights of what it
    /// replaces, if that is this user's own; otherwise those of a new file here.
    pub(crate) fn replace(&self, file: &File, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let named = self.open_in(from, DELETE | READ_ATTRIBUTES, SHARE_ALL)?;
        if Found::of(&named)?.identity != Found::of(file)?.identity {
            return Err(io::Error::new(io::ErrorKind::NotFound, "somebody else has replaced it"));
        }
        let pattern = match self.look(to)? {
            Some(old) if old.kind == Kind::File && old.is_own() => {
                self.open_in(to, READ_ATTRIBUTES | READ_CONTROL, SHARE_ALL)
            }
            _ => self.new_one(from),
        };
        files::copy_rights(&pattern?, file)?;
        place::rename_in(&named, &self.held, to).inspect_err(|_| {
            // It stays for a later transfer; what cannot be set back is still this user's own.
            let _ = files::leave_alone(file);
        })
    }

    /// A file as any program makes it here, named after `name`. It is gone when it is closed.
    fn new_one(&self, name: &OsStr) -> io::Result<File> {
        let mut name = name.to_owned();
        name.push(".new");
        place::create_passing_in(&self.held, &name)
    }

    /// Gives what is at `from` the name `to`, in place of whatever had it.
    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let named = self.open_in(from, DELETE, SHARE_ALL)?;
        place::rename_in(&named, &self.held, to)
    }

    /// Takes the name `name` away, if it is there.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        match place::remove_in(&self.held, name) {
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

    fn open_in(&self, name: &OsStr, access: u32, share: u32) -> io::Result<File> {
        place::open_in(&self.held, name, access, share)
    }

    fn open_checked(&self, name: &OsStr, access: u32, share: u32) -> io::Result<Option<File>> {
        match self.open_in(name, access, share) {
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
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) kind: Kind,
    /// `None`: the system does not tell.
    owner: Option<Owner>,
    /// Others may change what is in it.
    shared: bool,
    links: u32,
    /// Its attribute says so, whatever its rights say.
    read_only: bool,
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
        Ok(Self {
            kind,
            owner: files::owner(file).ok(),
            shared: files::others_may_write(file).unwrap_or(true),
            links: files::links(file)?,
            read_only: file.metadata()?.permissions().readonly(),
            identity,
        })
    }

    /// `true` if this user, the system or an administrator has put it there.
    pub(crate) fn is_trusted(&self) -> bool {
        matches!(self.owner, Some(Owner::ThisUser | Owner::System(_))) && self.links == 1
    }

    /// Whose it is, in words.
    pub(crate) fn whose(&self) -> String {
        match &self.owner {
            Some(Owner::ThisUser) => "yours".to_owned(),
            Some(Owner::System(sid) | Owner::Other(sid)) => sid.to_string(),
            _ => "somebody else".to_owned(),
        }
    }

    /// Refuses a file that the system would not let anybody replace: before anything is fetched.
    pub(crate) fn check_replaceable(&self) -> io::Result<()> {
        if !self.read_only {
            return Ok(());
        }
        let text = "it is read-only; take that attribute from it, or choose another place";
        Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
    }

    fn is_own(&self) -> bool {
        self.owner == Some(Owner::ThisUser)
    }

    /// Refuses what somebody else could have put there, or can change.
    fn check_own(&self) -> io::Result<()> {
        let fault = if self.kind != Kind::File {
            "it is not a regular file".to_owned()
        } else if !self.is_own() {
            format!("it belongs to {}", self.whose())
        } else if self.links > 1 {
            "it has a second name elsewhere".to_owned()
        } else if self.shared {
            "others may write to it".to_owned()
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
const DELETE: u32 = 0x0001_0000;
const READ_CONTROL: u32 = 0x0002_0000;
const WRITE_DAC: u32 = 0x0004_0000;
const WRITE: u32 = 0x4000_0000;
const READ: u32 = 0x8000_0000;
const SHARE_READ: u32 = 1;
const SHARE_WRITE: u32 = 2;
const SHARE_DELETE: u32 = 4;
const SHARE_ALL: u32 = SHARE_READ | SHARE_WRITE | SHARE_DELETE;
const BACKUP_SEMANTICS: u32 = 0x0200_0000;
const OPEN_REPARSE_POINT: u32 = 0x0020_0000;

/// Source: `winerror.h`.
const ERROR_SHARING_VIOLATION: i32 = 32;

/// How often a file that vanishes at each attempt to open it is tried.
const MAX_TRIES: u32 = 100;

#[cfg(test)]
mod tests;

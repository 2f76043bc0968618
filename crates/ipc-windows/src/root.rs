//! A served directory: names are resolved below it by the kernel, and only regular files come out.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::{FileExt as _, OpenOptionsExt as _};
use std::os::windows::io::{AsHandle as _, BorrowedHandle};
use std::path::Path;

use ipc_core::files::{
    DirectoryEntry, Escaped, FileKind, Finding, Metadata, Open, RelativePath, ResolveRules, Root,
};
use ipc_core::{AsPeer, Error, ErrorKind, Failure, Operation, Peer, Result};
use windows_sys::Win32::Foundation as system;
use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_BACKUP_SEMANTICS, FILE_READ_ATTRIBUTES, FILE_SHARE_DELETE, FILE_SHARE_READ,
    FILE_SHARE_WRITE, FILE_TRAVERSE, SECURITY_IDENTIFICATION, SYNCHRONIZE,
};

use crate::check;
use crate::sys::drives;
use crate::sys::files::{self, Status, Wanted};

mod explain;
pub(crate) mod names;

/// A directory of this system, below which files are opened for peers; or all of its drives.
///
/// Every name is resolved by the kernel in one step (`NtCreateFile` below the directory's handle with
/// `OBJ_DONT_REPARSE`), so that a directory that is moved meanwhile does not lead out of it.
///
/// A name that Windows would take for something else than a file is refused for its text: a device's
/// (`nul.txt`, `COM1`), a stream's (`a:b`), one with `\` in it, one that ends with a dot or a space.
/// Case is ignored as everywhere on Windows, and the short name of a file, where it has one, is a name
/// of that file.
///
/// # Platform differences
/// No symbolic link, junction or mount point below the directory is followed: the kernel offers no
/// way to follow one only where it stays below. Links on the way to the directory itself are.
///
/// # Examples
/// ```no_run
/// use ipc_core::files::{Open, RelativePath, Root};
/// use ipc_windows::WindowsRoot;
///
/// # fn serve(connection: &dyn ipc_core::Connection) -> Result<(), Box<dyn std::error::Error>> {
/// let root = WindowsRoot::open_dir(r"C:\Shared")?;
/// let path = RelativePath::new(b"docs/notes.txt")?;
/// let file = connection.open_as_peer(&root, &path, Open::Read)?;
/// let mut buffer = [0; 4096];
/// let count = root.read_at(&file, &mut buffer, 0)?;
/// # drop(count);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct WindowsRoot {
    origin: Origin,
}

/// Where names begin.
#[derive(Debug)]
enum Origin {
    Directory(File),
    /// At one of the drives, which is the first component.
    Drives(Vec<(char, File)>),
}

impl WindowsRoot {
    /// Opens the directory `path`; links on the way to it are followed.
    ///
    /// It is opened with this process's rights, and names are resolved from there: a peer needs no
    /// right on the directories *above* it.
    ///
    /// # Errors
    /// [`Error::Io`] with what the system said, naming `path`.
    pub fn open_dir(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let directory = open_directory(path).map_err(|source| Error::Io {
            operation: Operation::Open,
            at: Some(path.display().to_string()),
            source,
        })?;
        Ok(Self { origin: Origin::Directory(directory) })
    }

    /// All drives that belong to this machine: the first component of every path is a drive, as in
    /// `C:/dir/file`.
    ///
    /// They are those that there are now, by the meaning that their letters have for this process:
    /// a peer that gives a letter another meaning for itself leads nobody astray. Drives of a
    /// network, and those that can be taken out, are not among them, and neither are names such as
    /// `\\host\share`: nothing that is asked for leaves the machine.
    ///
    /// # Errors
    /// [`Error::Io`] if there is none that can be opened.
    pub fn all_drives() -> Result<Self> {
        let failed = |source| Error::Io { operation: Operation::Open, at: None, source };
        let mut opened = Vec::new();
        for letter in drives::fixed().map_err(failed)? {
            // One that holds no file system is none to serve.
            if let Ok(directory) = open_directory(Path::new(&format!("{letter}:\\"))) {
                opened.push((letter, directory));
            }
        }
        if opened.is_empty() {
            return Err(failed(io::Error::from(io::ErrorKind::NotFound)));
        }
        Ok(Self { origin: Origin::Drives(opened) })
    }

    /// With the rights that this thread has at the moment: the process's own, or a peer's.
    pub(crate) fn open_by_this_thread(&self, path: &RelativePath, how: Open) -> Result<File> {
        self.admit(self.resolve(Operation::Open, path, wanted(how))?, how)
    }

    pub(crate) fn stat_by_this_thread(&self, path: &RelativePath) -> Result<Metadata> {
        let opened = self.resolve(Operation::Inspect, path, Wanted::Metadata)?;
        self.look_at(&opened, path)
    }

    pub(crate) fn look_at(&self, opened: &File, path: &RelativePath) -> Result<Metadata> {
        self.metadata(opened).map_err(|source| Error::Io {
            operation: Operation::Inspect,
            at: Some(path.to_string()),
            source,
        })
    }

    /// Opens what `path` names. What the system refuses is told as it would be to the peer itself.
    fn resolve(&self, operation: Operation, path: &RelativePath, wanted: Wanted) -> Result<File> {
        let (directory, name) = self.place(path)?;
        let opened = files::open_below(directory, &name, wanted);
        opened.map(File::from).map_err(|status| refusal(operation, path, directory, &name, status))
    }

    /// The directory that `path` begins at, and the name below it as the system takes it.
    pub(crate) fn place(&self, path: &RelativePath) -> Result<(BorrowedHandle<'_>, Vec<u16>)> {
        let (directory, below) = self.origin(path)?;
        let name = names::native(&below).map_err(|(name, fault)| {
            let text = format!("the name `{}` {fault}", Escaped(name));
            Error::Remote(Failure::new(ErrorKind::InvalidInput, text))
        })?;
        Ok((directory, name))
    }

    /// The directory that `path` begins at, and what it names below.
    fn origin(&self, path: &RelativePath) -> Result<(BorrowedHandle<'_>, RelativePath)> {
        let drives = match &self.origin {
            Origin::Directory(directory) => return Ok((directory.as_handle(), path.clone())),
            Origin::Drives(drives) => drives,
        };
        let text = path.as_bytes();
        let first = path.components().next().unwrap_or_default();
        let drive = match first {
            [letter, b':'] => drives.iter().find(|(drive, _)| is_letter(*letter, *drive)),
            _ => None,
        };
        let Some((_, directory)) = drive else {
            return Err(no_drive(first));
        };
        let below = text[first.len()..].strip_prefix(b"/").unwrap_or_default();
        Ok((directory.as_handle(), RelativePath::new(below)?))
    }
}

impl Root for WindowsRoot {
    fn directory(&self) -> Option<&File> {
        match &self.origin {
            Origin::Directory(directory) => Some(directory),
            Origin::Drives(_) => None,
        }
    }

    fn rules(&self) -> ResolveRules {
        let mut rules = ResolveRules::default();
        rules.follow_links = false;
        rules.cross_mounts = false;
        rules
    }

    fn admit(&self, opened: File, how: Open) -> Result<File> {
        let refuse = |kind, text: &str| Err(Error::Remote(Failure::new(kind, text)));
        let found = self.metadata(&opened).map_err(|source| Error::Io {
            operation: Operation::Inspect,
            at: None,
            source,
        })?;
        match (found.kind, how) {
            (FileKind::Regular, Open::Read) | (FileKind::Directory, Open::List) => Ok(opened),
            (FileKind::Directory, _) => refuse(ErrorKind::IsADirectory, ""),
            (_, Open::List) => refuse(ErrorKind::NotADirectory, ""),
            _ => refuse(ErrorKind::NotRegular, "a device, a pipe or a link"),
        }
    }

    fn open(&self, _by: &AsPeer, path: &RelativePath, how: Open) -> Result<File> {
        self.open_by_this_thread(path, how)
    }

    fn stat(&self, _by: &AsPeer, path: &RelativePath) -> Result<Metadata> {
        self.stat_by_this_thread(path)
    }

    fn explain(
        &self,
        by: Option<&AsPeer>,
        client: &Peer,
        path: &RelativePath,
        how: Open,
        refused: ErrorKind,
    ) -> Result<Option<Finding>> {
        let judge = if by.is_some() { None } else { check::judge_of(client)? };
        Ok(explain::explain(self, judge.as_ref(), path, how, refused))
    }

    fn open_checked(&self, client: &Peer, path: &RelativePath, how: Open) -> Result<File> {
        check::open(self, client, path, how)
    }

    fn stat_checked(&self, client: &Peer, path: &RelativePath) -> Result<Metadata> {
        check::stat(self, client, path)
    }

    fn open_as_server(&self, path: &RelativePath, how: Open) -> Result<File> {
        self.open_by_this_thread(path, how)
    }

    fn stat_as_server(&self, path: &RelativePath) -> Result<Metadata> {
        self.stat_by_this_thread(path)
    }

    fn metadata(&self, file: &File) -> io::Result<Metadata> {
        files::metadata(file.as_handle())
    }

    fn entries(
        &self,
        directory: &File,
        each: &mut dyn FnMut(DirectoryEntry) -> bool,
    ) -> io::Result<()> {
        files::entries(directory.as_handle(), each)
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        file.seek_read(buffer, at)
    }
}

/// Opens a directory to resolve names below it. It can be renamed and removed meanwhile.
fn open_directory(path: &Path) -> io::Result<File> {
    let directory = OpenOptions::new()
        .access_mode(FILE_TRAVERSE | FILE_READ_ATTRIBUTES | SYNCHRONIZE)
        .share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
        .custom_flags(FILE_FLAG_BACKUP_SEMANTICS)
        // Were it a pipe, whoever listens there could do nothing in this process's name.
        .security_qos_flags(SECURITY_IDENTIFICATION)
        .open(path)?;
    match files::metadata(directory.as_handle())?.kind {
        FileKind::Directory => Ok(directory),
        _ => Err(io::ErrorKind::NotADirectory.into()),
    }
}

fn no_drive(first: &[u8]) -> Error {
    let shown = Escaped(first);
    let (kind, text) = match first {
        [letter, b':'] if letter.is_ascii_alphabetic() => {
            (ErrorKind::NotFound, format!("`{shown}` is none of this machine's own drives"))
        }
        [] => (ErrorKind::InvalidInput, "a path begins with a drive, as `C:/` does".to_owned()),
        _ => {
            (ErrorKind::InvalidInput, format!("a path begins with a drive, which `{shown}` is not"))
        }
    };
    Error::Remote(Failure::new(kind, text))
}

fn is_letter(letter: u8, drive: char) -> bool {
    char::from(letter).eq_ignore_ascii_case(&drive)
}

/// What a file is opened for, as the system is asked.
pub(crate) fn wanted(how: Open) -> Wanted {
    match how {
        Open::List => Wanted::Entries,
        _ => Wanted::Content,
    }
}

/// What the system's refusal means to the peer.
pub(crate) fn refusal(
    operation: Operation,
    path: &RelativePath,
    directory: BorrowedHandle<'_>,
    name: &[u16],
    status: Status,
) -> Error {
    let remote = |kind, text| Error::Remote(Failure::new(kind, format!("`{path}` {text}")));
    let plain = |kind| Error::Remote(Failure::new(kind, ""));
    match status.0 {
        system::STATUS_REPARSE_POINT_ENCOUNTERED | system::STATUS_STOPPED_ON_SYMLINK => {
            remote(ErrorKind::OutsideRoot, "leads through a link, which is not followed")
        }
        system::STATUS_IO_REPARSE_TAG_NOT_HANDLED => {
            remote(ErrorKind::NotRegular, "is no file of Windows")
        }
        system::STATUS_NAME_TOO_LONG | system::STATUS_OBJECT_NAME_INVALID => {
            remote(ErrorKind::InvalidInput, "has a name that its file system does not take")
        }
        system::STATUS_SHARING_VIOLATION
        | system::STATUS_OPLOCK_BREAK_IN_PROGRESS
        | system::STATUS_CANNOT_BREAK_OPLOCK => {
            remote(ErrorKind::Busy, "is held open by somebody who shares it with nobody")
        }
        system::STATUS_FILE_IS_A_DIRECTORY => plain(ErrorKind::IsADirectory),
        system::STATUS_NOT_A_DIRECTORY => plain(ErrorKind::NotADirectory),
        system::STATUS_OBJECT_PATH_NOT_FOUND if leads_through_a_file(directory, name) => {
            plain(ErrorKind::NotADirectory)
        }
        // Its name is not free yet, but it is gone for everybody.
        system::STATUS_DELETE_PENDING => plain(ErrorKind::NotFound),
        _ => Error::Io { operation, at: Some(path.to_string()), source: status.into() },
    }
}

/// Whether something else than a directory stands where `name` needs one: the system says the same of
/// that as of a directory that is missing.
fn leads_through_a_file(directory: BorrowedHandle<'_>, name: &[u16]) -> bool {
    let separators = name.iter().enumerate().filter(|(_, unit)| **unit == u16::from(b'\\'));
    let ends: Vec<usize> = separators.map(|(end, _)| end).collect();
    let look = |end: usize| files::open_below(directory, &name[..end], Wanted::Metadata);
    let there = ends.partition_point(|end| look(*end).is_ok());
    let Some(last) = there.checked_sub(1).map(|last| ends[last]) else { return false };
    let found = look(last).ok().and_then(|found| files::metadata(found.as_handle()).ok());
    found.is_some_and(|found| found.kind != FileKind::Directory)
}

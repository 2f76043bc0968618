//! A served directory: names are resolved below it by the kernel, and only regular files come out.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use ipc_core::files::{
    DirectoryEntry, FileKind, Finding, Metadata, Open, RelativePath, ResolveRules, Root,
};
use ipc_core::{AsPeer, Error, ErrorKind, Failure, Operation, Peer, Result};

use crate::check;
use crate::identity::ActAs;
use crate::sys::walk::Wanted;
use crate::sys::{files, handle, status};

/// A directory of this system, below which files are opened for peers.
///
/// Every name is resolved by the kernel in one step (`openat2` with `RESOLVE_BENEATH` and
/// `RESOLVE_NO_MAGICLINKS`), so that neither a symbolic link nor a directory that is moved meanwhile
/// leads out of it.
///
/// # Platform differences
/// On macOS and the BSDs, and on Linux where `openat2` is missing (before 5.6, or filtered), names
/// are resolved component by component and no symbolic link is followed, whatever the rules say.
///
/// # Examples
/// ```
/// use ipc_core::AsPeer;
/// use ipc_core::files::{Open, RelativePath, Root};
/// use ipc_unix::UnixRoot;
///
/// # let directory = tempfile::tempdir()?;
/// # std::fs::write(directory.path().join("notes.txt"), "hello")?;
/// let root = UnixRoot::open_dir(directory.path())?;
/// let path = RelativePath::new(b"notes.txt")?;
/// // Transports make the witness when they act as the peer; a test may vouch for itself.
/// let file = AsPeer::attest(|by| root.open(by, &path, Open::Read))?;
/// let mut buffer = [0; 16];
/// assert_eq!(root.read_at(&file, &mut buffer, 0)?, 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct UnixRoot {
    directory: File,
    /// What the root lies on, and whether that answers by itself.
    device: u64,
    answers: bool,
    rules: ResolveRules,
    act_as: ActAs,
}

impl UnixRoot {
    /// Opens the directory `path`, which may be any, `/` included; links on the way to it are
    /// followed.
    ///
    /// It is opened with this process's rights, and names are resolved from there: a peer needs no
    /// search permission on the directories *above* it. Serving `/srv/alice/public` shows that
    /// directory to whoever is admitted, as exporting it by NFS would, even if `/srv/alice` is
    /// closed to them. With `/` as the root every directory is checked for the peer.
    ///
    /// # Errors
    /// [`Error::Io`] with what the system said, naming `path`.
    pub fn open_dir(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let failed = |source| Error::Io {
            operation: Operation::Open,
            at: Some(path.display().to_string()),
            source,
        };
        let directory = File::from(files::open_directory(path).map_err(failed)?);
        let device = directory.metadata().map_err(failed)?.dev();
        let answers = handle::answers_by_itself(directory.as_fd());
        let rules = ResolveRules::default();
        Ok(Self { directory, device, answers, rules, act_as: ActAs::default() })
    }

    /// Sets whether symbolic links are followed where they stay below the root; else they are
    /// refused. Default: yes.
    #[must_use]
    pub fn follow_links(mut self, follow: bool) -> Self {
        self.rules.follow_links = follow;
        self
    }

    /// Sets whether mount points below the root are crossed; else what lies on another file system
    /// is refused. Default: yes.
    #[must_use]
    pub fn cross_mounts(mut self, cross: bool) -> Self {
        self.rules.cross_mounts = cross;
        self
    }

    /// Sets for whom [`open_checked`](Root::open_checked) judges beyond those of whom the kernel
    /// says that they are what they seem. Default: nobody.
    #[must_use]
    pub fn act_as(mut self, settings: ActAs) -> Self {
        self.act_as = settings;
        self
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    pub(crate) fn acts_as(&self) -> &ActAs {
        &self.act_as
    }

    /// With the rights that this thread has at the moment: the process's own, or a peer's.
    pub(crate) fn open_by_this_thread(&self, path: &RelativePath, how: Open) -> Result<File> {
        let opened = files::open_below(self.directory.as_fd(), path, wanted(how), self.rules)
            .map_err(|source| refusal(Operation::Open, path, source))?;
        self.admit(opened.into(), how)
    }

    pub(crate) fn stat_by_this_thread(&self, path: &RelativePath) -> Result<Metadata> {
        files::stat_below(self.directory.as_fd(), path, self.rules)
            .map_err(|source| refusal(Operation::Inspect, path, source))
    }
}

impl Root for UnixRoot {
    fn directory(&self) -> Option<&File> {
        Some(&self.directory)
    }

    fn rules(&self) -> ResolveRules {
        self.rules
    }

    fn admit(&self, opened: File, how: Open) -> Result<File> {
        let failed = |source| Error::Io { operation: Operation::Inspect, at: None, source };
        let found = self.metadata(&opened).map_err(failed)?;
        admit_kind(found.kind, how)?;
        if !files::is_on_a_device(found.device)
            && files::is_made_by_the_kernel(opened.as_fd()).map_err(|error| failed(error.into()))?
        {
            return Err(made_up());
        }
        Ok(opened)
    }

    fn open(&self, _by: &AsPeer, path: &RelativePath, how: Open) -> Result<File> {
        self.open_by_this_thread(path, how)
    }

    fn stat(&self, _by: &AsPeer, path: &RelativePath) -> Result<Metadata> {
        self.stat_by_this_thread(path)
    }

    fn open_checked(&self, client: &Peer, path: &RelativePath, how: Open) -> Result<File> {
        check::open(self, client, path, how)
    }

    fn stat_checked(&self, client: &Peer, path: &RelativePath) -> Result<Metadata> {
        check::stat(self, client, path)
    }

    fn explain(
        &self,
        by: Option<&AsPeer>,
        client: &Peer,
        path: &RelativePath,
        how: Open,
        refused: ErrorKind,
    ) -> Result<Option<Finding>> {
        check::explain(self, by, client, path, how, refused)
    }

    fn open_as_server(&self, path: &RelativePath, how: Open) -> Result<File> {
        self.open_by_this_thread(path, how)
    }

    fn stat_as_server(&self, path: &RelativePath) -> Result<Metadata> {
        self.stat_by_this_thread(path)
    }

    fn may_wait(&self, file: &File, found: &Metadata) -> bool {
        let is_beside_the_root = found.device == self.device;
        let answers = is_beside_the_root && self.answers;
        !answers && !handle::answers_by_itself(file.as_fd())
    }

    fn metadata(&self, file: &File) -> io::Result<Metadata> {
        Ok(status::metadata(file.as_fd())?)
    }

    fn entries(
        &self,
        directory: &File,
        each: &mut dyn FnMut(DirectoryEntry) -> bool,
    ) -> io::Result<()> {
        status::entries(directory.try_clone()?.into(), each)
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        loop {
            match file.read_at(buffer, at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

/// What the system is asked for to open a file so.
pub(crate) fn wanted(how: Open) -> Wanted {
    match how {
        Open::List => Wanted::Directory,
        _ => Wanted::Content,
    }
}

/// Whether what is of that kind may be opened so.
pub(crate) fn admit_kind(kind: FileKind, how: Open) -> Result<()> {
    let refuse = |kind, text: &str| Err(Error::Remote(Failure::new(kind, text)));
    match (kind, how) {
        (FileKind::Regular, Open::Read) | (FileKind::Directory, Open::List) => Ok(()),
        (FileKind::Directory, _) => refuse(ErrorKind::IsADirectory, ""),
        (_, Open::List) => refuse(ErrorKind::NotADirectory, ""),
        _ => refuse(ErrorKind::NotRegular, "a device, a FIFO or a socket"),
    }
}

/// The refusal of what the kernel makes up.
pub(crate) fn made_up() -> Error {
    let text = "the kernel makes it up, as all below /proc";
    Error::Remote(Failure::new(ErrorKind::NotRegular, text))
}

/// What the system's refusal means to the peer.
pub(crate) fn refusal(operation: Operation, path: &RelativePath, source: io::Error) -> Error {
    let remote = |kind, text| Error::Remote(Failure::new(kind, format!("`{path}` {text}")));
    match source.raw_os_error() {
        Some(libc::EXDEV) => remote(ErrorKind::OutsideRoot, "leads out of the served directory"),
        Some(libc::ELOOP | libc::EMLINK) => {
            remote(ErrorKind::OutsideRoot, "leads through a link that is not followed")
        }
        Some(libc::ENXIO | libc::ENODEV) => {
            remote(ErrorKind::NotRegular, "is a socket or a device")
        }
        Some(libc::ENAMETOOLONG) => {
            remote(ErrorKind::InvalidInput, "has a name that is too long for its file system")
        }
        _ => Error::Io { operation, at: Some(path.to_string()), source },
    }
}

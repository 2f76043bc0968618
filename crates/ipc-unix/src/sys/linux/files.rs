//! Opening files below a directory. Source: openat2(2), statfs(2).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use ipc_core::files::{Metadata, RelativePath, ResolveRules};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::status;
use super::walk::{self, Wanted};

/// How a directory is opened to resolve names below it: with no right to list it.
pub(crate) const SEARCH: OFlags = OFlags::PATH;

/// Opens a directory to resolve names below it.
pub(crate) fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    let flags = SEARCH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(CWD, path, flags, Mode::empty())?)
}

/// Opens what `path` names below `root`, never waiting for a FIFO's writer or a lease's holder.
pub(crate) fn open_below(
    root: BorrowedFd<'_>,
    path: &RelativePath,
    wanted: Wanted,
    rules: ResolveRules,
) -> io::Result<OwnedFd> {
    match Resolution::to_open(path, wanted, rules).open(root) {
        Err(Errno::NOSYS) => walk::open_below(root, path, wanted, rules),
        result => Ok(result?),
    }
}

/// The metadata of what `path` names below `root`; a link stands for itself.
pub(crate) fn stat_below(
    root: BorrowedFd<'_>,
    path: &RelativePath,
    rules: ResolveRules,
) -> io::Result<Metadata> {
    match Resolution::to_look(path, rules).open(root) {
        Err(Errno::NOSYS) => walk::stat_below(root, path, rules),
        found => Ok(status::metadata(found?.as_fd())?),
    }
}

/// What `openat2` is asked: by a call, or by a request to a ring.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resolution<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) flags: OFlags,
    pub(crate) resolve: ResolveFlags,
}

impl<'a> Resolution<'a> {
    /// To open what `path` names.
    pub(crate) fn to_open(path: &'a RelativePath, wanted: Wanted, rules: ResolveRules) -> Self {
        Self::new(path, wanted.flags(), rules)
    }

    /// To look at what `path` names, itself. What comes is good for that only, and for nobody else:
    /// whoever opens such a handle again does so with rights of their own.
    pub(crate) fn to_look(path: &'a RelativePath, rules: ResolveRules) -> Self {
        Self::new(path, OFlags::PATH | OFlags::NOFOLLOW, rules)
    }

    fn new(path: &'a RelativePath, flags: OFlags, rules: ResolveRules) -> Self {
        let name = if path.is_root() { b"." } else { path.as_bytes() };
        let mut resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        resolve.set(ResolveFlags::NO_SYMLINKS, !rules.follow_links);
        resolve.set(ResolveFlags::NO_XDEV, !rules.cross_mounts);
        Self { name, flags: flags | OFlags::CLOEXEC, resolve }
    }

    fn open(&self, root: BorrowedFd<'_>) -> rustix::io::Result<OwnedFd> {
        let Self { name, flags, resolve } = *self;
        repeat(
            || rustix::fs::openat2(root, name, flags, Mode::empty(), resolve),
            |outcome| outcome.as_ref().err().copied(),
        )
    }
}

/// Repeats a resolution for as long as something comes between: a rename, a mount, or the holder of
/// a lease. The kernel does not say which; the last does not pass, so that there is an end to it.
pub(crate) fn repeat<T>(
    mut attempt: impl FnMut() -> T,
    error_in: impl Fn(&T) -> Option<Errno>,
) -> T {
    for _ in 0..MAX_TRIES {
        let outcome = attempt();
        if !matches!(error_in(&outcome), Some(Errno::AGAIN | Errno::INTR)) {
            return outcome;
        }
    }
    attempt()
}

/// `true` if the file lies on a file system whose contents the kernel makes up: their lengths lie,
/// and some of them show the server's own memory.
pub(crate) fn is_made_by_the_kernel(file: BorrowedFd<'_>) -> rustix::io::Result<bool> {
    let kind = file_system(file)?;
    Ok(KERNEL_FILE_SYSTEMS.iter().any(|(_, magic)| *magic == kind))
}

/// `true` if a file of this `device` lies on a real one: then nobody makes it up, and there is
/// nothing more to ask.
pub(crate) fn is_on_a_device(device: u64) -> bool {
    rustix::fs::major(device) != NO_DEVICE
}

/// The number of the kind of file system that the file lies on.
pub(super) fn file_system(file: BorrowedFd<'_>) -> rustix::io::Result<u32> {
    let kind = rustix::fs::fstatfs(file)?.f_type;
    // The numbers have 32 bits; the field's type and sign differ between architectures.
    Ok(u32::try_from(kind as u64 & u64::from(u32::MAX)).unwrap_or(0))
}

/// The major number of file systems that lie on no device, among them all that the kernel makes up.
/// Source: Linux `uapi/linux/major.h`, `UNNAMED_MAJOR`.
const NO_DEVICE: u32 = 0;

/// Source: Linux `uapi/linux/magic.h`; for `mqueue`, `ipc/mqueue.c`.
const KERNEL_FILE_SYSTEMS: [(&str, u32); 21] = [
    ("proc", 0x9fa0),
    ("sysfs", 0x6265_6572),
    ("debugfs", 0x6462_6720),
    ("tracefs", 0x7472_6163),
    ("securityfs", 0x7363_6673),
    ("cgroup", 0x0027_e0eb),
    ("cgroup2", 0x6367_7270),
    ("configfs", 0x6265_6570),
    ("bpf", 0xcafe_4a11),
    ("efivarfs", 0xde5e_81e4),
    ("pstore", 0x6165_676c),
    ("selinuxfs", 0xf97c_ff8c),
    ("smackfs", 0x4341_5d53),
    ("apparmorfs", 0x5a3c_69f0),
    ("binfmt_misc", 0x4249_4e4d),
    ("fusectl", 0x6573_5543),
    ("resctrl", 0x0765_5821),
    ("mqueue", 0x1980_0202),
    ("devpts", 0x1cd1),
    ("nsfs", 0x6e73_6673),
    ("pidfs", 0x5049_4446),
];

/// How often a resolution that something came between is tried again.
pub(super) const MAX_TRIES: u32 = 32;

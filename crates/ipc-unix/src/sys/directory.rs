//! Directories, and names in them: looked at, locked and removed by handle.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{self, AtFlags, FileType, FlockOperation, Gid, Mode, OFlags, RawMode};

use super::{Errno, Result, retry_on_intr};

/// Where the sockets of the system's own servers lie.
#[cfg(target_os = "linux")]
pub(crate) const SYSTEM_RUNTIME: &str = "/run/ipc";
/// Where the sockets of the system's own servers lie.
#[cfg(not(target_os = "linux"))]
pub(crate) const SYSTEM_RUNTIME: &str = "/var/run/ipc";

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ObjectKind {
    Regular,
    Directory,
    Link,
    Socket,
    Other,
}

/// What is known of a file without opening it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Status {
    pub(crate) kind: ObjectKind,
    pub(crate) owner: u32,
    pub(crate) group: u32,
    /// The permission bits, `0o7777`.
    pub(crate) mode: u32,
    /// How many names it has.
    pub(crate) links: u64,
    pub(crate) identity: FileIdentity,
}

/// Which file it is, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileIdentity {
    device: u64,
    inode: u64,
}

/// The effective ids of this process.
pub(crate) fn own_ids() -> (u32, u32) {
    (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}

/// `true` if a process with that id exists, whoever runs it.
pub(crate) fn process_exists(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(Errno::SRCH))
}

/// Opens a directory to name what lies in it. A final symbolic link is followed only if asked.
pub(crate) fn open_directory(path: &Path, follow: bool) -> Result<OwnedFd> {
    let mut flags = DIRECTORY_ACCESS | OFlags::DIRECTORY | OFlags::CLOEXEC;
    flags.set(OFlags::NOFOLLOW, !follow);
    fs::open(path, flags, Mode::empty())
}

/// Needs no right to list the directory.
#[cfg(target_os = "linux")]
const DIRECTORY_ACCESS: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const DIRECTORY_ACCESS: OFlags = OFlags::RDONLY;

pub(crate) fn make_directory(path: &Path, mode: u32) -> Result<()> {
    fs::mkdir(path, mode_of(mode))
}

pub(crate) fn change_mode(directory: BorrowedFd<'_>, name: &Path, mode: u32) -> Result<()> {
    fs::chmodat(directory, name, mode_of(mode), AtFlags::empty())
}

/// Gives what has that name, itself, to the group `gid`.
pub(crate) fn change_group(directory: BorrowedFd<'_>, name: &Path, gid: u32) -> Result<()> {
    // This number would mean: leave the group as it is.
    let group = if gid == u32::MAX { return Err(Errno::INVAL) } else { Gid::from_raw(gid) };
    fs::chownat(directory, name, None, Some(group), AtFlags::SYMLINK_NOFOLLOW)
}

pub(crate) fn status(file: BorrowedFd<'_>) -> Result<Status> {
    fs::fstat(file).map(|found| status_of(&found))
}

/// What `name` stands for, itself: a symbolic link is not followed.
pub(crate) fn status_of_name(directory: BorrowedFd<'_>, name: &Path) -> Result<Status> {
    fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).map(|found| status_of(&found))
}

pub(crate) fn remove(directory: BorrowedFd<'_>, name: &Path) -> Result<()> {
    fs::unlinkat(directory, name, AtFlags::empty())
}

/// Opens the file for a lock, making it (0600) if it is missing. Never follows a link and never
/// waits for a FIFO.
pub(crate) fn open_lock(directory: BorrowedFd<'_>, name: &Path) -> Result<OwnedFd> {
    let flags =
        OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    retry_on_intr(|| fs::openat(directory, name, flags, mode_of(0o600)))
}

/// Opens a small file to read it. Never follows a link and never waits for a FIFO.
pub(crate) fn open_to_read(directory: BorrowedFd<'_>, name: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    retry_on_intr(|| fs::openat(directory, name, flags, Mode::empty()))
}

/// Makes a file that was not there, for its owner only (0600).
pub(crate) fn create(directory: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    retry_on_intr(|| fs::openat(directory, name, flags, mode_of(0o600)))
}

/// Takes the lock for as long as `file` (or a duplicate of it) is open; `false` if another holds it.
pub(crate) fn try_lock(file: BorrowedFd<'_>) -> Result<bool> {
    match retry_on_intr(|| fs::flock(file, FlockOperation::NonBlockingLockExclusive)) {
        Err(Errno::WOULDBLOCK) => Ok(false),
        outcome => outcome.map(|()| true),
    }
}

/// Replaces the whole of a small file.
pub(crate) fn write_small(file: BorrowedFd<'_>, text: &[u8]) -> Result<()> {
    fs::ftruncate(file, 0)?;
    retry_on_intr(|| rustix::io::pwrite(file, text, 0)).map(drop)
}

/// Reads the beginning of a file.
pub(crate) fn read_small(file: BorrowedFd<'_>) -> Result<Vec<u8>> {
    let mut text = [0; 32];
    let count = retry_on_intr(|| rustix::io::pread(file, &mut text[..], 0))?;
    Ok(text[..count].to_vec())
}

/// The permission bits as the system counts them.
pub(crate) fn raw_mode(mode: u32) -> RawMode {
    RawMode::try_from(mode & 0o7777).unwrap_or(0)
}

pub(super) fn mode_of(mode: u32) -> Mode {
    Mode::from_raw_mode(raw_mode(mode))
}

/// The types of these fields differ between systems; all of them fit.
#[allow(
    clippy::useless_conversion,
    clippy::unnecessary_cast,
    clippy::cast_possible_truncation,
    clippy::cast_lossless,
    reason = "identity conversions on one system are real ones on another"
)]
fn status_of(found: &fs::Stat) -> Status {
    let kind = match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile => ObjectKind::Regular,
        FileType::Directory => ObjectKind::Directory,
        FileType::Symlink => ObjectKind::Link,
        FileType::Socket => ObjectKind::Socket,
        _ => ObjectKind::Other,
    };
    Status {
        kind,
        owner: found.st_uid,
        group: found.st_gid,
        mode: u32::from(found.st_mode) & 0o7777,
        links: found.st_nlink as u64,
        identity: FileIdentity { device: found.st_dev as u64, inode: found.st_ino as u64 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsFd;

    #[test]
    fn a_lock_belongs_to_one_opening_until_it_is_closed() {
        let place = tempfile::tempdir().expect("a directory");
        let directory = open_directory(place.path(), true).expect("opens");
        let name = Path::new("x.lock");
        let open = || open_lock(directory.as_fd(), name).expect("opens");
        let (first, second) = (open(), open());
        assert!(try_lock(first.as_fd()).expect("locks"));
        assert!(!try_lock(second.as_fd()).expect("answers"));
        drop(first);
        assert!(try_lock(second.as_fd()).expect("locks"));
        assert_eq!(status(second.as_fd()).expect("status").mode, 0o600);
    }

    #[test]
    fn this_process_exists_and_a_dead_one_does_not() {
        assert!(process_exists(std::process::id()));
        let mut child = std::process::Command::new("true").spawn().expect("starts");
        let pid = child.id();
        child.wait().expect("ends");
        assert!(!process_exists(pid));
        assert!(!process_exists(0), "that would ask about the whole group");
    }

    #[test]
    fn a_link_is_seen_as_a_link() {
        let place = tempfile::tempdir().expect("a directory");
        File::create(place.path().join("file")).expect("a file");
        std::os::unix::fs::symlink("file", place.path().join("link")).expect("a link");
        let directory = open_directory(place.path(), true).expect("opens");
        let kind = |name| status_of_name(directory.as_fd(), Path::new(name)).expect(name).kind;
        assert_eq!(kind("file"), ObjectKind::Regular);
        assert_eq!(kind("link"), ObjectKind::Link);
        assert!(open_lock(directory.as_fd(), Path::new("link")).is_err());
    }
}

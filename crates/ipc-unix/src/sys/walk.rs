//! Resolving a name below a directory component by component: what every Unix can do, and what
//! Linux falls back on. No link is followed, so that no name leads out.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use ipc_core::files::{Metadata, RelativePath, ResolveRules};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use super::files::SEARCH;
use super::status::{describe, metadata};

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// To read it.
    Content,
    /// To list it.
    Directory,
}

impl Wanted {
    /// The flags for it: nothing that is opened is waited for, and no terminal taken.
    pub(super) fn flags(self) -> OFlags {
        let reading = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        match self {
            Self::Content => reading,
            Self::Directory => reading | OFlags::DIRECTORY,
        }
    }
}

/// Opens what `path` names below `root`, never waiting for a FIFO's writer or a lease's holder.
pub(crate) fn open_below(
    root: BorrowedFd<'_>,
    path: &RelativePath,
    wanted: Wanted,
    rules: ResolveRules,
) -> io::Result<OwnedFd> {
    let place = descend(root, path, rules)?;
    let opened = step(place.directory(root), place.name, wanted.flags())?;
    place.check_mount(metadata(opened.as_fd())?.device)?;
    Ok(opened)
}

/// The metadata of what `path` names below `root`; a link stands for itself.
pub(crate) fn stat_below(
    root: BorrowedFd<'_>,
    path: &RelativePath,
    rules: ResolveRules,
) -> io::Result<Metadata> {
    let place = descend(root, path, rules)?;
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    let found = describe(&rustix::fs::statat(place.directory(root), place.name, flags)?);
    place.check_mount(found.device)?;
    Ok(found)
}

/// The last component of a path and the directory that holds it.
struct Place<'a> {
    /// `None`: the root itself.
    directory: Option<OwnedFd>,
    name: &'a [u8],
    /// The volume that must not be left, where one must not.
    device: Option<u64>,
}

impl Place<'_> {
    fn directory<'b>(&'b self, root: BorrowedFd<'b>) -> BorrowedFd<'b> {
        self.directory.as_ref().map_or(root, AsFd::as_fd)
    }

    fn check_mount(&self, device: u64) -> io::Result<()> {
        if self.device.is_some_and(|own| own != device) {
            return Err(Errno::XDEV.into());
        }
        Ok(())
    }
}

fn descend<'a>(
    root: BorrowedFd<'_>,
    path: &'a RelativePath,
    rules: ResolveRules,
) -> io::Result<Place<'a>> {
    let device = if rules.cross_mounts { None } else { Some(metadata(root)?.device) };
    let mut place = Place { directory: None, name: b".", device };
    let mut components = path.components().peekable();
    while let Some(name) = components.next() {
        if components.peek().is_none() {
            place.name = name;
        } else {
            let next = step(place.directory(root), name, SEARCH | OFlags::DIRECTORY)?;
            place.check_mount(metadata(next.as_fd())?.device)?;
            place.directory = Some(next);
        }
    }
    Ok(place)
}

fn step(directory: BorrowedFd<'_>, name: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(retry_on_intr(|| rustix::fs::openat(directory, name, flags, Mode::empty()))?)
}

#[cfg(test)]
mod tests;

//! Where a fetched file goes.
//!
//! The directory may be one that others write to as well, such as `/tmp`. What somebody else has
//! put there is neither written to nor read:
//!
//! * The directory is opened once, and everything happens to names in it. Whatever becomes of its
//!   path meanwhile, nothing is written elsewhere.
//! * A symbolic link at the final name is followed if it belongs to this user or to root, and
//!   refused otherwise. It stays a link: what it leads to is written or replaced.
//! * A device or a FIFO takes the content as it comes; a FIFO of another user, unless that is root,
//!   is refused.
//! * `/dev/stdout`, `/dev/fd/N` and their like in `/proc` are what they stand for, open already: the
//!   content goes where that stands.
//! * Anything else is a file, which [`Partial`](crate::resume::Partial) replaces when it is whole.
//!
//! Whoever may rename files in the directory can replace any file in it, before and afterwards:
//! against its owner, or against everybody where it is open to all without being sticky, nothing
//! helps but another directory.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf, is_separator};

use ipc_core::Deadline;

use crate::error::{Error, Result};
use crate::platform::{Directory, Kind, Stream};

/// Where a fetched file goes.
#[derive(Debug)]
pub enum Destination {
    /// A file, which appears there when it is whole.
    File(Place),
    /// What takes the bytes as they come.
    Stream(Stream),
}

impl Destination {
    /// Finds out what `path` stands for, and opens it unless it is a file.
    ///
    /// # Errors
    /// [`Error::Local`] if it cannot be reached, or is a directory or another user's.
    ///
    /// # Blocking
    /// Until `deadline` where `path` is a FIFO that nobody reads.
    pub fn open(path: &Path, deadline: Deadline) -> Result<Self> {
        Self::find(path, deadline).map_err(Error::local("write to", path))
    }

    fn find(path: &Path, deadline: Deadline) -> io::Result<Self> {
        let mut place = Place::of(path)?;
        for _ in 0..MAX_LINKS {
            let Place { directory, name, .. } = &place;
            if let Some(stream) = Stream::open_descriptor(directory, name, deadline)? {
                return Ok(Self::Stream(stream));
            }
            let Some(found) = directory.look(name)? else { return Ok(Self::File(place)) };
            match found.kind {
                Kind::File => return found.check_replaceable().map(|()| Self::File(place)),
                Kind::Directory => return Err(io::ErrorKind::IsADirectory.into()),
                Kind::Link if found.is_trusted() => place = place.behind()?,
                Kind::Link => {
                    let whose = found.whose();
                    let text =
                        format!("it is a link of {whose}; remove it, or choose another place");
                    return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
                }
                _ => {
                    return Stream::open(directory, name, &found, deadline).map(Self::Stream);
                }
            }
        }
        Err(io::Error::other("too many levels of symbolic links"))
    }
}

/// The name of a file in a directory that is held open.
#[derive(Debug)]
pub struct Place {
    pub(crate) directory: Directory,
    pub(crate) name: OsString,
    path: PathBuf,
}

impl Place {
    /// The place by a path, as far as that goes without following links.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of another name in the same directory.
    pub(crate) fn beside(&self, name: &OsStr) -> PathBuf {
        self.path.with_file_name(name)
    }

    fn of(path: &Path) -> io::Result<Self> {
        let (parent, name) = split(path)?;
        let directory = Directory::open(parent)?;
        Ok(Self { directory, name: name.to_owned(), path: path.to_owned() })
    }

    /// The place that the link here leads to.
    fn behind(self) -> io::Result<Self> {
        let target = self.directory.target(&self.name)?;
        let (parent, name) = split(&target)?;
        let directory = self.directory.open_from_here(parent)?;
        let path = self.path.with_file_name(&target);
        Ok(Self { directory, name: name.to_owned(), path })
    }
}

/// The directory of `path`, and the name in it. A path that can only be a directory's has none.
fn split(path: &Path) -> io::Result<(&Path, &OsStr)> {
    let text = path.as_os_str().as_encoded_bytes();
    let before_dot = text.strip_suffix(b".").unwrap_or(text);
    let ends_in_separator = before_dot.last().is_some_and(|last| is_separator(char::from(*last)));
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if !ends_in_separator => {
            let is_here = parent.as_os_str().is_empty();
            Ok((if is_here { Path::new(".") } else { parent }, name))
        }
        _ => Err(io::ErrorKind::IsADirectory.into()),
    }
}

/// As many links as Linux follows. Source: path_resolution(7).
const MAX_LINKS: u32 = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_file_in_a_directory_or_is_a_directory() {
        for (path, parent, name) in [
            ("a", ".", "a"),
            ("a/b", "a", "b"),
            ("/a", "/", "a"),
            ("../.a", "..", ".a"),
            ("a.", ".", "a."),
        ] {
            let found = split(Path::new(path)).expect("a file");
            assert_eq!(found, (Path::new(parent), OsStr::new(name)), "{path}");
        }
        for path in ["", "/", ".", "..", "a/", "a/.", "a/..", "a//"] {
            assert!(split(Path::new(path)).is_err(), "{path}");
        }
    }
}

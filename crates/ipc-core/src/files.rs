//! Files below a served directory: names as they travel, and the boundary behind which a platform
//! resolves them.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io;
use std::time::SystemTime;

use crate::error::{Error, ErrorKind, Operation, Result};
use crate::peer::Peer;
use crate::transport::AsPeer;

mod finding;

pub use finding::{Class, Denial, Finding, Reason, Right};

/// A directory below which names are resolved, and nowhere else. Implemented by `ipc-unix` and
/// `ipc-windows`.
///
/// The handle on the directory is the authority: names are resolved below it by the kernel, so
/// that no race with a rename leads out of it.
pub trait Root: fmt::Debug + Send + Sync {
    /// The directory itself; `None` for a root that is several, as that of all drives on Windows.
    ///
    /// Below a directory a transport may resolve names by itself, by [`rules`](Self::rules) and
    /// [`admit`](Self::admit) and without [`open`](Self::open) and [`stat`](Self::stat): a root where
    /// these do more has none either.
    fn directory(&self) -> Option<&File>;

    /// What every resolution below this root obeys.
    fn rules(&self) -> ResolveRules;

    /// Looks at a file that was just opened, by whatever mechanism, and admits it or not: only
    /// regular files (and directories, for [`Open::List`]), never those of `/proc` and its like.
    ///
    /// # Errors
    /// [`Error::Remote`] of kind `NotRegular`, `IsADirectory` or `NotADirectory`.
    fn admit(&self, opened: File, how: Open) -> Result<File>;

    /// Opens `path` as the peer that `by` vouches for. Never waits for a FIFO or a lease.
    ///
    /// # Errors
    /// [`Error::Io`] with what the system said; [`Error::Remote`] of kind `OutsideRoot` for a path
    /// that leaves the root; as [`admit`](Self::admit).
    fn open(&self, by: &AsPeer, path: &RelativePath, how: Open) -> Result<File>;

    /// The metadata of what `path` names, without opening it and without following a final link.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    fn stat(&self, by: &AsPeer, path: &RelativePath) -> Result<Metadata>;

    /// Opens `path` with this process's own rights, if a look at the permissions of the file and of
    /// every directory on the way says that `client` has the right to it too: what both may, and
    /// nothing else.
    ///
    /// This is a judgement of this process's own, for servers that may not act as their clients;
    /// the system is not asked. Where it cannot be known what the system would answer the client,
    /// it is refused.
    ///
    /// # Errors
    /// As [`open`](Self::open), with the kind that the client's own attempt would meet;
    /// [`Error::IdentityUnknown`], [`Error::IdentityRefused`] or [`Error::Sandboxed`] for a client
    /// whose rights cannot be judged; [`Error::NotPrivileged`] for a file whose permissions cannot;
    /// [`Error::Unsupported`] where nothing can be judged.
    fn open_checked(&self, client: &Peer, path: &RelativePath, how: Open) -> Result<File> {
        let _ = (client, path, how);
        Err(Error::Unsupported { operation: Operation::Open })
    }

    /// The metadata of what `path` names, by the same judgement and without following a final
    /// link.
    ///
    /// # Errors
    /// As [`open_checked`](Self::open_checked).
    fn stat_checked(&self, client: &Peer, path: &RelativePath) -> Result<Metadata> {
        let _ = (client, path);
        Err(Error::Unsupported { operation: Operation::Inspect })
    }

    /// Opens `path` with this process's own rights, whoever it is for. Everybody who is served so
    /// gets what this process may read: it is meant for what is public.
    ///
    /// # Errors
    /// As [`open`](Self::open); [`Error::Unsupported`] where a root does not offer it.
    fn open_as_server(&self, path: &RelativePath, how: Open) -> Result<File> {
        let _ = (path, how);
        Err(Error::Unsupported { operation: Operation::Open })
    }

    /// The metadata of what `path` names, likewise, without following a final link.
    ///
    /// # Errors
    /// As [`open_as_server`](Self::open_as_server).
    fn stat_as_server(&self, path: &RelativePath) -> Result<Metadata> {
        let _ = path;
        Err(Error::Unsupported { operation: Operation::Inspect })
    }

    /// Finds out where on the way to `path`, and by which rule, [`open`](Self::open) or
    /// [`open_checked`](Self::open_checked) has `refused` it to `client`. `None` if nothing is found
    /// that refuses it in that way: files change.
    ///
    /// With `by` this thread has the client's rights, and goes only where these lead. Without it the
    /// client is judged as by [`open_checked`](Self::open_checked): nothing is looked at that the
    /// client could not get to.
    ///
    /// # Errors
    /// As [`open_checked`](Self::open_checked) for a client whose rights cannot be judged;
    /// [`Error::Unsupported`] where a root cannot tell.
    fn explain(
        &self,
        by: Option<&AsPeer>,
        client: &Peer,
        path: &RelativePath,
        how: Open,
        refused: ErrorKind,
    ) -> Result<Option<Finding>> {
        let _ = (by, client, path, how, refused);
        Err(Error::Unsupported { operation: Operation::Inspect })
    }

    /// The metadata of an opened file.
    ///
    /// # Errors
    /// What the system said.
    fn metadata(&self, file: &File) -> io::Result<Metadata>;

    /// The entries of an opened directory, in no order and without `.` and `..`, handed to `each`
    /// until it returns `false`.
    ///
    /// # Errors
    /// What the system said; entries before it have been handed out.
    fn entries(
        &self,
        directory: &File,
        each: &mut dyn FnMut(DirectoryEntry) -> bool,
    ) -> io::Result<()>;

    /// Whether reading `file`, an open one of which `found` is known, may wait for something that
    /// perhaps never answers: another machine, or a program. Then it is read where that holds up
    /// nobody else. Default: no.
    fn may_wait(&self, file: &File, found: &Metadata) -> bool {
        let _ = (file, found);
        false
    }

    /// Reads at the position `at` without using the file's own. `Ok(0)` at its end.
    ///
    /// # Errors
    /// What the system said.
    ///
    /// # Platform differences
    /// On Windows the file's own position is moved to where the reading ended.
    fn read_at(&self, file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize>;
}

/// What a file is opened for. Nothing is ever opened for writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Open {
    /// A regular file, to read it.
    Read,
    /// A directory, to list it.
    List,
}

/// What the resolution of a name below a [`Root`] obeys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResolveRules {
    /// Symbolic links are followed where they stay below the root; else they are refused.
    pub follow_links: bool,
    /// Mount points below the root are crossed.
    pub cross_mounts: bool,
}

impl Default for ResolveRules {
    fn default() -> Self {
        Self { follow_links: true, cross_mounts: true }
    }
}

/// A file's name below a [`Root`]: components separated by `/`, none of them empty, `.` or `..`.
///
/// Names are bytes, as they travel and as Unix has them; a platform that needs text refuses the
/// rest. The empty path is the root itself.
///
/// # Examples
/// ```
/// use ipc_core::files::RelativePath;
///
/// let path = RelativePath::new(b"docs//./notes.txt")?;
/// assert_eq!(path.as_bytes(), b"docs/notes.txt");
/// assert!(RelativePath::new(b"../secret").is_err());
/// assert_eq!(RelativePath::new(b"a\nb")?.to_string(), r"a\nb"); // escaped for people
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelativePath(Vec<u8>);

impl RelativePath {
    /// The longest path, in bytes. Source: Linux `PATH_MAX`, 4096 with the final NUL.
    pub const MAX_LENGTH: usize = 4095;

    /// The path with that text, tidied of empty and `.` components.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for a path that is absolute, too long, has a NUL or a `..`.
    pub fn new(text: &[u8]) -> Result<Self> {
        let refuse = |why: &str| {
            Err(Error::InvalidInput { reason: format!("the path `{}` {why}", Escaped(text)) })
        };
        if text.len() > Self::MAX_LENGTH {
            return Err(Error::InvalidInput {
                reason: format!("the path is longer than {} bytes", Self::MAX_LENGTH),
            });
        }
        if text.contains(&0) {
            return refuse("contains a NUL");
        }
        if text.first() == Some(&b'/') {
            return refuse("is absolute; give it relative to the served directory");
        }
        let mut tidy = Vec::with_capacity(text.len());
        for component in text.split(|byte| *byte == b'/') {
            match component {
                b"" | b"." => {}
                b".." => return refuse("contains `..`, which is never resolved"),
                name => {
                    if !tidy.is_empty() {
                        tidy.push(b'/');
                    }
                    tidy.extend_from_slice(name);
                }
            }
        }
        Ok(Self(tidy))
    }

    /// The path's bytes; empty for the root itself.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// `true` for the root itself.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The components, outermost first.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/').filter(|name| !name.is_empty())
    }
}

/// Escaped for people: no control character, no text direction, no line break gets through.
impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() { f.write_char('.') } else { Escaped(&self.0).fmt(f) }
    }
}

/// Shows bytes that a stranger chose: printable text as it is, the rest as escapes, and so
/// backticks, between which messages quote names.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '`' => f.write_str("\\`")?,
                    '\'' | '"' => f.write_char(character)?,
                    other => other.escape_debug().fmt(f)?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// What kind of object a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A FIFO.
    Fifo,
    /// A socket.
    Socket,
    /// A device.
    Device,
    /// Something that this system adds.
    Other,
}

/// What is known of a file without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// Its kind.
    pub kind: FileKind,
    /// Its length in bytes: a hint, never a promise about what reading it will give.
    pub length: u64,
    /// When its content last changed, where the system says.
    pub modified: Option<SystemTime>,
    /// The volume it lies on.
    pub device: u64,
    /// Its number on that volume; of 128 bits, which ReFS has, a hash.
    pub inode: u64,
    /// Its Unix permission bits (`0o7777`), where it has them.
    pub mode: Option<u32>,
    /// Its owner's and group's Unix ids, where it has them.
    pub owner: Option<(u32, u32)>,
}

impl Metadata {
    /// Metadata of a file that has only what every system gives.
    #[must_use]
    pub fn new(kind: FileKind, length: u64, device: u64, inode: u64) -> Self {
        Self { kind, length, modified: None, device, inode, mode: None, owner: None }
    }
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// Its name: one component, as bytes.
    pub name: Vec<u8>,
    /// What it is, where the system says without another look.
    pub kind: Option<FileKind>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_could_leave_the_root_is_refused() {
        for text in [&b"/etc/passwd"[..], b"..", b"a/..", b"a/../b", b"a\0b", &[b'a'; 4096]] {
            assert!(RelativePath::new(text).is_err(), "{}", Escaped(text));
        }
    }

    #[test]
    fn a_path_is_tidied_and_keeps_its_bytes() {
        let tidy = |text: &[u8]| RelativePath::new(text).expect("a good path").as_bytes().to_vec();
        assert_eq!(tidy(b""), b"");
        assert_eq!(tidy(b"./a//b/"), b"a/b");
        assert_eq!(tidy(b"...\xff/x"), b"...\xff/x");
        let path = RelativePath::new(b"a/b/c").expect("a good path");
        assert_eq!(path.components().collect::<Vec<_>>(), [b"a", b"b", b"c"]);
    }

    #[test]
    fn what_a_stranger_chose_is_shown_escaped() {
        let shown = |text: &[u8]| Escaped(text).to_string();
        assert_eq!(shown("naïve 'file'".as_bytes()), "naïve 'file'");
        assert_eq!(shown(b"a\nb\x1b[31m\xff"), r"a\nb\u{1b}[31m\xff");
        assert_eq!(shown("x\u{202e}y".as_bytes()), r"x\u{202e}y");
        assert_eq!(shown(br"back\slash"), r"back\\slash");
        assert_eq!(shown(b"a`  6 bytes  ok"), r"a\`  6 bytes  ok", "no quotation ends within it");
    }
}

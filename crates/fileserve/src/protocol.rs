//! The messages between client and server: what travels, and in which shape.
//!
//! Every type here is part of the wire format and never changes; what needs another shape is
//! another method. None of them is recursive, and their collections are capped.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ipc_core::files::{FileKind, Metadata};
use serde::{Deserialize, Serialize};

mod entries;
mod explanation;
mod path;
mod whoami;

pub use entries::{Entry, EntryReader, encode_entry};
pub use explanation::{Explanation, WireDenial, WireFinding};
pub use path::{Names, WirePath};
pub use whoami::{Acting, WhoAmI, WireIdentity};

ipc_core::service! {
    /// Serves files, each opened with the rights of the client that asks for it.
    pub trait Files, client FilesClient {
        /// Sends a file's content, or a part of it, as the body.
        1 => fn get(path: WirePath, part: Part = Part::WHOLE) -> FileHead, body, may_wait;
        /// Tells what a name stands for, without following a final link.
        2 => fn stat(path: WirePath) -> FileInfo, may_wait;
        /// Sends a directory's entries, in no order, as the body; [`EntryReader`] reads them.
        3 => fn list(path: WirePath) -> Listing, body, may_wait;
        /// Computes a file's checksum.
        4 => fn sum(path: WirePath, algorithm: Algorithm) -> Digest, pool;
        /// Tells the client what the server knows about it.
        5 => fn whoami() -> WhoAmI;
        /// Tells what the paths of this server mean.
        6 => fn about() -> About;
        /// Opens a file as the client and passes it, for the client to read by itself.
        7 => fn hand_over(path: WirePath) -> Validator, handle, may_wait;
        /// Sends the content of the file that the client has opened and passes, or a part of it, as
        /// the body.
        8 => fn get_passed(part: Part = Part::WHOLE) -> FileHead, body, takes_handle, pool;
        /// Computes the checksum of the file that the client has opened and passes.
        9 => fn sum_passed(algorithm: Algorithm) -> Digest, takes_handle, pool;
        /// Tells whether a file would be served, or with a `/` at its end a directory's entries, and
        /// if not, at which name and by which rule it is refused.
        10 => fn explain(path: WirePath) -> Explanation, may_wait;
    }
}

/// Which part of a file is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Where it begins, in bytes.
    pub from: u64,
    /// How long it is at most, in bytes; `None`: to the end.
    pub length: Option<u64>,
    /// The file must still be this one; another is refused as
    /// [`Changed`](ipc_core::ErrorKind::Changed).
    pub of: Option<Validator>,
}

impl Part {
    /// All of the file, whichever it is.
    pub const WHOLE: Part = Part { from: 0, length: None, of: None };
}

/// What precedes a file's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHead {
    /// Which file it is, and in which state. Its length is that of the whole file.
    pub file: Validator,
    /// Where the part begins, in bytes.
    pub from: u64,
    /// How long the part is, in bytes: exactly what the body has if it ends well.
    pub length: u64,
}

/// Tells whether a file is still the one it was: equal validators, equal content, as far as the
/// file system records changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validator {
    /// The volume it lies on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// Its length in bytes.
    pub length: u64,
    /// When its content last changed.
    pub modified: Option<Timestamp>,
}

impl From<&Metadata> for Validator {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.device,
            inode: metadata.inode,
            length: metadata.length,
            modified: metadata.modified.map(Timestamp::from),
        }
    }
}

/// A moment, since the beginning of 1970 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Timestamp {
    /// Whole seconds; negative before 1970.
    pub seconds: i64,
    /// Nanoseconds after that second, below 1,000,000,000.
    pub nanoseconds: u32,
}

impl From<SystemTime> for Timestamp {
    /// A moment that does not fit becomes the nearest that does.
    fn from(time: SystemTime) -> Self {
        let (seconds, nanoseconds) = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => (i64::try_from(after.as_secs()), after.subsec_nanos()),
            Err(before) => {
                // The second that the moment lies in begins before it.
                let before = before.duration() + Duration::from_nanos(999_999_999);
                let nanoseconds = 999_999_999 - before.subsec_nanos();
                (i64::try_from(before.as_secs()).map(|seconds| -seconds), nanoseconds)
            }
        };
        Self { seconds: seconds.unwrap_or(i64::MAX), nanoseconds }
    }
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInfo {
    /// Which kind of object it is.
    pub kind: Kind,
    /// Which object it is, and in which state.
    pub file: Validator,
    /// Its Unix permission bits, where it has them.
    pub mode: Option<u32>,
    /// Its owner's and its group's Unix ids, where it has them.
    pub owner: Option<(u32, u32)>,
}

impl From<&Metadata> for FileInfo {
    fn from(metadata: &Metadata) -> Self {
        Self {
            kind: metadata.kind.into(),
            file: metadata.into(),
            mode: metadata.mode,
            owner: metadata.owner,
        }
    }
}

/// A kind of object in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Not known without another look.
    Unknown,
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A device, a FIFO, a socket.
    Other,
}

impl Kind {
    /// The kind in a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::File => "file",
            Self::Directory => "directory",
            Self::Link => "link",
            Self::Other => "other",
        }
    }
}

impl From<FileKind> for Kind {
    fn from(kind: FileKind) -> Self {
        match kind {
            FileKind::Regular => Self::File,
            FileKind::Directory => Self::Directory,
            FileKind::Link => Self::Link,
            _ => Self::Other,
        }
    }
}

/// What precedes a directory's entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// How many entries follow in the body.
    pub entries: u32,
    /// `false` if the directory has more than a server lists.
    pub complete: bool,
}

/// A way of computing a checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// BLAKE3, 32 bytes.
    Blake3,
    /// SHA-256, 32 bytes. Source: FIPS 180-4.
    Sha256,
}

impl Algorithm {
    /// The algorithm's name on the command line and in output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Blake3 => "blake3",
            Self::Sha256 => "sha256",
        }
    }
}

/// A file's checksum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// Which file it is of.
    pub file: Validator,
    /// How it was computed.
    pub algorithm: Algorithm,
    /// The checksum.
    pub bytes: [u8; 32],
}

impl Digest {
    /// The checksum in lower-case hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        self.bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What a client must know before it names a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// What paths mean here.
    pub names: Names,
    /// Who opens the files.
    pub opens: Opener,
}

/// Who opens the files that a server serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Opener {
    /// The server, by their paths.
    Server,
    /// The client, which passes them: paths are its own business.
    Client,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_counts_from_1970_in_both_directions() {
        let at = |seconds, nanoseconds| Timestamp { seconds, nanoseconds };
        let half = Duration::from_millis(500);
        assert_eq!(Timestamp::from(UNIX_EPOCH), at(0, 0));
        assert_eq!(Timestamp::from(UNIX_EPOCH + half), at(0, 500_000_000));
        assert_eq!(Timestamp::from(UNIX_EPOCH - half), at(-1, 500_000_000));
        assert_eq!(Timestamp::from(UNIX_EPOCH - half * 4), at(-2, 0));
    }

    #[test]
    fn a_file_of_another_time_is_another_file() {
        let mut metadata = Metadata::new(FileKind::Regular, 10, 1, 2);
        metadata.modified = Some(UNIX_EPOCH);
        let before = Validator::from(&metadata);
        metadata.modified = Some(UNIX_EPOCH + Duration::from_nanos(100)); // the least on Windows
        assert_ne!(before, Validator::from(&metadata));
    }
}

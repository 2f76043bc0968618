//! A directory that is not there: files for services, without any system behind them.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use ipc_core::files::{DirectoryEntry, FileKind, Metadata, Open, RelativePath, ResolveRules, Root};
use ipc_core::service::FileBody;
use ipc_core::{AsPeer, Result};

/// A root that opens whatever is named, for whoever asks: a file of [`LENGTH`] bytes, whose last ones
/// cannot be read, or a directory of two.
#[derive(Debug)]
pub struct Shelf(File);

/// How long every file says that it is, in bytes.
pub const LENGTH: u64 = 100_000;

/// How much of it there is.
const READABLE: u64 = 90_000;

impl Shelf {
    /// The root.
    #[must_use]
    pub fn new() -> Arc<Self> {
        let program = std::env::current_exe().expect("the program has a name");
        Arc::new(Self(File::open(program).expect("which can be read, as it is being run")))
    }

    /// The body of an answer: the `length` bytes of a file from there on.
    #[must_use]
    pub fn part(self: &Arc<Self>, from: u64, length: u64) -> FileBody {
        let root = Arc::clone(self) as Arc<dyn Root>;
        FileBody { file: self.handle(), root, from, length, as_of: Some(metadata()) }
    }

    /// Stands for any file: its own content is never looked at.
    #[must_use]
    pub fn handle(&self) -> File {
        self.0.try_clone().expect("few are open at once")
    }
}

impl Root for Shelf {
    fn directory(&self) -> Option<&File> {
        None
    }

    fn rules(&self) -> ResolveRules {
        ResolveRules::default()
    }

    fn admit(&self, opened: File, _: Open) -> Result<File> {
        Ok(opened)
    }

    fn open(&self, _: &AsPeer, path: &RelativePath, _: Open) -> Result<File> {
        assert_contained(path);
        Ok(self.handle())
    }

    fn stat(&self, _: &AsPeer, path: &RelativePath) -> Result<Metadata> {
        assert_contained(path);
        Ok(metadata())
    }

    fn metadata(&self, _: &File) -> io::Result<Metadata> {
        Ok(metadata())
    }

    fn entries(&self, _: &File, each: &mut dyn FnMut(DirectoryEntry) -> bool) -> io::Result<()> {
        for name in [&b"a"[..], b"\xff\n"] {
            each(DirectoryEntry { name: name.to_vec(), kind: None });
        }
        Ok(())
    }

    fn read_at(&self, _: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let left = usize::try_from(READABLE.saturating_sub(at)).unwrap_or(usize::MAX);
        let count = left.min(buffer.len());
        buffer[..count].fill(b'x');
        Ok(count)
    }
}

/// What a root may rely on: the name leads nowhere but down.
pub fn assert_contained(path: &RelativePath) {
    let bytes = path.as_bytes();
    assert!(bytes.len() <= RelativePath::MAX_LENGTH, "{path}");
    assert!(!bytes.starts_with(b"/") && !bytes.ends_with(b"/") && !bytes.contains(&0), "{path}");
    let up_or_nothing = |name: &[u8]| matches!(name, b"" | b"." | b"..");
    assert!(!path.components().any(up_or_nothing), "{path}");
}

fn metadata() -> Metadata {
    let mut metadata = Metadata::new(FileKind::Regular, LENGTH, 1, 2);
    metadata.modified = Some(UNIX_EPOCH);
    metadata
}

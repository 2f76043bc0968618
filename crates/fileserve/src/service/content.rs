//! Reading where it may wait without holding anybody up: piece by piece, on the pool.

use std::fs::File;
use std::sync::Arc;

use ipc_core::files::{Metadata, Root};
use ipc_core::service::{Body, Context};
use ipc_core::{ErrorKind, Failure};

use super::passed::Subject;
use super::{FileService, READ_SIZE, broken, shrunk};
use crate::protocol::{FileHead, Validator, WirePath};

impl FileService {
    /// The part of `file` that `head` tells of: of the file `path`, or of one that was passed.
    pub(super) fn read_on_pool(
        &self,
        context: &Context<'_>,
        path: Option<&WirePath>,
        file: File,
        metadata: Metadata,
        head: &FileHead,
    ) -> Body {
        let (root, path) = (Arc::clone(&self.root), path.cloned());
        let (at, left) = (head.from, head.length);
        let mut content = Content { file, path, root, as_of: Some(metadata), at, left };
        context.stream_on_pool(move || content.next_piece())
    }
}

/// What is still to be read of a file. Whoever has passed one still has the same opening, so that it is
/// read at positions alone, and anything may go wrong at any of them.
struct Content {
    file: File,
    /// How the client has named it.
    path: Option<WirePath>,
    root: Arc<dyn Root>,
    /// What it was when it was opened; `None` once that has been compared.
    as_of: Option<Metadata>,
    at: u64,
    left: u64,
}

impl Content {
    fn next_piece(&mut self) -> Option<Result<Vec<u8>, Failure>> {
        if self.left == 0 {
            return self.as_of.take().and_then(|before| self.check(&before).err()).map(Err);
        }
        let length = usize::try_from(self.left).unwrap_or(READ_SIZE).min(READ_SIZE);
        let mut piece = vec![0; length];
        match self.root.read_at(&self.file, &mut piece, self.at) {
            Ok(0) => Some(Err(shrunk(self.subject(), self.at, self.at + self.left))),
            Err(error) => Some(Err(broken(self.subject(), &error))),
            Ok(count) => {
                piece.truncate(count);
                self.at += count as u64;
                self.left -= count as u64;
                Some(Ok(piece))
            }
        }
    }

    fn check(&self, before: &Metadata) -> Result<(), Failure> {
        let now = self.root.metadata(&self.file);
        let now = now.map_err(|error| broken(self.subject(), &error))?;
        if Validator::from(&now) == Validator::from(before) {
            return Ok(());
        }
        let text = format!("{} has changed while it was read", self.subject());
        Err(Failure::new(ErrorKind::Changed, text))
    }

    fn subject(&self) -> Subject<'_> {
        self.path.as_ref().map_or(Subject::Passed, Subject::Path)
    }
}

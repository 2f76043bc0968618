//! Why a client would not be served: the very answer of a real request, and what is found behind it.

use ipc_core::files::Open;
use ipc_core::service::Context;

use super::FileService;
use crate::protocol::{Explanation, WirePath};

impl FileService {
    /// Whether the client would get `path`. It is opened as for a request, so that both have the same
    /// answer; what was opened is closed unread.
    pub(super) fn explain_path(&self, context: &Context<'_>, path: &WirePath) -> Explanation {
        let how = if path.names_directory() { Open::List } else { Open::Read };
        let failure = match self.open(context, path, how) {
            Ok(_) => return Explanation::served(),
            Err(failure) => failure,
        };
        let finding = self.resolve(path).ok().and_then(|name| {
            let found = self.access.explain(context, &*self.root, &name, how, failure.kind());
            // One that cannot be looked for says nothing; the refusal says what it says.
            found.ok().flatten()
        });
        Explanation::refused(&failure, finding.as_ref())
    }
}

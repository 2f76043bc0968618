//! What a client is told that does not get a file: no more than its own attempt would tell.

use std::io;

use ipc_core::files::RelativePath;
use ipc_core::peer::UnixIdentity;
use ipc_core::{Error, ErrorKind, Failure, Operation};

use crate::root::refusal;
use crate::sys::Errno;

/// Who asks for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) operation: Operation,
    pub(super) path: &'a RelativePath,
    pub(super) client: &'a UnixIdentity,
}

impl Asked<'_> {
    /// The permissions refuse the client; where on the way is not said.
    pub(super) fn denied(&self) -> Error {
        let uid = self.client.uid;
        let text = format!("its permissions, or those on the way to it, refuse it to uid {uid}");
        Error::Remote(Failure::new(ErrorKind::PermissionDenied, text))
    }

    /// What the kernel would answer the client.
    pub(super) fn answer(&self, errno: Errno) -> Error {
        refusal(self.operation, self.path, errno.into())
    }

    /// What the system answered this process, which the client has got as far as.
    pub(super) fn own_failure(&self, source: io::Error) -> Error {
        match source.kind() {
            io::ErrorKind::PermissionDenied => {
                let text = "this server's own user has no right to it";
                Error::Remote(Failure::new(ErrorKind::PermissionDenied, text))
            }
            io::ErrorKind::Unsupported => self.unknowable(&source.to_string()),
            _ => refusal(self.operation, self.path, source),
        }
    }

    /// Nobody here can tell what the system would answer the client.
    pub(super) fn unknowable(&self, why: &str) -> Error {
        let uid = self.client.uid;
        let reason = format!("whether uid {uid} may read the file cannot be told: {why}");
        Error::NotPrivileged { reason }
    }
}

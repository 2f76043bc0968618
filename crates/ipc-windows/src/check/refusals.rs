//! What a client is told that does not get a file: no more than its own attempt would tell.

use std::io;
use std::os::windows::io::BorrowedHandle;

use ipc_core::files::RelativePath;
use ipc_core::{Error, ErrorKind, Failure, Operation, Peer};
use windows_sys::Win32::Foundation::STATUS_ACCESS_DENIED;

use crate::root::refusal;
use crate::sys::files::Status;

/// Who asks for what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) operation: Operation,
    pub(super) path: &'a RelativePath,
    pub(super) client: &'a Peer,
}

impl Asked<'_> {
    /// The rights refuse the client; where on the way is not said.
    pub(super) fn denied(&self) -> Error {
        let client = self.client;
        let text = format!("its permissions, or those on the way to it, refuse it to {client}");
        Error::Remote(Failure::new(ErrorKind::PermissionDenied, text))
    }

    /// What the system answered this process, which the client has got as far as.
    pub(super) fn own_failure(
        &self,
        directory: BorrowedHandle<'_>,
        name: &[u16],
        status: Status,
    ) -> Error {
        if status.0 == STATUS_ACCESS_DENIED {
            let text = "this server's own user has no right to it";
            return Error::Remote(Failure::new(ErrorKind::PermissionDenied, text));
        }
        refusal(self.operation, self.path, directory, name, status)
    }

    /// Nobody here can tell what the system would answer the client.
    pub(super) fn unknowable(&self, why: &str) -> Error {
        let client = self.client;
        let reason = format!("whether {client} may read the file cannot be told: {why}");
        Error::NotPrivileged { reason }
    }

    /// The system did not tell what decides.
    pub(super) fn untold(&self) -> impl Fn(io::Error) -> Error + '_ {
        |error| self.unknowable(&error.to_string())
    }
}

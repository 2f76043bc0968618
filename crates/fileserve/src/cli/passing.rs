//! Open files that a server passes to its clients, or takes from them.

use fileserve::FileService;
use ipc_core::session::SessionLimits;
use ipc_core::{BindOptions, Error, Policy, Transport};

use super::access::AccessName;
use super::args::Serve;
use super::reach::{any_of, resolved};
use super::{Failed, exit};

/// Whether open files go along with calls or answers, and to whom.
#[derive(Debug)]
pub(crate) struct Passing {
    takes: bool,
    /// To whom they are handed over.
    to: Option<Policy>,
}

impl Passing {
    /// What was asked for.
    pub(crate) fn asked(arguments: &Serve) -> Result<Self, Failed> {
        let to = resolved(any_of(&arguments.hand_over), "use `--hand-over`")?;
        let passing = Self { takes: arguments.access == AccessName::ClientOpens, to };
        passing.check(arguments)?;
        Ok(passing)
    }

    fn check(&self, arguments: &Serve) -> Result<(), Failed> {
        let access = arguments.access;
        let fault = if self.takes && arguments.what.root.is_some() {
            "serve a directory by `--access client-opens`: its clients open files by their own paths, \
             so there is no root; say `--any-path`"
        } else if (self.takes || self.to.is_some()) && arguments.compat.is_some() {
            "pass open files in that protocol, which has no place for them: leave out `--compat`, or \
             `--hand-over` and `--access client-opens`"
        } else if self.to.is_some() && access != AccessName::Impersonate {
            "hand over what was not opened as the client: `--hand-over` goes with `--access \
             impersonate` only"
        } else {
            return Ok(());
        };
        Err(Failed::because(exit::USAGE, fault))
    }

    /// Whether connections pass handles.
    pub(crate) fn is_on(&self) -> bool {
        self.takes || self.to.is_some()
    }

    /// How the endpoint is bound.
    pub(crate) fn bind_options(&self) -> BindOptions {
        BindOptions::new().handles(self.is_on())
    }

    /// What each connection allows its client.
    pub(crate) fn limits(&self) -> SessionLimits {
        let mut limits = SessionLimits::default();
        // A request is a name and little else, so a client has no use for the memory of more of them.
        (limits.payload, limits.request_bytes) = (REQUESTS, REQUESTS);
        limits.body_bytes = LISTINGS;
        limits.handles = if self.takes { PASSED_AT_ONCE } else { 0 };
        limits
    }

    /// How many descriptors a connection may take, its own among them.
    pub(crate) fn descriptors_each(&self) -> usize {
        if self.is_on() { WITH_HANDLES } else { 1 }
    }

    /// `files` hands over what was asked for.
    pub(crate) fn set_up(
        &self,
        files: FileService,
        transport: &dyn Transport,
    ) -> Result<FileService, Failed> {
        if self.is_on() && !transport.capabilities().handles {
            let error = Error::Unsupported { operation: ipc_core::Operation::PassHandle };
            return Err(Failed::new("pass open files", error));
        }
        let Some(to) = &self.to else { return Ok(files) };
        let own = transport.this_process();
        let own = own.map_err(|error| Failed::new("find out who this server is", error))?;
        Ok(files.hand_over_to(to.clone(), own))
    }

    /// What the operator is told.
    pub(crate) fn remark(&self) -> Option<String> {
        let to = self.to.as_ref()?;
        Some(format!(
            "  passes   open files to `{to}`, who keep what they have got, whatever they may read later"
        ))
    }
}

/// How many bytes the requests of a connection may have together: as few as a server can announce.
/// Source: docs/protocol.md, "First flight".
const REQUESTS: u32 = 64 << 10;

/// Once a connection has so many bytes of listings that wait to be taken, its further calls wait, too.
const LISTINGS: u64 = 1 << 20;

/// How many files a client may pass at once: it uses one.
const PASSED_AT_ONCE: u32 = 4;

/// As many as one connection can make this process hold: its own, those that it has sent and nobody has
/// asked for (at most 16), and those of its calls.
const WITH_HANDLES: usize = 1 + 16 + PASSED_AT_ONCE as usize;

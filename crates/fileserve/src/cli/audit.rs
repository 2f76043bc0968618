//! `--audit`: the account of what the server decides, in a file.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use fileserve::audit::AuditFile;
use fileserve::platform::words;
use ipc_core::Endpoint;
use ipc_core::server::ServerBuilder;

use super::console::Console;
use super::{Failed, exit};

/// Whether an account is kept, and where.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[arg(long, value_name = "FILE", help = words::AUDIT, long_help = words::AUDIT_LONG)]
    audit: Option<PathBuf>,
    /// Serve nothing that cannot be written to the file of `--audit`
    ///
    /// While its disk is full, clients are refused, and no byte of a file leaves before the line about
    /// it is written. Without this the server goes on, says so, and counts what is missing.
    #[arg(long, requires = "audit")]
    audit_required: bool,
}

impl Audit {
    /// Opens the file: with all the rights that this process was started with, before it becomes
    /// `user`.
    pub(crate) fn open(&self, user: Option<&str>) -> Result<Option<AuditFile>, Failed> {
        let Some(path) = &self.audit else { return Ok(None) };
        let file = AuditFile::open(path, user).map_err(|error| {
            Failed::system(format!("keep an account in `{}`", path.display()), error)
        })?;
        Ok(Some(file.required(self.audit_required)))
    }
}

/// The account of this server, if it keeps one.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    file: Option<Arc<AuditFile>>,
    remarks: Console,
}

impl Account {
    /// Keeps it in `file`, and says in `remarks` when it cannot.
    pub(crate) fn new(file: Option<AuditFile>, remarks: Console) -> Self {
        let tell = remarks.clone();
        let file = file.map(|file| {
            Arc::new(file.on_trouble(move |text| {
                tell.line(format!("fileserve: warning: {text}"));
            }))
        });
        Self { file, remarks }
    }

    /// Begins it for a server at `endpoint`.
    pub(crate) fn begin(
        &self,
        endpoint: &Endpoint,
        builder: ServerBuilder,
    ) -> Result<ServerBuilder, Failed> {
        let Some(file) = &self.file else { return Ok(builder) };
        file.begin(endpoint).map_err(|failure| {
            self.remarks.finish();
            let at = file.path().display();
            Failed::because(exit::FAILURE, format!("begin the account in `{at}`: {failure}"))
        })?;
        Ok(builder.audit(file.clone()))
    }

    /// What is said of it at start.
    pub(crate) fn about(&self) -> Vec<String> {
        let Some(file) = &self.file else { return Vec::new() };
        let path = file.path().display();
        let required = if file.is_required() { ", or nothing is served" } else { "" };
        let mut lines = vec![format!("  audits   in `{path}`{required}")];
        if words::HAS_REOPEN && file.directory().is_none() {
            lines.push(format!(
                "fileserve: warning: this user can make no file beside `{path}`: when that is \
                 renamed, SIGHUP finds none to go on in, unless another is put there for this user"
            ));
        }
        lines
    }

    /// Goes on in the file that has the name now.
    pub(crate) fn reopen(&self) {
        let Some(file) = &self.file else { return };
        let path = file.path().display();
        self.remarks.line(match file.reopen() {
            Ok(()) => format!("fileserve: SIGHUP: the account goes on in a newly opened `{path}`"),
            Err(error) => format!(
                "fileserve: warning: SIGHUP: cannot open `{path}` anew: {error}; the account goes on \
                 in the old file, wherever that is now"
            ),
        });
    }

    /// Says what is missing in it.
    pub(crate) fn finish(&self) {
        let Some(file) = &self.file else { return };
        let missing = file.finish();
        if missing > 0 {
            let path = file.path().display();
            self.remarks.line(format!("fileserve: `{path}` ends {missing} lines too early"));
        }
    }
}

//! The protocol of the classic named-pipe sample of .NET, in both roles.
//!
//! Programs that were written after that sample talk to this server and are talked to by this
//! client, unchanged. It is another protocol of the same server: transports, policies, limits and
//! the [`FileService`] are those of the native one, and files are opened as the client.
//! `docs/dotnet.md` has every byte.
//!
//! The protocol has no place for a level of impersonation. A client counts as having granted
//! [`Impersonation`](ipc_core::ImpersonationLevel::Impersonation), as one of .NET does that says
//! nothing; on Windows the system still carries what it said, and the lower of the two is in force.
//!
//! # Examples
//! ```no_run
//! use fileserve::protocol::Names;
//! use fileserve::{FileService, dotnet, platform};
//! use ipc_core::server::Server;
//! use ipc_core::session::SessionLimits;
//!
//! let files = FileService::new(platform::open_root("/srv/files".as_ref(), &Default::default())?, Names::BelowRoot);
//! let endpoint = platform::dotnet_endpoint("testpipe")?;
//! let builder = Server::builder(platform::transport(), endpoint);
//! let server = dotnet::serve(builder, files, SessionLimits::default())?;
//! # drop(server);
//! # Ok::<(), ipc_core::Error>(())
//! ```

use std::time::Instant;

use ipc_core::Result;
use ipc_core::server::{Server, ServerBuilder};
use ipc_core::session::SessionLimits;

use crate::FileService;

mod client;
mod conversation;
mod service;
mod text;
mod wire;

pub use client::{Extent, Fetched, fetch};
use conversation::Conversation;
use service::TextService;

/// Serves `files` as programs of .NET ask for them: one text for each connection.
///
/// Of `limits` two count: [`preface`](SessionLimits::preface) is how long a client may take to name
/// its file, [`stall`](SessionLimits::stall) how long it may take nothing of the answer.
///
/// # Errors
/// As [`ServerBuilder::serve_protocol`].
pub fn serve(builder: ServerBuilder, files: FileService, limits: SessionLimits) -> Result<Server> {
    let speak = move || Box::new(Conversation::new(&limits, Instant::now())) as _;
    builder.serve_protocol(TextService::new(files), speak)
}

/// What the server says first, and a client checks.
pub const GREETING: &str = "I am the one true server!";

/// The most text that is sent of a file, in bytes of UTF-16: 32,767 units. Files that have more are
/// cut there.
pub const MAX_TEXT: usize = wire::MAX_PAYLOAD;

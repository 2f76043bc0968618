//! A file server that opens every file *as the client who asks for it*, and its client.
//!
//! The server runs with rights of its own, perhaps all of them; whoever connects gets what the
//! system lets *them* have, decided by the kernel for their user and groups at each open. Nothing
//! is served with the server's rights unless that was asked for by name ([`Access`]), and nothing
//! outside the served directory ever.
//!
//! | module | for whom |
//! |---|---|
//! | [`service`] | servers: a [`FileService`] for `ipc_core`'s server runtime |
//! | [`access`] | servers: how files are opened for clients |
//! | [`audit`] | servers: the account of what was decided, in a file |
//! | [`client`] | clients: a [`FileClient`] that fetches, resumes, lists and sums |
//! | [`destination`], [`resume`] | clients: where a fetched file goes, and that it comes whole |
//! | [`protocol`] | both: the messages and their shapes |
//! | [`dotnet`] | both: the same files in the protocol of the classic .NET sample |
//! | [`platform`] | programs: this system's transport, roots and signals |
//!
//! The command line of the same name is a thin layer over this library.
#![forbid(unsafe_code)]

pub mod access;
pub mod audit;
pub mod client;
pub mod destination;
mod digest;
pub mod dotnet;
pub mod error;
pub mod platform;
pub mod protocol;
pub mod record;
pub mod resume;
pub mod service;
pub mod shown;

pub use access::Access;
pub use client::FileClient;
pub use error::{Error, Result};
pub use protocol::Files;
pub use service::FileService;

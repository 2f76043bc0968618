//! Windows named pipes for `ipc`, and files below a directory.
//!
//! Of the transport what is here so far is the name: programs that use the facade compile for Windows
//! and have the transport within one process. `PipeTransport` claims no capability and refuses to
//! bind or to connect. The traits of `ipc_core::transport` were held against overlapped pipes before
//! they were settled, so that what is to come here needs no change above.
#![cfg(windows)]

pub mod console;
pub mod files;
mod root;
mod sys;
mod transport;

pub use root::WindowsRoot;
pub use transport::PipeTransport;

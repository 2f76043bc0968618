//! Inter-process communication in which the server always knows, from the kernel, who is calling,
//! and can act as the caller.
//!
//! This crate is the facade: it re-exports [`ipc_core`], adds the transport of this platform as
//! [`Native`], and finds a transport by the text of an endpoint ([`Transports`]).

pub use ipc_core::*;

mod transports;

pub use transports::Transports;

#[cfg(unix)]
pub use ipc_unix::{self as unix, UnixRoot as NativeRoot, UnixTransport as Native};
#[cfg(windows)]
pub use ipc_windows::{self as windows, PipeTransport as Native, WindowsRoot as NativeRoot};
#[cfg(not(any(unix, windows)))]
compile_error!(
    "there is no transport for this platform yet; docs/writing-a-transport.md shows how to add one"
);

/// The pages whose examples are tested.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../README.md")]
    mod readme {}
    #[doc = include_str!("../docs/architecture.md")]
    mod architecture {}
    #[doc = include_str!("../docs/platforms.md")]
    mod platforms {}
}

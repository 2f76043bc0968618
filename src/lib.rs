//! Inter-process communication in which the server always knows, from the kernel, who is calling,
//! and can act as the caller.
//!
//! This crate is the facade: it re-exports [`ipc_core`], adds the transport of this platform as
//! [`Native`], and finds a transport by the text of an endpoint ([`Transports`]).
//!
//! # Where to begin
//! * A service and its typed client: [`service!`]; what a handler can do for its caller, such as
//!   opening a file with the caller's rights: [`Context`](service::Context).
//! * Serving and calling: [`Server`](server::Server), [`Client`].
//! * Who may connect, from text: [`Policy`]; the names in it are looked up by [`NativeAccounts`].
//! * Files below a directory: [`NativeRoot`]. Open files beside calls and answers:
//!   [`native_with_handles`], and [`regular_file`] before anything is read that a peer has passed.
//! * An account of every decision: [`audit`].
//!
//! The folder `examples` has each of these in a program.

pub use ipc_core::*;

mod transports;

pub use transports::Transports;

#[cfg(unix)]
pub use ipc_unix::{
    self as unix, UnixAccounts as NativeAccounts, UnixRoot as NativeRoot, UnixTransport as Native,
    regular_file,
};
#[cfg(windows)]
pub use ipc_windows::{
    self as windows, PipeTransport as Native, WindowsAccounts as NativeAccounts,
    WindowsRoot as NativeRoot, regular_file,
};
#[cfg(not(any(unix, windows)))]
compile_error!(
    "there is no transport for this platform yet; docs/writing-a-transport.md shows how to add one"
);

/// The transport of this platform, for connections that pass open handles: on Windows that is
/// switched on in the transport. What is bound and connected says so besides, by
/// [`BindOptions::handles`] and [`ConnectOptions::handles`].
#[cfg(unix)]
#[must_use]
pub fn native_with_handles() -> Native {
    Native::new()
}

/// The transport of this platform, for connections that pass open handles: on Windows that is
/// switched on in the transport. What is bound and connected says so besides, by
/// [`BindOptions::handles`] and [`ConnectOptions::handles`].
#[cfg(windows)]
#[must_use]
pub fn native_with_handles() -> Native {
    Native::new().pass_handles(true)
}

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

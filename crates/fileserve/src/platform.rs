//! What `fileserve` needs of the system and finds nowhere else: the one place that knows on which
//! it runs.
//!
//! A twin of `platform/unix.rs` provides the same functions and types.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::{Directory, Kind};
#[cfg(unix)]
pub use unix::{
    Signals, Stream, ask_to_stop, give, make_link, open_root, raise_descriptor_limit,
    server_transport, set_mode, transport, wire_path,
};

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux::{DESCRIPTORS, DIRECTORY_ACCESS, duplicate, is_proc};
#[cfg(target_os = "linux")]
pub use linux::{become_user, can_become_others, make_fifo, this_program, thread_id};

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(not(target_os = "linux"))]
use elsewhere::{DESCRIPTORS, DIRECTORY_ACCESS, duplicate, is_proc};
#[cfg(not(target_os = "linux"))]
pub use elsewhere::{become_user, can_become_others, make_fifo, this_program, thread_id};

/// How a server binds, beyond what every system has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Serving {
    /// The permissions of a socket's file; `None`: this user alone.
    pub socket_mode: Option<u32>,
    /// Act as a root that is not provably this system's own.
    pub act_as_root: bool,
    /// Act as clients that live in other user namespaces.
    pub act_as_sandboxed: bool,
}

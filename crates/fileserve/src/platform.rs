//! What `fileserve` needs of the system and finds nowhere else: the one place that knows on which
//! it runs.
//!
//! `unix.rs` and `windows.rs` are twins: they provide the same functions and types.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix as native;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows as native;

mod cast;

pub use cast::{Actor, Cast, Prop};
pub use native::cast::{Performer, demo_endpoint, make_directory, open_directory, take_role};
pub use native::{
    Accounts, Signals, Stream, as_whom, ask_to_stop, can_make_files_in, dotnet_endpoint, fence_in,
    from_top, is_from_top, is_same_file, keep_only_switching, make_link, metadata, open_everything,
    open_log, open_own, open_root, opens_by, passing_transport, raise_descriptor_limit, read_at,
    regular_file, sandboxes, server_transport, socket_group, this_program, thread_id, transport,
    whom_it_reaches, wire_path, words,
};
pub(crate) use native::{Directory, Kind};
#[cfg(unix)]
pub use native::{can_become_others, make_fifo};

use ipc_core::Policy;

/// What comes to a process from outside, other than what it serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Stop, by that name.
    Stop(&'static str),
    /// Open files anew that were renamed.
    Reopen,
}

/// How a server binds and opens, beyond what every system has. What a system has not got is refused there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Serving {
    /// Whom the server admits, if it says so: this user otherwise.
    pub admits: Option<Policy>,
    /// The permissions of a socket's file; `None`: this user alone.
    pub socket_mode: Option<u32>,
    /// The group of a socket's file; `None`: what the system gives it.
    pub socket_group: Option<u32>,
    /// Act as, and judge for, a root that is not provably this system's own.
    pub act_as_root: bool,
    /// Act as, and judge for, clients that live in other user namespaces.
    pub act_as_sandboxed: bool,
    /// How files are opened with a client's rights.
    pub mechanism: Mechanism,
    /// Connections pass open handles.
    pub handles: bool,
}

/// How a server opens files with a client's rights, where the system has more than one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mechanism {
    /// The cheapest that works here.
    #[default]
    Auto,
    /// The kernel decides requests with the client's registered credentials.
    Request,
    /// The thread becomes the client for each open.
    Thread,
}

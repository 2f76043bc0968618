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
pub(crate) use native::{Directory, Kind};
pub use native::{
    Signals, Stream, ask_to_stop, dotnet_endpoint, is_absolute, make_link, open_everything,
    open_root, opens_by, raise_descriptor_limit, server_transport, stoppable, this_program,
    thread_id, transport, wire_path,
};
#[cfg(unix)]
pub use native::{can_become_others, make_fifo};

/// How a server binds, beyond what every system has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Serving {
    /// The permissions of a socket's file; `None`: this user alone.
    pub socket_mode: Option<u32>,
    /// Act as a root that is not provably this system's own.
    pub act_as_root: bool,
    /// Act as clients that live in other user namespaces.
    pub act_as_sandboxed: bool,
    /// How files are opened with a client's rights.
    pub mechanism: Mechanism,
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

//! The in-process transport passes the suite, in both modes, and one that moves a byte at a time
//! does too.

use ipc_core::MemoryTransport;
use ipc_testkit::faulty::one_byte_at_a_time;
use ipc_testkit::names::fresh_memory;
#[cfg(not(windows))]
use ipc_testkit::names::open_descriptors as open_handles;
#[cfg(windows)]
use ipc_windows::open_handles;

/// With a backlog that the suite can fill.
fn memory() -> MemoryTransport {
    MemoryTransport::new().backlog(16)
}

mod bytes {
    use super::*;
    ipc_testkit::conformance!(memory(), fresh = fresh_memory, open_handles = open_handles);
}

mod messages {
    use super::*;
    ipc_testkit::conformance!(
        memory(),
        fresh = fresh_memory,
        open_handles = open_handles,
        mode = messages
    );
}

mod one_byte {
    use super::*;
    ipc_testkit::conformance!(
        one_byte_at_a_time(memory()),
        fresh = fresh_memory,
        open_handles = open_handles
    );
}

//! Unix sockets pass the suite for transports, as byte streams and as messages.
#![cfg(unix)]

use ipc_core::Endpoint;
use ipc_testkit::names;
use ipc_unix::UnixTransport;

/// With a backlog that the suite can fill.
fn transport() -> UnixTransport {
    UnixTransport::new().backlog(16)
}

fn fresh_socket() -> Endpoint {
    let name = std::env::temp_dir().join(names::unique());
    format!("unix:{}", name.display()).parse().expect("a good path")
}

mod bytes {
    use super::*;
    ipc_testkit::conformance!(
        transport(),
        fresh = fresh_socket,
        open_handles = names::open_descriptors
    );
}

mod messages {
    use super::*;
    ipc_testkit::conformance!(
        transport(),
        fresh = fresh_socket,
        open_handles = names::open_descriptors,
        mode = messages
    );
}

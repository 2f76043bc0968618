//! Named pipes pass the suite for transports, as byte streams and as messages.
#![cfg(windows)]

use ipc_core::Endpoint;
use ipc_testkit::names;
use ipc_windows::{PipeTransport, open_handles};

/// With a backlog that the suite can fill.
fn transport() -> PipeTransport {
    PipeTransport::new().backlog(16).pass_handles(true)
}

fn fresh_pipe() -> Endpoint {
    format!("pipe:{}", names::unique()).parse().expect("a good name")
}

mod bytes {
    use super::*;
    ipc_testkit::conformance!(transport(), fresh = fresh_pipe, open_handles = open_handles);
}

mod messages {
    use super::*;
    ipc_testkit::conformance!(
        transport(),
        fresh = fresh_pipe,
        open_handles = open_handles,
        mode = messages
    );
}

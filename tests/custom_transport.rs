//! The example of a transport from elsewhere passes the conformance suite.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use ipc::Endpoint;

#[path = "common/system/mod.rs"]
mod system;
#[path = "../examples/custom_transport/tcp/mod.rs"]
mod tcp;

use tcp::TcpTransport;

/// A port that nobody uses. They begin at another place in each process, below those that systems
/// hand out by themselves.
fn fresh_port() -> Endpoint {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 10_000 + std::process::id() % 100 * 200;
    loop {
        let port = first + u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(port).expect("fewer names than ports");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Endpoint::with_scheme("tcp", &port.to_string()).expect("a good name");
        }
    }
}

ipc_testkit::conformance!(TcpTransport, fresh = fresh_port, open_handles = system::open_handles);

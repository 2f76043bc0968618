//! Bare connections to and from the program, below its protocol.

use std::sync::Arc;
use std::time::Duration;

use fileserve::platform;
use fileserve::protocol::FilesClient;
use ipc_core::client::{Client, ClientOptions};
use ipc_core::{
    BindOptions, ConnectOptions, Connection, Deadline, Endpoint, ImpersonationLevel, Listener,
};

/// Connects, as a client that says nothing by itself.
pub(crate) fn connect(to: &str) -> Arc<dyn Connection> {
    try_connect(to).expect("a server")
}

pub(crate) fn try_connect(to: &str) -> ipc_core::Result<Arc<dyn Connection>> {
    let options = ConnectOptions::new().deadline(soon());
    Ok(platform::transport().connect(&endpoint(to), &options)?.into())
}

/// Some that say nothing.
pub(crate) fn silent(to: &str, count: usize) -> Vec<Arc<dyn Connection>> {
    (0..count).map(|_| connect(to)).collect()
}

/// Where a server made by hand awaits the program.
pub(crate) fn listen(at: &str) -> Box<dyn Listener> {
    platform::transport().bind(&endpoint(at), &BindOptions::new()).expect("a fresh name")
}

/// Connects, is no client of this protocol, and sees itself disconnected.
pub(crate) fn be_disconnected(from: &str) {
    let connection = connect(from);
    // Either may find that the server is quicker.
    let _ = connection.write_all(b"GET / HTTP/1.1\r\n\r\n", soon());
    while matches!(connection.read(&mut [0; 4096], soon()), Ok(1..)) {}
}

/// A client in this process that lets the server act for it as far as `level`.
pub(crate) fn client(to: &str, level: ImpersonationLevel) -> Client {
    let options = ConnectOptions::new().level(level).deadline(soon());
    let client =
        Client::connect(&*platform::transport(), &endpoint(to), &options, ClientOptions::new());
    client.expect("a server")
}

/// The calls of the program's protocol, as they are.
pub(crate) fn calls(to: &str, level: ImpersonationLevel) -> FilesClient {
    client(to, level).into()
}

/// A deadline that only a hang reaches.
pub(crate) fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

fn endpoint(text: &str) -> Endpoint {
    text.parse().expect("an endpoint")
}

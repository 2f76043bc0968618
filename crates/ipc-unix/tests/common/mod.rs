//! What the tests of this crate share.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::sync::Arc;
use std::time::Duration;

use ipc_core::{
    BindOptions, ConnectOptions, Connection, Deadline, Endpoint, Listener, Mode, Transport, Waiter,
};
use ipc_unix::UnixTransport;
use tempfile::TempDir;

/// A deadline that only a hang reaches.
pub(crate) fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

/// A directory that no test shares, and the endpoint of a socket in it.
pub(crate) fn place() -> (TempDir, Endpoint) {
    let place = tempfile::tempdir().expect("a temporary directory");
    let endpoint = endpoint_in(&place, "s");
    (place, endpoint)
}

pub(crate) fn endpoint_in(place: &TempDir, name: &str) -> Endpoint {
    format!("unix:{}/{name}", place.path().display()).parse().expect("an endpoint")
}

pub(crate) fn bind(at: &Endpoint) -> Box<dyn Listener> {
    UnixTransport::new().bind(at, &BindOptions::new()).expect("binds")
}

pub(crate) fn connect(to: &Endpoint) -> Box<dyn Connection> {
    let options = ConnectOptions::new().deadline(soon());
    UnixTransport::new().connect(to, &options).expect("connects")
}

/// A connected pair and what keeps it alive.
pub(crate) struct Pair {
    pub(crate) client: Arc<dyn Connection>,
    pub(crate) server: Arc<dyn Connection>,
    pub(crate) listener: Box<dyn Listener>,
    pub(crate) place: TempDir,
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self::with(Mode::Bytes, false)
    }

    pub(crate) fn with(mode: Mode, handles: bool) -> Self {
        let (place, at) = place();
        let transport = UnixTransport::new();
        let binding = BindOptions::new().mode(mode).handles(handles);
        let listener = transport.bind(&at, &binding).expect("binds");
        let connecting = ConnectOptions::new().mode(mode).handles(handles).deadline(soon());
        let client = transport.connect(&at, &connecting).expect("connects").into();
        let server = listener.accept(soon()).expect("accepts").into();
        Self { client, server, listener, place }
    }

    pub(crate) fn waiter(&self) -> Arc<dyn Waiter> {
        self.listener.waiter().expect("a waiter")
    }
}

/// Writes until nothing more is accepted at once; returns how many bytes were.
pub(crate) fn fill(connection: &dyn Connection) -> usize {
    let block = [7; 64 * 1024];
    let mut written = 0;
    while let Ok(count) = connection.write_vectored(&[std::io::IoSlice::new(&block)], Deadline::NOW)
    {
        written += count;
    }
    written
}

/// The number of open descriptors of this process.
pub(crate) fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("procfs").count()
}

/// Says, past libtest's capture, that a test was left out.
pub(crate) fn skip(name: &str, reason: &str) {
    use std::io::Write;
    let mut stderr = std::io::stderr().lock();
    writeln!(stderr, "skipped: {name}: {reason}").expect("stderr");
}

//! Both ends of a connection over the native transport, below the sessions.

use std::io::IoSlice;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use ipc::{
    BindOptions, ConnectOptions, Connection, Deadline, Endpoint, Listener, Mode, Native, Transport,
    Waiter,
};
use ipc_testkit::harness::HEAD_STARTS;

use super::{Place, soon};

/// A connected pair and what keeps it alive.
pub(crate) struct Pair {
    pub(crate) client: Arc<dyn Connection>,
    pub(crate) server: Arc<dyn Connection>,
    pub(crate) listener: Box<dyn Listener>,
    pub(crate) place: Place,
}

impl Pair {
    pub(crate) fn new() -> Self {
        Self::with(Mode::Bytes)
    }

    pub(crate) fn with(mode: Mode) -> Self {
        let place = Place::new();
        let transport = Native::new();
        let at = place.endpoint();
        let listener = transport.bind(&at, &BindOptions::new().mode(mode)).expect("binds");
        let options = ConnectOptions::new().mode(mode).deadline(soon());
        let client = transport.connect(&at, &options).expect("connects").into();
        let server = listener.accept(soon()).expect("accepts").into();
        Self { client, server, listener, place }
    }

    pub(crate) fn waiter(&self) -> Arc<dyn Waiter> {
        self.listener.waiter().expect("a waiter")
    }
}

pub(crate) fn bind(at: &Endpoint) -> Box<dyn Listener> {
    Native::new().bind(at, &BindOptions::new()).expect("binds")
}

pub(crate) fn connect(to: &Endpoint) -> Box<dyn Connection> {
    Native::new().connect(to, &ConnectOptions::new().deadline(soon())).expect("connects")
}

/// Writes until nothing more is accepted at once; returns how many bytes were.
pub(crate) fn fill(connection: &dyn Connection) -> usize {
    let block = [7; 64 * 1024];
    let mut written = 0;
    while let Ok(count) = connection.write_vectored(&[IoSlice::new(&block)], Deadline::NOW) {
        written += count;
    }
    written
}

/// Starts a thread, and returns when it has most likely begun to wait. Whether it has changes what
/// a test finds and never what is right.
pub(crate) fn ahead<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let (begun, begins) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        drop(begun);
        call()
    });
    // Fails once the other end is dropped, which is what tells.
    let _: Result<(), _> = begins.recv();
    thread::sleep(HEAD_STARTS[HEAD_STARTS.len() - 1]);
    thread
}

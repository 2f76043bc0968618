//! What the tests of this crate share.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ipc_core::transport::{Key, Ready};
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
pub(crate) fn place() -> (Place, Endpoint) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let place = Place { directory, _watchdog: Watchdog::start() };
    let endpoint = place.endpoint("s");
    (place, endpoint)
}

/// A directory of one test, which fails by name if it hangs meanwhile.
pub(crate) struct Place {
    directory: TempDir,
    _watchdog: Watchdog,
}

impl Place {
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn endpoint(&self, name: &str) -> Endpoint {
        format!("unix:{}/{name}", self.path().display()).parse().expect("an endpoint")
    }
}

/// Ends the process, with the test's name, a minute after it was started, unless it was dropped.
struct Watchdog {
    _dropped: Sender<()>,
}

impl Watchdog {
    fn start() -> Self {
        let (_dropped, alive) = mpsc::channel();
        let test = thread::current().name().unwrap_or("a test").to_owned();
        thread::spawn(move || {
            if alive.recv_timeout(Duration::from_secs(60)) == Err(RecvTimeoutError::Timeout) {
                say_past_capture(&format!("hangs: {test}"));
                std::process::abort();
            }
        });
        Self { _dropped }
    }
}

/// What is reported until nothing more comes.
pub(crate) fn reports(waiter: &dyn Waiter) -> Vec<(Key, Ready)> {
    let mut ready = Vec::new();
    waiter.wait(&mut ready, Deadline::NOW).expect("waits");
    ready
}

pub(crate) fn next_report(waiter: &dyn Waiter) -> (Key, Ready) {
    let mut ready = Vec::new();
    waiter.wait(&mut ready, soon()).expect("waits");
    assert_eq!(ready.len(), 1, "{ready:?}");
    ready[0]
}

/// Starts a thread and returns once it waits in a system call, or has ended.
pub(crate) fn start_waiting<T: Send + 'static>(
    call: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    let (told, id) = mpsc::channel();
    let thread = thread::spawn(move || {
        told.send(own_thread_id()).expect("is waited for");
        call()
    });
    let id = id.recv().expect("is told");
    while thread_is_elsewhere(&id) {
        thread::yield_now();
    }
    thread
}

fn own_thread_id() -> String {
    let own = fs::read_link("/proc/thread-self").unwrap_or_default();
    own.to_string_lossy().into_owned()
}

/// `true` until the thread waits in a call that moves or awaits data. Source: proc(5),
/// `/proc/pid/syscall`: the number of the call, or `running`.
fn thread_is_elsewhere(id: &str) -> bool {
    let calls = [
        libc::SYS_recvfrom,
        libc::SYS_recvmsg,
        libc::SYS_sendmsg,
        libc::SYS_sendfile,
        libc::SYS_ppoll,
        libc::SYS_epoll_pwait,
    ];
    let Ok(now) = fs::read_to_string(format!("/proc/{id}/syscall")) else { return false };
    let call = now.split(' ').next().and_then(|number| number.parse().ok());
    !call.is_some_and(|call| calls.contains(&call))
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
    pub(crate) place: Place,
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
    ipc_testkit::names::open_descriptors().expect("procfs")
}

fn say_past_capture(line: &str) {
    writeln!(std::io::stderr().lock(), "{line}").expect("stderr");
}

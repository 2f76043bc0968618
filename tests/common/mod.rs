//! What the tests of whole servers and clients share: a service, a place with endpoints, peers.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::fs;
use std::io::Write;
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Once};
use std::thread;
use std::time::Duration;

use ipc::client::{Client, ClientOptions};
use ipc::server::{Server, ServerBuilder};
use ipc::{ConnectOptions, Deadline, Endpoint, ImpersonationLevel, Native, NativeRoot};
use tempfile::TempDir;

pub(crate) mod pair;
pub(crate) mod peer;
pub(crate) mod system;
pub(crate) mod tester;

use tester::{Gates, TesterClient};

/// A deadline that only a hang reaches.
pub(crate) fn soon() -> Deadline {
    Deadline::after(LONG)
}

/// Longer than anything here takes on a loaded machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// A directory of one test, which fails by name if it hangs meanwhile.
pub(crate) struct Place {
    directory: TempDir,
    _watchdog: Sender<()>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self { directory, _watchdog: watchdog() }
    }

    /// The directory itself.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The path of `name` in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory().join(name)
    }

    /// Where the server of the test listens.
    pub(crate) fn endpoint(&self) -> Endpoint {
        self.endpoint_of("s")
    }

    /// Another endpoint of the test's own.
    pub(crate) fn endpoint_of(&self, name: &str) -> Endpoint {
        system::endpoint(self.directory(), name)
    }

    /// Creates the file `name` with `length` bytes of the usual [content](tester::content).
    pub(crate) fn file(&self, name: &str, length: u64) {
        fs::write(self.path(name), tester::content(0, length)).expect("a file");
    }

    pub(crate) fn root(&self) -> NativeRoot {
        NativeRoot::open_dir(self.directory()).expect("a directory")
    }
}

/// The endpoint that a parent names.
pub(crate) fn endpoint(text: &str) -> Endpoint {
    text.parse().expect("an endpoint")
}

/// Ends the process, with the test's name, some minutes after it was started, unless what it
/// returns is dropped before.
fn watchdog() -> Sender<()> {
    let (alive, dropped) = mpsc::channel();
    let test = thread::current().name().unwrap_or("a test").to_owned();
    thread::spawn(move || {
        if dropped.recv_timeout(3 * LONG) == Err(RecvTimeoutError::Timeout) {
            say_past_capture(&format!("hangs: {test}"));
            std::process::abort();
        }
    });
    alive
}

pub(crate) fn say_past_capture(line: &str) {
    writeln!(std::io::stderr().lock(), "{line}").expect("stderr");
}

/// A server in this process, with the [`tester`] service. No thread of it may have panicked when the
/// test is over.
pub(crate) struct Served {
    /// Before `place`: it is stopped first.
    pub(crate) server: Server,
    pub(crate) gates: Gates,
    pub(crate) place: Place,
    pub(crate) calm: Calm,
}

impl Served {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(set_up: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        let calm = Calm::new();
        let place = Place::new();
        let (service, gates) = tester::service(Arc::new(place.root()));
        let builder = Server::builder(Arc::new(Native::new()), place.endpoint());
        let server = set_up(builder).serve(service).expect("serves");
        Self { server, gates, place, calm }
    }

    pub(crate) fn client(&self) -> TesterClient {
        connect(&self.place.endpoint())
    }

    /// Waits until `count` connections are left.
    pub(crate) fn wait_for_connections(&self, count: usize) {
        eventually(|| self.server.connections() == count);
    }
}

/// A client that lets the server act for it.
pub(crate) fn connect(to: &Endpoint) -> TesterClient {
    let connect = ConnectOptions::new().level(ImpersonationLevel::Impersonation).deadline(soon());
    let options = ClientOptions::new().timeout(Some(LONG));
    Client::connect(&Native::new(), to, &connect, options).expect("connects").into()
}

/// Waits until `condition` holds.
pub(crate) fn eventually(mut condition: impl FnMut() -> bool) {
    let deadline = soon();
    while !condition() {
        assert!(!deadline.has_passed(), "it never came to that");
        thread::yield_now();
    }
}

/// Fails the test at its end if a thread of a server has panicked.
pub(crate) struct Calm(());

impl Calm {
    fn new() -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let usual = panic::take_hook();
            panic::set_hook(Box::new(move |panic| {
                if thread::current().name().is_some_and(|name| name.starts_with("ipc-")) {
                    PANICS.fetch_add(1, Ordering::SeqCst);
                }
                usual(panic);
            }));
        });
        Self(())
    }
}

impl Drop for Calm {
    fn drop(&mut self) {
        if !thread::panicking() {
            assert_eq!(PANICS.load(Ordering::SeqCst), 0, "a thread of a server panicked");
        }
    }
}

/// How often a thread of a server panicked.
static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Numbers that look random and are the same every time.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    pub(crate) fn bytes(&mut self, most: u64) -> Vec<u8> {
        (0..self.below(most + 1)).map(|_| self.below(256).to_le_bytes()[0]).collect()
    }
}

//! What the tests of this crate share.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use ipc_core::{
    BindOptions, ConnectOptions, Connection, Deadline, Endpoint, Listener, Mode, Result, Transport,
};
use ipc_testkit::names;
use ipc_windows::PipeTransport;

/// A deadline that only a hang reaches.
pub(crate) fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

/// A deadline for what must not come about.
pub(crate) fn for_a_moment() -> Deadline {
    Deadline::after(Duration::from_millis(50))
}

/// A name that nobody has used. The test fails by its own name if it hangs meanwhile.
pub(crate) struct Place {
    at: Endpoint,
    _watchdog: Sender<()>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let at = format!("pipe:{}", names::unique()).parse().expect("a good name");
        Self { at, _watchdog: watchdog() }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.at
    }

    /// Binds bytes there, with the defaults.
    pub(crate) fn bind(&self) -> Box<dyn Listener> {
        self.bind_with(&PipeTransport::new(), Mode::Bytes).expect("binds")
    }

    pub(crate) fn bind_with(
        &self,
        transport: &PipeTransport,
        mode: Mode,
    ) -> Result<Box<dyn Listener>> {
        transport.bind(&self.at, &BindOptions::new().mode(mode))
    }

    pub(crate) fn connect(&self) -> Box<dyn Connection> {
        self.connect_until(soon()).expect("connects")
    }

    pub(crate) fn connect_until(&self, deadline: Deadline) -> Result<Box<dyn Connection>> {
        PipeTransport::new().connect(&self.at, &ConnectOptions::new().deadline(deadline))
    }

    /// Connects without any of this crate: as a file.
    pub(crate) fn connect_as_stranger(&self) -> io::Result<File> {
        let path = format!(r"\\.\pipe\{}", self.at.name());
        OpenOptions::new().read(true).write(true).open(path)
    }
}

/// Ends the process, with the test's name, after two minutes, unless it was dropped.
fn watchdog() -> Sender<()> {
    let (dropped, alive) = mpsc::channel();
    let test = thread::current().name().unwrap_or("a test").to_owned();
    thread::spawn(move || {
        if alive.recv_timeout(Duration::from_secs(120)) == Err(RecvTimeoutError::Timeout) {
            let _ = writeln!(io::stderr().lock(), "hangs: {test}");
            std::process::abort();
        }
    });
    dropped
}

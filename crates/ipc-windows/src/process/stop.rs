//! How programs are asked to stop, from the console and by other programs.

use std::io;
use std::process::{self, Child};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use crate::sys::console::{self, Event};
use crate::sys::stop::StopEvent;

/// The requests to stop that come to this process, instead of their deadly effect: Ctrl-C,
/// Ctrl-Break, the end of its console (which is closed, or the user logs off, or the system shuts
/// down), and what [`ask_to_stop`] of another process sends.
#[derive(Debug)]
pub struct StopRequests(Receiver<Request>);

#[derive(Clone, Copy, Debug)]
enum Request {
    Console(Event),
    Program,
}

impl StopRequests {
    /// Takes them from now on.
    ///
    /// # Errors
    /// What the system said; of kind `AlreadyExists` for the second time in a process.
    pub fn take() -> io::Result<Self> {
        let (send, requests) = mpsc::channel();
        let asked = StopEvent::create(process::id())?;
        let from_console = send.clone();
        console::listen(move |event| {
            // Whoever does not wait any more has no use for it.
            let _ = from_console.send(Request::Console(event));
        })?;
        thread::Builder::new()
            .name("stop requests".to_owned())
            .spawn(move || pass_on(&asked, &send))?;
        Ok(Self(requests))
    }

    /// Waits for the next one, and names it.
    ///
    /// # Blocking
    /// Until there is one.
    pub fn wait(&mut self) -> &'static str {
        match self.0.recv() {
            Ok(Request::Console(Event::CtrlBreak)) => "Ctrl-Break",
            Ok(Request::Console(Event::Close)) => "end of the console",
            Ok(Request::Program) => "request to stop",
            // The sender that listens to the console lives as long as the process.
            Ok(Request::Console(Event::CtrlC)) | Err(_) => "Ctrl-C",
        }
    }
}

fn pass_on(asked: &StopEvent, requests: &Sender<Request>) {
    while asked.wait().is_ok() && requests.send(Request::Program).is_ok() {}
}

/// Asks a child, which has [taken](StopRequests::take) such requests, to stop. It needs no console
/// for that.
///
/// # Errors
/// What the system said; of kind `NotFound` if the child takes no requests.
pub fn ask_to_stop(child: &Child) -> io::Result<()> {
    StopEvent::open(child.id())?.set()
}

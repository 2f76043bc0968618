//! How programs are asked to stop, from the console and by other programs.

use std::io;
use std::process::{self, Child};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use ipc_core::peer::Sid;

use crate::sys::console::{self, Event};
use crate::sys::security::Descriptor;
use crate::sys::stop::StopEvent;
use crate::sys::token::Token;

/// The requests to stop that come to this process, instead of their deadly effect: Ctrl-C,
/// Ctrl-Break, the end of its console (which is closed, or the user logs off, or the system shuts
/// down), and what [`ask_to_stop`] of another process sends.
#[derive(Debug)]
pub struct StopRequests {
    requests: Receiver<Request>,
    hears_programs: bool,
}

#[derive(Clone, Copy, Debug)]
enum Request {
    Console(Event),
    Program,
}

impl StopRequests {
    /// Takes them from now on. Those of programs come only from this process's user (from
    /// administrators alone, if it is elevated), and only if [nobody was faster](Self::hears_programs).
    ///
    /// # Errors
    /// What the system said; of kind `AlreadyExists` for the second time in a process.
    pub fn take() -> io::Result<Self> {
        if TAKEN.swap(true, Ordering::Relaxed) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let (send, requests) = mpsc::channel();
        let asked = match StopEvent::create(process::id(), &rights()?) {
            Err(error) if is_anothers(&error) => None,
            made => Some(made?),
        };
        let hears_programs = asked.is_some();
        let from_console = send.clone();
        console::listen(move |event| {
            // Whoever does not wait any more has no use for it.
            let _ = from_console.send(Request::Console(event));
        })?;
        if let Some(asked) = asked {
            thread::Builder::new()
                .name("stop requests".to_owned())
                .spawn(move || pass_on(&asked, &send))?;
        }
        Ok(Self { requests, hears_programs })
    }

    /// `false` if another program has taken the name by which programs ask this one. It is not
    /// listened to, and cannot keep this one from running.
    #[must_use]
    pub fn hears_programs(&self) -> bool {
        self.hears_programs
    }

    /// Waits for the next one, and names it.
    ///
    /// # Blocking
    /// Until there is one.
    pub fn wait(&mut self) -> &'static str {
        match self.requests.recv() {
            Ok(Request::Console(Event::CtrlBreak)) => "Ctrl-Break",
            Ok(Request::Console(Event::Close)) => "end of the console",
            Ok(Request::Program) => "request to stop",
            // The sender that listens to the console lives as long as the process.
            Ok(Request::Console(Event::CtrlC)) | Err(_) => "Ctrl-C",
        }
    }
}

/// Who may ask: whoever could end this process anyway.
fn rights() -> io::Result<Descriptor> {
    let own = Token::of_process()?;
    let is_administrator = own
        .groups()?
        .iter()
        .any(|group| group.enabled && group.sid.as_str() == Sid::ADMINISTRATORS);
    let user = match is_administrator {
        true => String::new(),
        false => format!("(A;;GA;;;{})", own.user()?.sid),
    };
    Descriptor::from_sddl(&format!("D:P(A;;GA;;;SY)(A;;GA;;;BA){user}"))
}

fn is_anothers(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::PermissionDenied)
}

static TAKEN: AtomicBool = AtomicBool::new(false);

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_another_has_made_is_not_listened_to_and_keeps_nobody_from_running() {
        let squatted = StopEvent::create(process::id(), &rights().expect("its own"));
        let squatted = squatted.expect("nobody was faster");
        let requests = StopRequests::take().expect("runs all the same");
        assert!(!requests.hears_programs());
        squatted.set().expect("its maker may");
        assert!(requests.requests.try_recv().is_err(), "nobody listens");
        let again = StopRequests::take().expect_err("they are taken");
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
    }
}

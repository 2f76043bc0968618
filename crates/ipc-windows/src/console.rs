//! What programs need of a Windows console beside input and output: to be asked to stop.

use std::io;
use std::os::windows::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::mpsc::{self, Receiver};

use windows_sys::Win32::System::Threading::CREATE_NEW_PROCESS_GROUP;

use crate::sys::console::{self, Event};

/// The requests to stop that come to this process, instead of their deadly effect: Ctrl-C,
/// Ctrl-Break, and that the console is closed, the user logs off or the system shuts down.
#[derive(Debug)]
pub struct StopRequests(Receiver<Event>);

impl StopRequests {
    /// Takes them from now on.
    ///
    /// # Errors
    /// What the system said; of kind `AlreadyExists` for the second time in a process.
    pub fn take() -> io::Result<Self> {
        let (send, requests) = mpsc::channel();
        // Whoever wants to know no more has no use for it.
        console::listen(move |event| {
            let _ = send.send(event);
        })?;
        Ok(Self(requests))
    }

    /// Waits for the next one, and names it.
    ///
    /// # Blocking
    /// Until there is one.
    pub fn wait(&mut self) -> &'static str {
        match self.0.recv() {
            Ok(Event::CtrlBreak) => "Ctrl-Break",
            Ok(Event::Close) => "end of the console",
            _ => "Ctrl-C",
        }
    }
}

/// Has what `command` starts be the first of a process group of its own, so that it can be asked to
/// stop. Ctrl-C does not reach it any more.
pub fn stoppable(command: &mut Command) {
    command.creation_flags(CREATE_NEW_PROCESS_GROUP);
}

/// Asks a child that was started [`stoppable`], on the console of this process, to stop: by
/// Ctrl-Break, which ends one that does not take it.
///
/// # Errors
/// What the system said.
pub fn ask_to_stop(child: &Child) -> io::Result<()> {
    console::send_break(child.id())
}

/// The number that the system knows this thread by.
#[must_use]
pub fn thread_id() -> u32 {
    console::thread_id()
}

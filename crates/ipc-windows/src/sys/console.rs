//! What comes from the console beside input. Source: the documentation of `SetConsoleCtrlHandler`.
#![allow(unsafe_code, reason = "calls that the standard library does not have")]

use std::io;
use std::sync::OnceLock;
use std::thread;

use windows_sys::Win32::System::Console::{CTRL_BREAK_EVENT, CTRL_C_EVENT, SetConsoleCtrlHandler};
use windows_sys::Win32::System::Threading::GetCurrentThreadId;
use windows_sys::core::BOOL;

use super::check;

/// What the console asks of its processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Somebody typed Ctrl-C.
    CtrlC,
    /// Somebody typed Ctrl-Break.
    CtrlBreak,
    /// The console is closed, the user logs off, or the system shuts down: the process is ended
    /// in a few seconds.
    Close,
}

/// Has `listener` told of every event from now on, on a thread of the system's; the deadly effect of
/// them ends. Only once in a process.
pub(crate) fn listen(listener: impl Fn(Event) + Send + Sync + 'static) -> io::Result<()> {
    if LISTENER.set(Box::new(listener)).is_err() {
        let text = "the requests to stop were taken before in this process";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    // SAFETY: `handle` is a function of this program, so it stays where it is; it may run on any
    // thread, and what it uses is `Sync` and never dropped.
    check(unsafe { SetConsoleCtrlHandler(Some(handle), 1) })
}

/// The number that the system knows this thread by.
pub(crate) fn thread_id() -> u32 {
    // SAFETY: takes nothing and answers with a number.
    unsafe { GetCurrentThreadId() }
}

unsafe extern "system" fn handle(event: u32) -> BOOL {
    let event = match event {
        CTRL_C_EVENT => Event::CtrlC,
        CTRL_BREAK_EVENT => Event::CtrlBreak,
        _ => Event::Close,
    };
    if let Some(listener) = LISTENER.get() {
        listener(event);
    }
    if event == Event::Close {
        // The process ends as soon as this returns; until then it may finish what it does.
        loop {
            thread::park();
        }
    }
    1
}

static LISTENER: OnceLock<Box<dyn Fn(Event) + Send + Sync>> = OnceLock::new();

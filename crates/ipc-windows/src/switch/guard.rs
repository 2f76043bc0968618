//! The way into the client's identity and back out of it, on one thread.
//!
//! In: the thread must carry nothing; then the client's token, read back. Out: is it still that one;
//! then none, read back. A step that fails on the way in is undone. When undoing fails, or the way
//! out, the process ends: the thread would go on with somebody else's rights, or the work has run
//! with the server's.

use std::io::{self, Write};
use std::process;

use ipc_core::{Error, ImpersonationLevel, Result};

use crate::sys::token_facts::Statistics;

/// The token of a thread. Implemented by the calling thread and, in tests, by a scripted one.
///
/// Every call is about the calling thread alone, and either does all it says or fails.
pub(super) trait ThreadToken {
    /// A token.
    type Token;

    /// What marks the token that the thread carries, if it carries one (`OpenThreadToken`,
    /// `GetTokenInformation`).
    fn read(&self) -> io::Result<Option<Statistics>>;

    /// Has the thread carry `token` (`SetThreadToken`).
    fn carry(&self, token: &Self::Token) -> io::Result<()>;

    /// Takes away what it carries (`RevertToSelf`).
    fn revert(&self) -> io::Result<()>;
}

/// A thread that acts as a client, until this is dropped. Only [`run_as_peer`](super::run_as_peer)
/// holds one, so that nobody can forget it; and `T`, the calling thread, is not `Sync`, so that it
/// cannot be dropped on another.
#[derive(Debug)]
pub(super) struct Acting<'a, T: ThreadToken> {
    thread: &'a T,
    carried: Statistics,
    left: bool,
}

/// Has the thread carry `token`, which `marks` tell from others.
///
/// # Errors
/// [`Error::Nested`] if the thread carries one already, which it keeps. [`Error::SwitchFailed`],
/// [`Error::NotPrivileged`]: the thread is itself again.
///
/// # Aborts
/// The process, if the thread cannot be made itself again.
pub(super) fn enter<'a, T: ThreadToken>(
    thread: &'a T,
    token: &T::Token,
    marks: Statistics,
) -> Result<Acting<'a, T>> {
    try_enter(thread, token, marks).map_err(|failure| match failure {
        NotEntered::Undone(error) => error,
        NotEntered::Stranded(failed) => failed.end_process(),
    })
}

fn try_enter<'a, T: ThreadToken>(
    thread: &'a T,
    token: &T::Token,
    marks: Statistics,
) -> Result<Acting<'a, T>, NotEntered> {
    let undone = |step| move |source| NotEntered::Undone(Error::SwitchFailed { step, source });
    if thread.read().map_err(undone("reading the thread's token"))?.is_some() {
        return Err(NotEntered::Undone(Error::Nested));
    }
    // From here on what has happened is undone, whatever the system said about it.
    let entered = match thread.carry(token) {
        Ok(()) => carried(thread, marks),
        Err(source) => Err(Error::SwitchFailed { step: "SetThreadToken", source }),
    };
    entered.map(|carried| Acting { thread, carried, left: false }).map_err(|error| {
        match become_itself(thread) {
            Ok(()) => NotEntered::Undone(error),
            Err(stranded) => NotEntered::Stranded(stranded),
        }
    })
}

/// What the thread carries, if it is what it was to carry. The system may give a copy that goes less
/// far instead of refusing. Source: Microsoft, "SetThreadToken", Remarks.
fn carried<T: ThreadToken>(thread: &T, expected: Statistics) -> Result<Statistics> {
    let failed = |source| Error::SwitchFailed { step: READING_BACK, source };
    let found = thread
        .read()
        .map_err(failed)?
        .ok_or_else(|| failed(io::Error::other("the thread carries no token")))?;
    if found.logon != expected.logon {
        return Err(failed(io::Error::other("the thread carries another client's token")));
    }
    match found.level {
        Some(level) if level >= ImpersonationLevel::Impersonation => Ok(found),
        _ => Err(Error::NotPrivileged {
            reason: "the system lets this process only look at that client; acting as it takes \
                     SeImpersonatePrivilege"
                .to_owned(),
        }),
    }
}

impl<T: ThreadToken> Acting<'_, T> {
    /// Goes the way out. What was found on the way, a token that is not the client's any more,
    /// counts as a failure even where the thread is itself again: part of the work has run as
    /// somebody else.
    fn leave(&mut self) -> Result<(), Failed> {
        self.left = true;
        let found = self.verify();
        let restored = become_itself(self.thread);
        found.and(restored)
    }

    fn verify(&self) -> Result<(), Failed> {
        match self.thread.read().map_err(Failed::at(READING_BACK))? {
            Some(found) if found == self.carried => Ok(()),
            _ => Err(Failed {
                step: READING_BACK,
                source: io::Error::other("the work has changed whose token the thread carries"),
            }),
        }
    }
}

impl<T: ThreadToken> Drop for Acting<'_, T> {
    fn drop(&mut self) {
        if !self.left {
            if let Err(failed) = self.leave() {
                failed.end_process();
            }
        }
    }
}

fn become_itself<T: ThreadToken>(thread: &T) -> Result<(), Failed> {
    thread.revert().map_err(Failed::at("RevertToSelf"))?;
    match thread.read().map_err(Failed::at(READING_BACK))? {
        None => Ok(()),
        Some(_) => Err(Failed {
            step: READING_BACK,
            source: io::Error::other("the thread still carries a token"),
        }),
    }
}

const READING_BACK: &str = "reading the token back";

#[derive(Debug)]
enum NotEntered {
    /// The thread is itself again.
    Undone(Error),
    /// It is not.
    Stranded(Failed),
}

/// A step that failed.
#[derive(Debug)]
struct Failed {
    step: &'static str,
    source: io::Error,
}

impl Failed {
    fn at(step: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self { step, source }
    }

    fn end_process(&self) -> ! {
        end_process(self.step, &self.source)
    }
}

/// Ends the process: this thread is not what the rest of the program takes it for.
///
/// Source: Microsoft, "RevertToSelf", Remarks: a process in which it fails should be shut down.
pub(crate) fn end_process(step: &str, source: &io::Error) -> ! {
    // Where even this cannot be written, the abort still speaks.
    let _ = writeln!(
        io::stderr(),
        "ipc: a thread that acted as its peer cannot become itself again ({step}: {source}); \
         ending the process"
    );
    process::abort()
}

#[cfg(test)]
mod tests;

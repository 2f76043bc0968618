//! The way into the peer's identity and back out of it, on one thread.
//!
//! In: groups, effective gid, effective uid, capabilities laid down, all read back. Out: is it still
//! the peer's identity; then uid, capabilities, gid, groups, all read back. A step that fails on the
//! way in is undone. When undoing fails, or the way out, the process ends: the thread would go on
//! with somebody else's rights.

use std::io::{self, Write};
use std::process;

use ipc_core::peer::UnixIdentity;
use ipc_core::{Error, Result};

use super::thread::{Capabilities, ThreadIdentity, ThreadState};

/// How much of the identity changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// User, groups and capabilities.
    Identity,
    /// The ids are the peer's already; only capabilities are laid down.
    Capabilities,
}

/// A thread that acts as a peer, until this is dropped. Only [`run_as_peer`](super::run_as_peer)
/// holds one, so that nobody can forget it; and `T`, the calling thread, is not `Sync`, so that it
/// cannot be dropped on another.
#[derive(Debug)]
pub(super) struct Acting<'a, T: ThreadIdentity> {
    thread: &'a T,
    own: ThreadState,
    peer: ThreadState,
    done: Step,
    left: bool,
}

/// The last of the ids that was changed on the way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Nothing,
    Groups,
    Gid,
    Uid,
}

/// Takes on the identity `to`; `own` is the thread's own, as just read.
///
/// # Errors
/// [`Error::SwitchFailed`]: the thread is itself again.
///
/// # Aborts
/// The process, if the thread cannot be made itself again.
pub(super) fn enter<'a, T: ThreadIdentity>(
    thread: &'a T,
    own: ThreadState,
    to: &UnixIdentity,
    change: Change,
) -> Result<Acting<'a, T>> {
    try_enter(thread, own, to, change).map_err(|failure| match failure {
        NotEntered::Undone(Failed { step, source }) => Error::SwitchFailed { step, source },
        NotEntered::Stranded(failed) => end_process(&failed),
    })
}

fn try_enter<'a, T: ThreadIdentity>(
    thread: &'a T,
    own: ThreadState,
    to: &UnixIdentity,
    change: Change,
) -> Result<Acting<'a, T>, NotEntered> {
    let peer = own.acting_as(to, change);
    let mut acting = Acting { thread, own, peer, done: Step::Nothing, left: false };
    match acting.take_on(change) {
        Ok(()) => Ok(acting),
        Err(failed) => Err(match acting.restore() {
            Ok(()) => NotEntered::Undone(failed),
            Err(stranded) => NotEntered::Stranded(stranded),
        }),
    }
}

impl<T: ThreadIdentity> Acting<'_, T> {
    fn take_on(&mut self, change: Change) -> Result<(), Failed> {
        if change == Change::Identity {
            self.thread.set_groups(&self.peer.groups).map_err(Failed::at("setgroups"))?;
            self.done = Step::Groups;
            let gid = self.peer.gid.effective;
            self.thread.set_effective_gid(gid).map_err(Failed::at("setresgid"))?;
            self.done = Step::Gid;
            let uid = self.peer.uid.effective;
            self.thread.set_effective_uid(uid).map_err(Failed::at("setresuid"))?;
            self.done = Step::Uid;
        }
        self.ensure(self.peer.capabilities)?;
        self.verify(&self.peer)
    }

    /// Goes the way out. What was found on the way, an identity that is not the peer's any more,
    /// counts as a failure even where the thread is itself again: whoever changed it may have
    /// changed more.
    fn leave(&mut self) -> Result<(), Failed> {
        let found = self.verify(&self.peer);
        let restored = self.restore();
        found.and(restored)
    }

    /// Undoes what was done, in reverse.
    fn restore(&mut self) -> Result<(), Failed> {
        self.left = true;
        let own = &self.own;
        if self.done >= Step::Uid {
            // Taking uid 0 back needs no capability and raises them; other ids may need them.
            if own.uid.effective != 0 {
                self.ensure(own.capabilities)?;
            }
            let uid = own.uid.effective;
            self.thread.set_effective_uid(uid).map_err(Failed::at("setresuid, back"))?;
        }
        self.ensure(own.capabilities)?;
        if self.done >= Step::Gid {
            let gid = own.gid.effective;
            self.thread.set_effective_gid(gid).map_err(Failed::at("setresgid, back"))?;
        }
        if self.done >= Step::Groups {
            self.thread.set_groups(&own.groups).map_err(Failed::at("setgroups, back"))?;
        }
        self.verify(own)
    }

    fn ensure(&self, wanted: Capabilities) -> Result<(), Failed> {
        let found = self.thread.capabilities().map_err(Failed::at("capget"))?;
        if found == wanted {
            return Ok(());
        }
        self.thread.set_capabilities(wanted).map_err(Failed::at("capset"))
    }

    fn verify(&self, expected: &ThreadState) -> Result<(), Failed> {
        let mut found = ThreadState::default();
        self.thread.read(&mut found).map_err(Failed::at("reading back"))?;
        match found.difference(expected) {
            None => Ok(()),
            Some(what) => {
                let source =
                    io::Error::other(format!("the {what} read back differ from those set"));
                Err(Failed { step: "reading back", source })
            }
        }
    }
}

impl<T: ThreadIdentity> Drop for Acting<'_, T> {
    fn drop(&mut self) {
        if !self.left {
            if let Err(failed) = self.leave() {
                end_process(&failed);
            }
        }
    }
}

#[derive(Debug)]
enum NotEntered {
    /// The thread is itself again.
    Undone(Failed),
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
}

/// Ends the process: this thread is not what the rest of the program takes it for.
fn end_process(failed: &Failed) -> ! {
    let Failed { step, source } = failed;
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

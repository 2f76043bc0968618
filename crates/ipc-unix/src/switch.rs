//! Acting as the peer, on the thread that calls.
//!
//! Linux gives every thread an identity of its own, so that one thread can open a file with the
//! peer's rights while the others serve theirs. Other Unix systems do not: there every call answers
//! [`Error::Unsupported`].
//!
//! # Which error wins
//! When several reasons speak against acting as a peer, the first of these is reported:
//! 1. [`Error::Unsupported`]: threads have no identity of their own on this system.
//! 2. [`Error::Nested`]: the thread acts as a peer already.
//! 3. [`Error::LevelTooLow`]: the client granted less than `Impersonation`, or nothing yet; or
//!    [`Error::Unsupported`]: it granted `Delegation`, which a Unix socket cannot carry and which is
//!    never taken for less.
//! 4. [`Error::IdentityUnknown`]: the peer, or its groups, are not known.
//! 5. [`Error::IdentityRefused`]: an id that is none, or that stands for all ids without a name.
//! 6. [`Error::NotPrivileged`]: the peer is not this process's own user, and the process lacks
//!    `CAP_SETUID` and `CAP_SETGID`; or [`Error::Unsupported`]: it has them, and the start-up
//!    self-test found that identity is not each thread's own.
//! 7. [`Error::IdentityRefused`] for uid 0 that is not provably this system's own and was not
//!    named; [`Error::Sandboxed`] for any other peer that lives in another user namespace.
//! 8. [`Error::SwitchFailed`]: the system refused a step; the thread is itself again.

use std::cell::Cell;

use ipc_core::audit::{Mechanism, note_mechanism};
use ipc_core::peer::UnixIdentity;
use ipc_core::{AsPeer, Error, ImpersonationLevel, Operation, Result};

use crate::identity::facts::AskedAs;
use crate::identity::{ActAs, UnixPeer};
use crate::sys::thread_identity::{self, ThisThread, this_thread};

mod decide;
mod guard;
mod self_test;
pub(crate) mod thread;

pub(crate) use decide::{NOBODY, identity, residence};
use decide::{Residence, Way};
use thread::{ThreadIdentity, ThreadState};

/// Whether [`Connection::run_as_peer`](ipc_core::Connection::run_as_peer) can work here for some
/// peers: for all that are not refused where this process has `CAP_SETUID` and `CAP_SETGID`, else
/// for those with its own user and groups.
///
/// The first call of a privileged process tries, on a thread of its own, that identity really is
/// each thread's own; the answer is kept.
///
/// # What a server should know
/// * It needs no more than those two capabilities. Without the rest, work that was handed to another
///   thread by mistake can open nothing.
/// * While a thread acts as a peer, nobody in the process may call the C library's `setuid`,
///   `setgroups` and their like: not every thread could follow, and the C library ends the process.
/// * The first act clears the process's "dumpable" flag (prctl(2)): no core dumps, and `/proc/self`
///   belongs to root. That keeps an acting thread out of the server's memory; never set it back.
///
/// # Platform differences
/// `false` on all systems but Linux: elsewhere a thread has no identity of its own.
#[must_use]
pub fn can_run_as_peer() -> bool {
    let Some(thread) = this_thread() else { return false };
    match thread.capabilities() {
        Ok(capabilities) => !capabilities.can_switch() || self_test::passed(),
        Err(_) => false,
    }
}

/// `true` if this thread may become any user: it has the two capabilities for it.
pub(crate) fn can_become_others() -> bool {
    let capabilities = this_thread().map(|thread| thread.capabilities());
    matches!(capabilities, Some(Ok(capabilities)) if capabilities.can_switch())
}

/// Runs `work` on this thread as `peer`, whose client granted `level`.
pub(crate) fn run_as_peer(
    peer: &UnixPeer,
    level: Option<ImpersonationLevel>,
    settings: &ActAs,
    work: &mut dyn FnMut(&AsPeer),
) -> Result<()> {
    Turn::begin(level)?.act(peer, settings, |by, _| work(by))
}

/// This thread's turn to act as a peer, by whatever mechanism: until it ends the thread can begin no
/// other.
#[derive(Debug)]
pub(crate) struct Turn {
    thread: ThisThread,
    _in_use: InUse,
}

impl Turn {
    /// Begins one for a client that granted `level`.
    pub(crate) fn begin(level: Option<ImpersonationLevel>) -> Result<Self> {
        let thread = this_thread().ok_or(UNSUPPORTED)?;
        let in_use = InUse::begin()?;
        decide::level(level)?;
        Ok(Self { thread, _in_use: in_use })
    }

    /// Runs `work` with the rights of `peer`, if this process may act as that one at all. It is told
    /// whether the thread has become the peer, or has had its rights before.
    #[allow(
        clippy::disallowed_methods,
        reason = "the thread has the peer's rights where it attests"
    )]
    pub(crate) fn act<R>(
        &self,
        peer: &UnixPeer,
        settings: &ActAs,
        work: impl FnOnce(&AsPeer, Option<&Switched>) -> R,
    ) -> Result<R> {
        let ids = decide::identity(peer.peer(), thread_identity::overflow_ids())?;
        let mut own = ThreadState::default();
        let failed = |source| Error::SwitchFailed { step: "reading", source };
        self.thread.read(&mut own).map_err(failed)?;
        let residence = |asked| decide::residence(ids, peer.facts().residence(asked), settings);
        match decide::way(&own, ids)? {
            Way::AsIs => {
                residence(AskedAs::Peer)?;
                note_mechanism(Mechanism::Itself);
                Ok(AsPeer::attest(|by| work(by, None)))
            }
            Way::Become(change) => {
                if change == guard::Change::Identity && !self_test::passed() {
                    return Err(UNSUPPORTED);
                }
                let known = residence(AskedAs::Server)?;
                let acting = guard::enter(&self.thread, own, ids, change)?;
                if known == Residence::AskAgain {
                    residence(AskedAs::Peer)?;
                }
                note_mechanism(Mechanism::Thread);
                let value = AsPeer::attest(|by| work(by, Some(&Switched(()))));
                drop(acting);
                Ok(value)
            }
        }
    }
}

/// Runs `work` on this thread as somebody who is no peer, to find out what the system makes of it.
///
/// # Errors
/// [`Error::NotPrivileged`], [`Error::Unsupported`] and [`Error::SwitchFailed`], as for a peer.
pub(crate) fn rehearse<R>(as_whom: &UnixIdentity, work: impl FnOnce() -> R) -> Result<R> {
    let thread = this_thread().ok_or(UNSUPPORTED)?;
    let _in_use = InUse::begin()?;
    let mut own = ThreadState::default();
    thread.read(&mut own).map_err(|source| Error::SwitchFailed { step: "reading", source })?;
    match decide::way(&own, as_whom)? {
        Way::Become(change) if self_test::passed() => {
            let acting = guard::enter(&thread, own, as_whom, change)?;
            let value = work();
            drop(acting);
            Ok(value)
        }
        _ => Err(UNSUPPORTED),
    }
}

/// The proof that this thread has become a peer, verified, and what it registers is that one's.
#[derive(Debug)]
pub(crate) struct Switched(());

const UNSUPPORTED: Error = Error::Unsupported { operation: Operation::RunAsPeer };

/// `true` while this thread acts as a peer.
pub(crate) fn is_acting() -> bool {
    ACTING.get()
}

thread_local! {
    static ACTING: Cell<bool> = const { Cell::new(false) };
}

/// Keeps this thread from acting as a second peer; also on the way out of a panic.
#[derive(Debug)]
struct InUse;

impl InUse {
    fn begin() -> Result<Self> {
        if ACTING.replace(true) {
            return Err(Error::Nested);
        }
        Ok(Self)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        ACTING.set(false);
    }
}

#[cfg(test)]
mod tests;

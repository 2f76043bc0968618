//! Acting as the peer, on the thread that calls: it carries the client's token for a while.
//!
//! # Which error wins
//! When several reasons speak against acting as a peer, the first of these is reported:
//! 1. [`Error::Unsupported`]: this system gives a server its own token for its client's.
//! 2. [`Error::Nested`]: the thread acts as a peer already.
//! 3. [`Error::LevelTooLow`]: the client granted less than `Impersonation`, or has stated nothing
//!    yet, or its token carries less than it stated.
//! 4. [`Error::NotPrivileged`]: the token carries less because this process lacks
//!    `SeImpersonatePrivilege`.
//! 5. [`Error::Nested`]: the thread carries a token that is not this crate's doing.
//! 6. [`Error::SwitchFailed`], [`Error::NotPrivileged`]: the system refused a step, or gave less
//!    than was asked; the thread is itself again.

use std::cell::Cell;
use std::io;
use std::marker::PhantomData;

use ipc_core::audit::{Mechanism, note_mechanism};
use ipc_core::{AsPeer, Error, ImpersonationLevel, Operation, Result};

use crate::identity::Client;
use crate::sys::token::{self, Token};
use crate::sys::token_facts::Statistics;

mod decide;
mod guard;
mod self_test;

pub(crate) use decide::in_force;
use guard::ThreadToken;
pub(crate) use guard::end_process;

/// Whether [`Connection::run_as_peer`](ipc_core::Connection::run_as_peer) can work here, for clients
/// that grant it.
///
/// It takes no privilege for clients that run as this process's own user, restricted ones included,
/// unless they have a higher integrity level than this process, as elevated ones may. For others it takes `SeImpersonatePrivilege`, which services and elevated administrators have;
/// without it the system lets such a client be looked at, and no more.
///
/// The first call tries whether the system tells a client's token from the server's: a pipe without
/// a client must have none (`ERROR_CANNOT_IMPERSONATE`). The answer is kept.
///
/// # Platform differences
/// `false` under Wine as it is released, which gives every server its own token whoever the client
/// is.
#[must_use]
pub fn can_run_as_peer() -> bool {
    self_test::passed()
}

/// Whether that can work for clients of other users too: this process has `SeImpersonatePrivilege`.
#[must_use]
pub fn can_run_as_others() -> bool {
    can_run_as_peer() && token::may_impersonate()
}

/// Runs `work` on this thread as `client`, which has stated that it grants `stated`.
#[allow(clippy::disallowed_methods, reason = "the thread has become the peer where it attests")]
pub(crate) fn run_as_peer(
    client: &Client,
    stated: Option<ImpersonationLevel>,
    work: &mut dyn FnMut(&AsPeer),
) -> Result<()> {
    if !can_run_as_peer() {
        return Err(Error::Unsupported { operation: Operation::RunAsPeer });
    }
    let _in_use = InUse::begin()?;
    decide::level(stated, client.level(), token::may_impersonate)?;
    let thread = ThisThread::default();
    let acting = guard::enter(&thread, client.token(), client.statistics())?;
    note_mechanism(Mechanism::Token);
    AsPeer::attest(|by| work(by));
    drop(acting);
    Ok(())
}

/// The calling thread.
#[derive(Debug, Default)]
struct ThisThread {
    /// Neither `Send` nor `Sync`: it means whichever thread calls.
    this_thread_only: PhantomData<*mut ()>,
}

impl ThreadToken for ThisThread {
    type Token = Token;

    fn read(&self) -> io::Result<Option<Statistics>> {
        Token::of_thread()?.map(|token| token.statistics()).transpose()
    }

    fn carry(&self, token: &Token) -> io::Result<()> {
        token::carry(token)
    }

    fn revert(&self) -> io::Result<()> {
        token::revert()
    }
}

/// `true` while this thread acts as a peer.
pub(crate) fn is_acting() -> bool {
    ACTING.get()
}

thread_local! {
    static ACTING: Cell<bool> = const { Cell::new(false) };
}

/// Keeps this thread from acting as a second peer; also on the way out of a panic.
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

//! Who is at the other end of a pipe: a client by its token, a server by the pipe's owner.

use std::io;
use std::os::windows::io::BorrowedHandle;
use std::sync::Arc;

use ipc_core::peer::{Assurance, Sid, WindowsIdentity};
use ipc_core::{Error, Identity, ImpersonationLevel, Operation, Peer, Result};

use crate::switch;
use crate::sys::process;
use crate::sys::security::owner_of;
use crate::sys::token::Token;
use crate::sys::token_facts::{Statistics, User};

mod capture;
mod facts;

pub(crate) use capture::CaptureError;
use facts::Facts;

/// The client of a connection, by the token that it brought.
///
/// The token is taken once and kept: whatever the client does to itself afterwards, policies decide
/// about the one that is acted as.
#[derive(Debug)]
pub(crate) struct Client {
    token: Arc<Token>,
    statistics: Statistics,
    peer: Peer,
}

impl Client {
    /// Takes the token of the client at the other end of `pipe`, a server's end.
    ///
    /// # Errors
    /// [`CaptureError::NotYetKnown`] before the first read, for a client that left how it is
    /// tracked to the system; the other variants for what asking again does not mend.
    ///
    /// # Aborts
    /// The process, if the thread cannot become itself again.
    pub(crate) fn capture(pipe: BorrowedHandle<'_>) -> Result<Self, CaptureError> {
        let (token, statistics) = capture::token_of(&capture::Pipe(pipe))?;
        let pid = process::client_of(pipe).ok();
        let identity = identity_of(&token).map_err(CaptureError::at("reading its token"))?;
        let token = Arc::new(token);
        let facts = Facts::new(identity.user.clone(), pid).with_token(Arc::clone(&token));
        Ok(Self { token, statistics, peer: peer(identity, pid, facts) })
    }

    /// The client as every transport shows it.
    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// How far the system lets this process act for the client.
    pub(crate) fn level(&self) -> ImpersonationLevel {
        self.statistics.level.unwrap_or(ImpersonationLevel::Anonymous)
    }

    /// How far this process may act for the client once that has stated `stated`: the lower of both.
    pub(crate) fn in_force(
        &self,
        stated: Option<ImpersonationLevel>,
    ) -> Option<ImpersonationLevel> {
        switch::in_force(stated, self.level())
    }

    /// What a thread carries to act as it.
    pub(crate) fn token(&self) -> &Token {
        &self.token
    }

    /// What marks that token.
    pub(crate) fn statistics(&self) -> Statistics {
        self.statistics
    }
}

/// The server of `pipe`, a client's end, as far as a client may know: who owns the pipe. It takes
/// the right `READ_CONTROL`.
///
/// Where whatever this process makes is owned by somebody else than its user, that owner stands for
/// the user: so it is under Wine, and wherever a program has set `TokenOwner`. Only administrators
/// stand for themselves.
pub(crate) fn server(pipe: BorrowedHandle<'_>) -> io::Result<Peer> {
    let (owner, own) = (owner_of(pipe)?, Token::of_process()?);
    let is_ours = owner.as_str() != Sid::ADMINISTRATORS && owner == own.owner()?;
    let identity = WindowsIdentity {
        user: if is_ours { own.user()?.sid } else { owner },
        user_deny_only: false,
        account: None,
        groups: Vec::new(),
        integrity: None,
        session: None,
        elevated: None,
        logon: None,
        level: ImpersonationLevel::Anonymous,
    };
    let pid = process::server_of(pipe).ok();
    let facts = Facts::new(identity.user.clone(), pid);
    Ok(peer(identity, pid, facts))
}

/// This process as a peer would see it.
pub(crate) fn this_process() -> Result<Peer> {
    let failed = |source| Error::Io { operation: Operation::Identify, at: None, source };
    let token = Token::of_process().map_err(failed)?;
    let identity = identity_of(&token).map_err(failed)?;
    let facts = Facts::new(identity.user.clone(), Some(std::process::id()));
    Ok(Peer::this_process(Some(Identity::Windows(identity))).with_facts(Arc::new(facts)))
}

fn peer(identity: WindowsIdentity, pid: Option<u32>, facts: Facts) -> Peer {
    Peer::new(Some(Identity::Windows(identity)), Assurance::Kernel)
        .with_pid(pid)
        .with_facts(Arc::new(facts))
}

/// Whether a process that runs with `token` is what `client` is: of the same user, logon, groups and
/// integrity, and limited by the same. One user has programs that must not reach each other.
pub(crate) fn is_run_as(client: &Peer, token: &Token) -> io::Result<bool> {
    let its = client.identity().and_then(Identity::as_windows);
    let (Some(its), Some(kept)) = (its, client.kept::<Token>()) else { return Ok(false) };
    let found = identity_of(token)?;
    Ok(found.logon == its.logon
        && Identity::Windows(found).is_alike(&Identity::Windows(its.clone()))
        && token.limits()? == kept.limits()?)
}

fn identity_of(token: &Token) -> io::Result<WindowsIdentity> {
    let Statistics { logon, level, .. } = token.statistics()?;
    let User { sid: user, deny_only: user_deny_only } = token.user()?;
    Ok(WindowsIdentity {
        user,
        user_deny_only,
        account: None,
        groups: token.groups()?,
        integrity: token.integrity().ok(),
        session: token.session().ok(),
        elevated: token.is_elevated().ok(),
        logon: Some(logon),
        // A process's own has no level: whoever has it needs nobody's leave.
        level: level.unwrap_or(ImpersonationLevel::Impersonation),
    })
}

#[cfg(test)]
mod tests;

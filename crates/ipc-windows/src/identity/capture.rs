//! Taking a client's token: the thread carries it for a moment, and is itself again before anything
//! else happens.

use std::io;
use std::os::windows::io::BorrowedHandle;

use ipc_core::{Error, Operation};
use windows_sys::Win32::Foundation::{
    ERROR_CANNOT_IMPERSONATE, ERROR_CANT_OPEN_ANONYMOUS, ERROR_INVALID_DATA,
};

use crate::switch::end_process;
use crate::sys::token::{self, Token};
use crate::sys::token_facts::Statistics;
use crate::sys::{error, is};

/// Why a client's token was not taken. The thread is itself.
#[derive(Debug)]
pub(crate) enum CaptureError {
    /// The system tells only after the first bytes have been read.
    NotYetKnown,
    /// The client does not let itself be known, for this reason.
    Unknown(String),
    /// The thread carries a token already: it acts as somebody.
    Nested,
    /// The system refused a step.
    Failed {
        /// Which.
        step: &'static str,
        /// Its answer.
        source: io::Error,
    },
}

impl CaptureError {
    pub(super) fn at(step: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Failed { step, source }
    }
}

impl From<CaptureError> for Error {
    fn from(error: CaptureError) -> Self {
        match error {
            CaptureError::NotYetKnown => Self::NotYetKnown,
            CaptureError::Unknown(reason) => Self::IdentityUnknown { reason },
            CaptureError::Nested => Self::Nested,
            CaptureError::Failed { step, source } => {
                Self::Io { operation: Operation::Identify, at: Some(step.to_owned()), source }
            }
        }
    }
}

/// Where a client's token comes from. Implemented by the server's end of a pipe and, in tests, by a
/// scripted one. Every call is about the calling thread.
pub(super) trait Source {
    /// A token.
    type Token;

    /// Whether the thread carries a token (`OpenThreadToken`).
    fn is_carrying(&self) -> io::Result<bool>;

    /// Has the thread carry the client's (`ImpersonateNamedPipeClient`).
    fn impersonate(&self) -> io::Result<()>;

    /// Opens what the thread carries, with the process's own rights (`OpenThreadToken`).
    fn open(&self) -> io::Result<Option<Self::Token>>;

    /// Takes it off the thread (`RevertToSelf`).
    fn revert(&self) -> io::Result<()>;

    /// A copy that is this process's own, and what marks it (`DuplicateTokenEx`).
    fn keep(&self, token: Self::Token) -> io::Result<(Self::Token, Statistics)>;
}

/// Takes the client's token, and what marks it.
///
/// # Aborts
/// The process, if the thread cannot become itself again.
pub(super) fn token_of<S: Source>(source: &S) -> Result<(S::Token, Statistics), CaptureError> {
    // A thread that acts as somebody would not do so any more after this.
    if source.is_carrying().map_err(CaptureError::at("reading the thread's token"))? {
        return Err(CaptureError::Nested);
    }
    source.impersonate().map_err(|error| {
        if is(&error, ERROR_CANNOT_IMPERSONATE) {
            return CaptureError::NotYetKnown;
        }
        CaptureError::Failed { step: "ImpersonateNamedPipeClient", source: error }
    })?;
    let opened = source.open();
    if let Err(error) = come_back(source) {
        end_process("taking the client's token", &error);
    }
    let token = opened.map_err(|error| {
        if is(&error, ERROR_CANT_OPEN_ANONYMOUS) {
            return CaptureError::Unknown("it connected at the level anonymous".to_owned());
        }
        CaptureError::Failed { step: "OpenThreadToken", source: error }
    })?;
    let Some(token) = token else {
        return Err(CaptureError::Unknown("the system gave none of its token".to_owned()));
    };
    source.keep(token).map_err(CaptureError::at("DuplicateTokenEx"))
}

fn come_back<S: Source>(source: &S) -> io::Result<()> {
    source.revert()?;
    if source.is_carrying()? {
        return Err(io::Error::other("it still carries a token"));
    }
    Ok(())
}

/// The server's end of a pipe.
pub(super) struct Pipe<'a>(pub(super) BorrowedHandle<'a>);

impl Source for Pipe<'_> {
    type Token = Token;

    fn is_carrying(&self) -> io::Result<bool> {
        match Token::of_thread() {
            Ok(token) => Ok(token.is_some()),
            // One that cannot be opened is there.
            Err(error) if is(&error, ERROR_CANT_OPEN_ANONYMOUS) => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn impersonate(&self) -> io::Result<()> {
        token::impersonate_client(self.0)
    }

    fn open(&self) -> io::Result<Option<Token>> {
        Token::of_thread()
    }

    fn revert(&self) -> io::Result<()> {
        token::revert()
    }

    fn keep(&self, token: Token) -> io::Result<(Token, Statistics)> {
        let level = token.statistics()?.level;
        let kept = token.to_carry(level.ok_or_else(|| error(ERROR_INVALID_DATA))?)?;
        let statistics = kept.statistics()?;
        Ok((kept, statistics))
    }
}

#[cfg(test)]
mod tests;

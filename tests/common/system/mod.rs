//! What tests need of the system and find nowhere else: the one place of the tests that knows on
//! which it runs.
//!
//! The twins behind it provide the same functions; what a system does not have they answer with
//! `None`, and the test says visibly what it leaves out.
#![allow(dead_code, unused_imports, reason = "each test binary uses a part of it")]

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::{
    Identities, LARGE, LITTLE, SERVE_ALL, endpoint, let_everybody_enter, memory, open_handles,
    open_to_all, sparse,
};

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub(crate) use windows::{
    Identities, LARGE, LITTLE, SERVE_ALL, endpoint, let_everybody_enter, memory, open_handles,
    open_to_all, sparse,
};

/// How much memory a process has, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// Now.
    pub(crate) now: u64,
    /// At the highest so far.
    pub(crate) peak: u64,
}

/// One of two identities that tests start clients as, neither of which may do what the other may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    One,
    Other,
}

impl Who {
    pub(crate) const BOTH: [Self; 2] = [Self::One, Self::Other];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Other => "other",
        }
    }
}

//! What can be seen of an endpoint from outside, without a word to whoever serves it: for people who
//! must find out why a client does not get through.

use std::path::PathBuf;

use crate::files::{Denial, FileKind};
use crate::peer::{Peer, Sid};

/// A place at which a client looks for its server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Place {
    /// What the system calls it: a socket's path, a pipe's whole name.
    pub name: String,
    /// What is there.
    pub state: State,
    /// What protects it, from the outside to the inside: the directories on the way, and itself.
    pub guards: Vec<Guard>,
    /// Why no client would use the place, whoever serves there.
    pub fault: Option<String>,
    /// Who else than its server could serve there.
    pub warnings: Vec<String>,
    /// What else there is to say.
    pub notes: Vec<String>,
    /// Who serves there, if somebody does.
    pub server: Option<Server>,
}

impl Place {
    /// One of that name and in that state, of which nothing else is known. For transport authors.
    #[must_use]
    pub fn new(name: impl Into<String>, state: State) -> Self {
        Self {
            name: name.into(),
            state,
            guards: Vec::new(),
            fault: None,
            warnings: Vec::new(),
            notes: Vec::new(),
            server: None,
        }
    }

    /// `true` if somebody serves there whom a client would reach.
    #[must_use]
    pub fn is_served(&self) -> bool {
        self.fault.is_none() && matches!(self.state, State::Live | State::Busy)
    }
}

/// What is at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Nothing.
    Missing,
    /// Somebody listens.
    Live,
    /// Somebody listens, and has no room for one more at the moment.
    Busy,
    /// Somebody has listened and has gone; only the name is left.
    Stale,
    /// Something that is no endpoint.
    NotAnEndpoint,
    /// A link that leads to nothing.
    DanglingLink,
    /// Somebody listens, for messages and not for bytes.
    OtherMode,
    /// The system does not let this process get there.
    Closed {
        /// Which of the [`guards`](Place::guards) refuses.
        guard: usize,
        /// What of its permissions does; `None` if they do not say.
        denial: Option<Denial>,
    },
    /// The system does not say.
    Unknown {
        /// What it says instead.
        why: String,
    },
}

/// Something that decides who gets to a place, and what protects it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guard {
    /// What it is to the place.
    pub role: Role,
    /// Its name.
    pub name: String,
    /// What it is, where that is known.
    pub kind: Option<FileKind>,
    /// Its Unix permission bits (`0o7777`), where it has them.
    pub mode: Option<u32>,
    /// Its owner's and group's Unix ids, where it has them.
    pub owner: Option<(u32, u32)>,
    /// Its owner, where that is a Windows identifier.
    pub sid: Option<Sid>,
    /// The entries of its access control list, each in words.
    pub entries: Vec<String>,
    /// What else there is to say.
    pub note: Option<String>,
}

impl Guard {
    /// One of which nothing else is known. For transport authors.
    #[must_use]
    pub fn new(role: Role, name: impl Into<String>) -> Self {
        Self {
            role,
            name: name.into(),
            kind: None,
            mode: None,
            owner: None,
            sid: None,
            entries: Vec::new(),
            note: None,
        }
    }
}

/// What a [`Guard`] is to its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// A directory on the way to it.
    Directory,
    /// The endpoint itself.
    Endpoint,
    /// The lock that a server holds on its name.
    Lock,
}

/// Who serves at a place, by what the system says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Server {
    /// Who it is.
    pub peer: Peer,
    /// The program that it runs, where this process may know.
    pub executable: Option<PathBuf>,
    /// Why the client does not trust it; `None` if it does.
    pub distrust: Option<String>,
}

impl Server {
    /// Who serves, and whether it is trusted. For transport authors.
    #[must_use]
    pub fn new(peer: Peer, distrust: Option<String>) -> Self {
        let executable = peer.executable();
        Self { peer, executable, distrust }
    }
}

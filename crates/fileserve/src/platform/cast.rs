//! What the demonstration is played with: who asks, and what there is to ask for. Each system has
//! its own.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use ipc_core::ErrorKind;

use super::native::cast::{Account, Performer, Rights, make_directory, start};

/// Who takes part in the demonstration, and what there is to ask for.
#[derive(Debug)]
pub struct Cast {
    /// The clients.
    pub actors: Vec<Actor>,
    /// What every client asks for.
    pub props: Vec<Prop>,
    /// The options with which the server serves all of them.
    pub serving: &'static [&'static str],
    /// What follows from it that some are refused what the server itself can read.
    pub moral: &'static str,
    /// What cannot be shown here, and why not.
    pub left_out: Vec<&'static str>,
}

/// A client: a process that asks for everything.
#[derive(Debug)]
pub struct Actor {
    /// What it is called.
    pub name: &'static str,
    /// What is special about it, in words; may be empty.
    pub about: String,
    pub(super) account: Account,
}

impl Actor {
    /// Starts this program with `arguments` and as whom it is to be, with its standard input and
    /// output piped.
    ///
    /// # Errors
    /// What the system said.
    pub fn start<S: AsRef<OsStr>>(&self, arguments: &[S]) -> io::Result<Performer> {
        start(&self.account, arguments)
    }
}

/// Something that clients ask for.
#[derive(Debug)]
pub struct Prop {
    /// Its name, as it is asked for.
    pub name: &'static str,
    /// Whose it is, in words.
    pub whose: &'static str,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// A file, and which actors may read it; the others are refused it so.
    File {
        content: &'static str,
        rights: Rights,
        readers: &'static [&'static str],
        refusal: ErrorKind,
    },
    /// What nobody gets, whoever they are: why, and how it is made.
    Trap { refusal: ErrorKind, plant: fn(&Path) -> io::Result<()> },
}

impl Prop {
    /// What `actor` must get: the content, or this refusal.
    ///
    /// # Errors
    /// The kind of the refusal, which is as good as the content.
    pub fn expected(&self, actor: &Actor) -> Result<&'static str, ErrorKind> {
        match &self.what {
            What::File { content, readers, .. } if readers.contains(&actor.name) => Ok(content),
            What::File { refusal, .. } | What::Trap { refusal, .. } => Err(*refusal),
        }
    }

    /// Its content, if it is a file.
    #[must_use]
    pub fn content(&self) -> Option<&'static str> {
        match &self.what {
            What::File { content, .. } => Some(content),
            What::Trap { .. } => None,
        }
    }

    /// Who may read it by the rights that it has, in a few letters; empty for no file.
    #[must_use]
    pub fn rights(&self) -> String {
        match &self.what {
            What::File { rights, .. } => rights.to_string(),
            _ => String::new(),
        }
    }

    /// Makes it below `root`.
    ///
    /// # Errors
    /// What the system said.
    #[allow(clippy::disallowed_methods, reason = "files of the demonstration's own")]
    pub fn make(&self, root: &Path) -> io::Result<()> {
        let path = root.join(self.name);
        match &self.what {
            What::Trap { plant, .. } => plant(&path),
            What::File { content, rights, .. } => {
                if let Some(directory) = path.parent().filter(|parent| !parent.exists()) {
                    make_directory(directory)?;
                }
                std::fs::write(&path, content)?;
                rights.set(&path)
            }
        }
    }
}

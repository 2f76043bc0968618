//! Who may do what with files.

use std::fmt::Write;
use std::io;
use std::path::Path;

use ipc_core::peer::Sid;

use crate::sys::security::{Descriptor, set_file_dacl};
use crate::sys::token::Token;

/// Who may do what with a file, or with a directory and all that is made in it.
///
/// The system and administrators may do everything, and nobody else anything unless
/// [allowed](Self::allow). Nothing comes from the directory above. Whoever owns the file may change
/// this list: it does not name `OWNER RIGHTS`, which alone would take that away.
///
/// # Examples
/// ```no_run
/// use ipc_windows::{FileAccess, FileAcl};
///
/// // What is in the directory is this user's, but one file.
/// FileAcl::administrators().allow_this_user(FileAccess::Full).apply_to("shared")?;
/// FileAcl::administrators().apply_to(r"shared\payroll.txt")?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileAcl {
    entries: Vec<(Who, FileAccess)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Who {
    Sid(Sid),
    ThisUser,
}

/// What may be done with a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileAccess {
    /// Reading it; listing it and walking through it; running it.
    Read,
    /// Everything.
    Full,
}

impl FileAcl {
    /// The system and administrators.
    #[must_use]
    pub fn administrators() -> Self {
        Self { entries: Vec::new() }
    }

    /// Gives `access` to the user or to the members of the group `sid`.
    #[must_use]
    pub fn allow(mut self, sid: Sid, access: FileAccess) -> Self {
        self.entries.push((Who::Sid(sid), access));
        self
    }

    /// Gives `access` to the user that this process runs as.
    #[must_use]
    pub fn allow_this_user(mut self, access: FileAccess) -> Self {
        self.entries.push((Who::ThisUser, access));
        self
    }

    /// Sets this list, and no other, for the file or directory at `path`. What is in a directory
    /// already inherits it too, unless that has a list which is protected from it.
    ///
    /// # Errors
    /// Of kind [`InvalidInput`](io::ErrorKind::InvalidInput) for what is no identifier; else the
    /// system's answer.
    pub fn apply_to(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        let inheritance = if path.is_dir() { "OICI" } else { "" };
        let descriptor = Descriptor::from_sddl(&self.text(inheritance)?)?;
        set_file_dacl(path, &descriptor)
    }

    fn text(&self, inheritance: &str) -> io::Result<String> {
        let mut text = format!("D:P(A;{inheritance};FA;;;SY)(A;{inheritance};FA;;;BA)");
        for (who, access) in &self.entries {
            let sid = match who {
                // Checked, for it becomes part of a text in which it could say more than a name.
                Who::Sid(sid) => sid.as_str().parse().map_err(invalid)?,
                Who::ThisUser => Token::of_process()?.user()?.sid,
            };
            let rights = match access {
                FileAccess::Read => "FRFX",
                FileAccess::Full => "FA",
            };
            _ = write!(text, "(A;{inheritance};{rights};;;{sid})");
        }
        Ok(text)
    }
}

fn invalid(error: ipc_core::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}

#[cfg(test)]
mod tests;

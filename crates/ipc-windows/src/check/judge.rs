//! Whether the rights of a file let a client do something.

use std::io;
use std::os::windows::io::BorrowedHandle;

use windows_sys::Win32::Storage::FileSystem::{
    FILE_LIST_DIRECTORY, FILE_READ_ATTRIBUTES, FILE_TRAVERSE, READ_CONTROL,
};

use crate::sys::judge::Decisive;
use crate::sys::token::Token;

/// Asks the system what a token may do.
#[derive(Debug)]
pub(crate) struct Judge<'a> {
    token: &'a Token,
    /// Nobody asks who carries this token for rights to the directories on the way.
    pub(crate) walks_unasked: bool,
}

impl<'a> Judge<'a> {
    /// One for `token`. If it does not say that it may walk unasked it may not.
    pub(crate) fn of(token: &'a Token) -> Self {
        Self { token, walks_unasked: token.walks_unasked().unwrap_or(false) }
    }

    /// Whether the client may look up a name in `directory`.
    pub(crate) fn lets_through(&self, directory: BorrowedHandle<'_>) -> io::Result<bool> {
        if self.walks_unasked {
            return Ok(true);
        }
        Decisive::of(directory)?.lets(self.token, FILE_TRAVERSE)
    }

    /// Whether the client may see who may do what with `file`.
    pub(crate) fn shows_rights(&self, file: BorrowedHandle<'_>) -> io::Result<bool> {
        Decisive::of(file)?.lets(self.token, READ_CONTROL)
    }

    /// Whether the client may open `file`, which lies in `parent`, for `rights`.
    pub(crate) fn lets_open(
        &self,
        file: BorrowedHandle<'_>,
        parent: Option<BorrowedHandle<'_>>,
        rights: u32,
    ) -> io::Result<bool> {
        let decisive = Decisive::of(file)?;
        if decisive.lets(self.token, rights)? {
            return Ok(true);
        }
        let rest = rights & !FILE_READ_ATTRIBUTES;
        let Some(parent) = parent.filter(|_| rest != rights) else { return Ok(false) };
        let has_rest = rest == 0 || decisive.lets(self.token, rest)?;
        Ok(has_rest && Decisive::of(parent)?.lets(self.token, FILE_LIST_DIRECTORY)?)
    }
}

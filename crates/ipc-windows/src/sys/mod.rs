//! Every system call of this crate, each behind a safe function: no `unsafe` stands outside this
//! folder.

pub(crate) mod console;
pub(crate) mod drives;
pub(crate) mod files;

use std::io;

use windows_sys::core::BOOL;

/// The error of a call that answered FALSE. To be asked at once: the next call may change it.
fn check(answer: BOOL) -> io::Result<()> {
    if answer == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The system's error of that number.
pub(crate) fn error(code: u32) -> io::Error {
    io::Error::from_raw_os_error(code as i32)
}

/// `true` if `error` is the system's of that number.
pub(crate) fn is(error: &io::Error, code: u32) -> bool {
    error.raw_os_error() == Some(code as i32)
}

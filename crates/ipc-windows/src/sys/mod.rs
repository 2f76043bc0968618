//! Every system call of this crate, each behind a safe function: no `unsafe` stands outside this
//! folder.

pub(crate) mod account;
mod attributes;
pub(crate) mod console;
pub(crate) mod drives;
pub(crate) mod files;
pub(crate) mod local;
pub(crate) mod lonely;
pub(crate) mod process;
mod restricted;
pub(crate) mod security;
pub(crate) mod spawn;
pub(crate) mod token;
pub(crate) mod token_facts;
pub(crate) mod wide;

use std::io;

use windows_sys::core::BOOL;

/// The error of a call that answered FALSE. To be asked at once: the next call may change it.
fn check(answer: BOOL) -> io::Result<()> {
    if answer == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The error of a call that answers with its code.
fn check_code(code: u32) -> io::Result<()> {
    match code {
        0 => Ok(()),
        code => Err(error(code)),
    }
}

/// The system's error of that number.
pub(crate) fn error(code: u32) -> io::Error {
    io::Error::from_raw_os_error(signed(code))
}

/// `true` if `error` is the system's of that number.
pub(crate) fn is(error: &io::Error, code: u32) -> bool {
    error.raw_os_error() == Some(signed(code))
}

/// The same bits: the system has codes without a sign, `std` with one.
const fn signed(code: u32) -> i32 {
    code as i32
}

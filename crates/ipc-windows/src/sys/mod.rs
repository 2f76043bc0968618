//! Every system call of this crate, each behind a safe function: no `unsafe` stands outside this
//! folder.

pub(crate) mod account;
mod attributes;
pub(crate) mod console;
pub(crate) mod drives;
pub(crate) mod event;
pub(crate) mod file_rights;
pub(crate) mod files;
pub(crate) mod handles;
pub(crate) mod judge;
pub(crate) mod local;
pub(crate) mod memory;
pub(crate) mod name;
pub(crate) mod overlapped;
pub(crate) mod pass;
pub(crate) mod pipe;
pub(crate) mod place;
pub(crate) mod plain_pipe;
pub(crate) mod port;
#[cfg(test)]
pub(crate) mod probe;
pub(crate) mod process;
mod restricted;
pub(crate) mod security;
pub(crate) mod spawn;
pub(crate) mod stop;
pub(crate) mod token;
pub(crate) mod token_facts;
pub(crate) mod volume;
pub(crate) mod wide;

use std::io;
use std::time::Duration;

use ipc_core::Deadline;
use windows_sys::Win32::System::Threading::INFINITE;
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

/// The number of the system's error; 0 for one that is not the system's.
pub(crate) fn code(error: &io::Error) -> u32 {
    error.raw_os_error().map_or(0, |code| code as u32)
}

/// What remains until `deadline` in the milliseconds that the system's waits take, rounded up. A
/// wait may still end early by a tick of the system's clock, so the caller looks at the deadline
/// again.
fn milliseconds(deadline: Deadline) -> u32 {
    let Some(left) = deadline.remaining() else { return INFINITE };
    let left = left.saturating_add(Duration::from_nanos(999_999)).as_millis();
    u32::try_from(left).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT)
}

/// A day: whoever waits longer comes back and waits on.
const LONGEST_WAIT: u32 = 86_400_000;

/// The same bits: the system has codes without a sign, `std` with one.
const fn signed(code: u32) -> i32 {
    code as i32
}

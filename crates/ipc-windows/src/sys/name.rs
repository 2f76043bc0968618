//! Pipes by their name: making an instance, opening one, waiting for one.
#![allow(unsafe_code, reason = "names and handles are bare to the system")]

use std::os::windows::io::{FromRawHandle, OwnedHandle};
use std::{io, ptr};

use ipc_core::{ImpersonationLevel, Mode};
use windows_sys::Win32::Foundation::{HANDLE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::Storage::FileSystem::{
    CreateFileW, FILE_FLAG_FIRST_PIPE_INSTANCE, FILE_FLAG_OVERLAPPED, OPEN_EXISTING,
    PIPE_ACCESS_DUPLEX, SECURITY_EFFECTIVE_ONLY, SECURITY_SQOS_PRESENT,
};
use windows_sys::Win32::System::Pipes::{
    CreateNamedPipeW, PIPE_ACCEPT_REMOTE_CLIENTS, PIPE_READMODE_BYTE, PIPE_READMODE_MESSAGE,
    PIPE_REJECT_REMOTE_CLIENTS, PIPE_TYPE_BYTE, PIPE_TYPE_MESSAGE, PIPE_WAIT, WaitNamedPipeW,
};

use super::security::Descriptor;
use super::{check, wide};
use crate::security::READ_AND_WRITE;

/// The whole name of a pipe: `\\.\pipe\files`, terminated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name(Vec<u16>);

impl Name {
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] if `text` has a NUL.
    pub(crate) fn new(text: &str) -> io::Result<Self> {
        wide::terminated(text).map(Self)
    }

    /// The same as text, to be shown.
    pub(crate) fn to_text(&self) -> String {
        String::from_utf16_lossy(&self.0[..self.0.len() - 1])
    }

    /// Valid and terminated for as long as this value.
    fn as_ptr(&self) -> *const u16 {
        self.0.as_ptr()
    }
}

/// How instances of a pipe are made. All of one name must be made alike.
#[derive(Clone, Debug)]
pub(crate) struct Making {
    pub(crate) mode: Mode,
    /// Whether clients on other machines are let in.
    pub(crate) remote_clients: bool,
    /// How many instances there may be at most.
    pub(crate) most: u32,
    /// In bytes, for each direction.
    pub(crate) buffer: u32,
}

impl Making {
    fn open_mode(&self, first: bool) -> u32 {
        let first = if first { FILE_FLAG_FIRST_PIPE_INSTANCE } else { 0 };
        PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | first
    }

    fn pipe_mode(&self) -> u32 {
        let mode = match self.mode {
            Mode::Bytes => PIPE_TYPE_BYTE | PIPE_READMODE_BYTE,
            Mode::Messages => PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE,
        };
        let remote = if self.remote_clients {
            PIPE_ACCEPT_REMOTE_CLIENTS
        } else {
            PIPE_REJECT_REMOTE_CLIENTS
        };
        PIPE_WAIT | mode | remote
    }
}

/// Makes an instance of the pipe `name`. The first one is refused if there is a pipe of that name.
pub(crate) fn make(
    name: &Name,
    making: &Making,
    security: &Descriptor,
    first: bool,
) -> io::Result<OwnedHandle> {
    let attributes = security.attributes();
    // SAFETY: the name is terminated, the attributes are valid for as long as `attributes` lives,
    // which is beyond the call, and the rest are numbers.
    let pipe = unsafe {
        CreateNamedPipeW(
            name.as_ptr(),
            making.open_mode(first),
            making.pipe_mode(),
            making.most,
            making.buffer,
            making.buffer,
            0,
            attributes.as_ptr(),
        )
    };
    owned(pipe)
}

/// Opens a client's end of the pipe `name`, which lets its server go as far as `level`.
///
/// It asks for what the server's list grants to clients and no more. What the server may learn is
/// fixed now: who this thread is, with the privileges that are enabled.
pub(crate) fn open(name: &Name, level: ImpersonationLevel) -> io::Result<OwnedHandle> {
    // SAFETY: the name is terminated; no descriptor and no template are given; the rest are
    // numbers.
    let pipe = unsafe {
        CreateFileW(
            name.as_ptr(),
            READ_AND_WRITE,
            0,
            ptr::null(),
            OPEN_EXISTING,
            client_flags(level),
            ptr::null_mut(),
        )
    };
    owned(pipe)
}

/// Waits until an instance of the pipe `name` is free, for so many milliseconds at most. It may
/// have been taken again by then.
///
/// # Errors
/// `ERROR_SEM_TIMEOUT` if none is, `ERROR_FILE_NOT_FOUND` if there is no such pipe.
pub(crate) fn wait(name: &Name, milliseconds: u32) -> io::Result<()> {
    // SAFETY: the name is terminated, and the other is a number.
    check(unsafe { WaitNamedPipeW(name.as_ptr(), milliseconds) })
}

/// Without `SECURITY_SQOS_PRESENT` every server, and so whoever has taken its name, could act as the
/// client. Without `SECURITY_CONTEXT_TRACKING` the client stays who it was when it connected.
fn client_flags(level: ImpersonationLevel) -> u32 {
    let level = u32::from(level.to_wire()) << LEVEL_SHIFT;
    FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_EFFECTIVE_ONLY | level
}

fn owned(pipe: HANDLE) -> io::Result<OwnedHandle> {
    if pipe == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has just made it, for this caller alone.
    Ok(unsafe { OwnedHandle::from_raw_handle(pipe) })
}

/// Where the level stands among the flags. Source: Win32 `SECURITY_IDENTIFICATION` and its like,
/// `winbase.h`: the level shifted by 16.
const LEVEL_SHIFT: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use windows_sys::Win32::Storage::FileSystem::{
        SECURITY_CONTEXT_TRACKING, SECURITY_DELEGATION, SECURITY_IDENTIFICATION,
        SECURITY_IMPERSONATION,
    };

    #[test]
    fn t14_t15_remote_clients_are_rejected_unless_let_in_whatever_else_is_set() {
        for mode in [Mode::Bytes, Mode::Messages] {
            for remote_clients in [false, true] {
                let making = Making { mode, remote_clients, most: 255, buffer: 1 };
                let rejects = making.pipe_mode() & PIPE_REJECT_REMOTE_CLIENTS != 0;
                assert_eq!(rejects, !remote_clients, "{making:?}");
                let messages = making.pipe_mode() & (PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE);
                assert_eq!(messages != 0, mode == Mode::Messages, "{making:?}");
                for first in [false, true] {
                    let refuses = making.open_mode(first) & FILE_FLAG_FIRST_PIPE_INSTANCE != 0;
                    assert_eq!(refuses, first);
                }
            }
        }
    }

    #[test]
    fn t07_every_level_of_a_client_is_said_aloud_and_stays_what_it_was() {
        for (level, flag) in [
            (ImpersonationLevel::Anonymous, 0),
            (ImpersonationLevel::Identification, SECURITY_IDENTIFICATION),
            (ImpersonationLevel::Impersonation, SECURITY_IMPERSONATION),
            (ImpersonationLevel::Delegation, SECURITY_DELEGATION),
        ] {
            let flags = client_flags(level);
            assert_eq!(flags & SECURITY_DELEGATION, flag, "{level}");
            assert_ne!(flags & SECURITY_SQOS_PRESENT, 0, "{level}");
            assert_ne!(flags & SECURITY_EFFECTIVE_ONLY, 0, "{level}");
            assert_eq!(flags & SECURITY_CONTEXT_TRACKING, 0, "{level}");
        }
    }
}

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
    #[cfg(test)]
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

/// Makes an instance of the pipe `name`. The first one is refused if there is a pipe of that name.
pub(crate) fn make(
    name: &Name,
    making: &Making,
    security: &Descriptor,
    first: bool,
) -> io::Result<OwnedHandle> {
    let open = PIPE_ACCESS_DUPLEX
        | FILE_FLAG_OVERLAPPED
        | if first { FILE_FLAG_FIRST_PIPE_INSTANCE } else { 0 };
    let mode = PIPE_WAIT
        | match making.mode {
            Mode::Bytes => PIPE_TYPE_BYTE | PIPE_READMODE_BYTE,
            Mode::Messages => PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE,
        }
        | if making.remote_clients {
            PIPE_ACCEPT_REMOTE_CLIENTS
        } else {
            PIPE_REJECT_REMOTE_CLIENTS
        };
    let attributes = security.attributes();
    // SAFETY: the name is terminated, the attributes are valid for as long as `attributes` lives,
    // which is beyond the call, and the rest are numbers.
    let pipe = unsafe {
        CreateNamedPipeW(
            name.as_ptr(),
            open,
            mode,
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
    let level = u32::from(level.to_wire()) << LEVEL_SHIFT;
    let flags = FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_EFFECTIVE_ONLY | level;
    // SAFETY: the name is terminated; no descriptor and no template are given; the rest are
    // numbers.
    let pipe = unsafe {
        CreateFileW(
            name.as_ptr(),
            CLIENT_ACCESS,
            0,
            ptr::null(),
            OPEN_EXISTING,
            flags,
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

fn owned(pipe: HANDLE) -> io::Result<OwnedHandle> {
    if pipe == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has just made it, for this caller alone.
    Ok(unsafe { OwnedHandle::from_raw_handle(pipe) })
}

/// Reading and writing data, attributes and extended attributes, reading the security descriptor,
/// and waiting. Not creating an instance, which would be a server's right
/// (`FILE_CREATE_PIPE_INSTANCE`, 0x4), and which `GENERIC_WRITE` would ask for.
///
/// Source: Microsoft, "Named Pipe Security and Access Rights".
pub(crate) const CLIENT_ACCESS: u32 = 0x0012_019b;

/// Where the level stands among the flags. Source: Win32 `SECURITY_IDENTIFICATION` and its like,
/// `winbase.h`: the level shifted by 16.
const LEVEL_SHIFT: u32 = 16;

//! One end of a pipe.
#![allow(unsafe_code, reason = "handles and buffers are bare to the system")]

use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use ipc_core::{Deadline, Mode};
use windows_sys::Win32::Foundation::{
    ERROR_BROKEN_PIPE, ERROR_IO_PENDING, ERROR_MORE_DATA, ERROR_OPERATION_ABORTED, HANDLE,
};
use windows_sys::Win32::Storage::FileSystem::{
    ReadFile, SetFileCompletionNotificationModes, WriteFile,
};
use windows_sys::Win32::System::IO::{CancelIoEx, GetOverlappedResult, OVERLAPPED};
use windows_sys::Win32::System::Pipes::{
    ConnectNamedPipe, DisconnectNamedPipe, GetNamedPipeHandleStateW, GetNamedPipeInfo,
    PIPE_READMODE_BYTE, PIPE_READMODE_MESSAGE, PIPE_TYPE_MESSAGE, PIPE_WAIT, PeekNamedPipe,
    SetNamedPipeHandleState,
};
use windows_sys::Win32::System::WindowsProgramming::FILE_SKIP_COMPLETION_PORT_ON_SUCCESS;

use super::event::Event;
use super::overlapped::{Begun, Operation, Owner, Packets};
use super::port::Port;
use super::{check, is};

/// An end whose operations are told to a port.
#[derive(Debug)]
pub(crate) struct Pipe {
    handle: OwnedHandle,
    port: Arc<Port>,
    packets: Packets,
}

/// What a read has brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// So many bytes: in message mode a message, or the last of one. None: the message was empty.
    All(usize),
    /// So many bytes of a message of which there are more.
    Part(usize),
    /// The other end is closed, and everything was read.
    End,
    /// Nothing, by the deadline.
    Nothing,
}

/// What there is to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Available {
    /// In bytes.
    pub(crate) all: usize,
    /// In bytes, of the message that comes first; 0 in byte mode.
    pub(crate) of_message: usize,
}

impl Pipe {
    /// An end in `mode`, told to `port` from now on. The handle was opened for overlapped use.
    pub(crate) fn new(handle: OwnedHandle, port: &Arc<Port>, mode: Mode) -> io::Result<Self> {
        port.join(handle.as_handle())?;
        let packets = match mode {
            Mode::Bytes => {
                skip_packets_on_success(handle.as_handle())?;
                Packets::OnlyIfPending
            }
            // Whether a read that brings a part of a message at once counts as a success to be
            // skipped is written nowhere; that it sends a packet otherwise is what everybody
            // relies on.
            Mode::Messages => Packets::Always,
        };
        Ok(Self { handle, port: Arc::clone(port), packets })
    }

    /// Begins to wait for a client, on an instance of this process's.
    ///
    /// # Errors
    /// `ERROR_PIPE_CONNECTED` if one was faster, `ERROR_NO_DATA` if it has left since.
    pub(crate) fn begin_connect(&self, owner: Weak<dyn Owner>) -> io::Result<Begun> {
        self.begin(owner, Vec::new(), |pipe, overlapped, _, _| {
            // SAFETY: `pipe` is open, for `self` owns it, and `overlapped` lives until the end.
            unsafe { ConnectNamedPipe(pipe, overlapped) }
        })
    }

    /// Begins to read nothing, which ends when there is something to read, or the end.
    pub(crate) fn begin_probe(&self, owner: Weak<dyn Owner>) -> io::Result<Begun> {
        self.begin(owner, Vec::new(), |pipe, overlapped, nothing, _| {
            // SAFETY: `pipe` is open, for `self` owns it; `overlapped` and the place for no bytes
            // live until the end.
            unsafe { ReadFile(pipe, nothing, 0, ptr::null_mut(), overlapped) }
        })
    }

    /// Begins to write `bytes`, which are at most 4 GiB.
    pub(crate) fn begin_write(&self, owner: Weak<dyn Owner>, bytes: Vec<u8>) -> io::Result<Begun> {
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.begin(owner, bytes, |pipe, overlapped, _, bytes| {
            // SAFETY: `pipe` is open, for `self` owns it; `overlapped` and the `length` bytes live,
            // unchanged, until the end.
            unsafe { WriteFile(pipe, bytes.as_ptr(), length, ptr::null_mut(), overlapped) }
        })
    }

    fn begin(
        &self,
        owner: Weak<dyn Owner>,
        bytes: Vec<u8>,
        start: impl FnOnce(HANDLE, *mut OVERLAPPED, *mut u8, &[u8]) -> i32,
    ) -> io::Result<Begun> {
        let pipe = self.handle.as_raw_handle();
        // SAFETY: the handle was joined to that port, and told to send those packets, by `new`; the
        // three callers above begin one operation with what they are given.
        unsafe {
            Operation::begin(
                &self.port,
                self.packets,
                owner,
                bytes,
                |overlapped, nothing, bytes| start(pipe, overlapped, nothing, bytes),
            )
        }
    }

    /// Reads what there is, waiting for it until `deadline`, or until `given_up`: whoever sets that
    /// [cancels](Self::cancel_all) afterwards.
    ///
    /// # Blocking
    /// The operation never outlives this call, so it may write into the caller's memory, and be
    /// waited for by an event.
    ///
    /// # Errors
    /// `ERROR_OPERATION_ABORTED` if it was cancelled.
    pub(crate) fn read(
        &self,
        buffer: &mut [u8],
        deadline: Deadline,
        given_up: &AtomicBool,
    ) -> io::Result<Read> {
        let length = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
        let pipe = self.handle.as_raw_handle();
        Event::of_this_thread(|event| {
            let mut overlapped =
                OVERLAPPED { hEvent: event.without_packet(), ..OVERLAPPED::default() };
            // SAFETY: `pipe` is open, for `self` owns it; `buffer` has `length` bytes at least, and
            // like `overlapped` it is used by nobody else before the operation has ended: this
            // closure returns only after one that is pending has, and nothing in it panics.
            let started = check(unsafe {
                ReadFile(pipe, buffer.as_mut_ptr(), length, ptr::null_mut(), &raw mut overlapped)
            });
            let mut waited = Ok(true);
            match started {
                Err(error) if is(&error, ERROR_IO_PENDING) => {
                    // Set before this is looked at, it is seen; set later, the operation has begun
                    // by then and is cancelled by whoever has set it.
                    if !given_up.load(Ordering::SeqCst) {
                        waited = event.wait(deadline);
                    }
                    if given_up.load(Ordering::SeqCst) || !matches!(waited, Ok(true)) {
                        self.cancel_one(&raw const overlapped);
                    }
                }
                Err(error) if is(&error, ERROR_BROKEN_PIPE) => return Ok(Read::End),
                Err(error) if !is(&error, ERROR_MORE_DATA) => return Err(error),
                _ => {}
            }
            match (self.end_of(&raw const overlapped), waited) {
                (Ok((count, false)), _) => Ok(Read::All(count)),
                (Ok((count, true)), _) => Ok(Read::Part(count)),
                (Err(error), _) if is(&error, ERROR_BROKEN_PIPE) => Ok(Read::End),
                (Err(error), Ok(false)) if is(&error, ERROR_OPERATION_ABORTED) => Ok(Read::Nothing),
                (Err(_), Err(error)) | (Err(error), _) => Err(error),
            }
        })
    }

    /// Waits until an operation with an event has ended: how many bytes it moved, and whether the
    /// message has more.
    fn end_of(&self, overlapped: *const OVERLAPPED) -> io::Result<(usize, bool)> {
        let mut count = 0;
        // SAFETY: the handle is open, for it is `self`'s own; the operation's memory lives, for the
        // caller holds it, and has an event by which the call waits.
        let ended = check(unsafe {
            GetOverlappedResult(self.handle.as_raw_handle(), overlapped, &raw mut count, 1)
        });
        let more = match ended {
            Ok(()) => false,
            Err(error) if is(&error, ERROR_MORE_DATA) => true,
            Err(error) => return Err(error),
        };
        Ok((usize::try_from(count).map_err(io::Error::other)?, more))
    }

    /// What there is to read. Takes nothing and does not wait.
    ///
    /// # Errors
    /// `ERROR_BROKEN_PIPE` at the end.
    pub(crate) fn peek(&self) -> io::Result<Available> {
        let (mut all, mut of_message) = (0, 0);
        // SAFETY: the handle is open, for it is `self`'s own; no buffer is given; both results are
        // live locals.
        check(unsafe {
            PeekNamedPipe(
                self.handle.as_raw_handle(),
                ptr::null_mut(),
                0,
                ptr::null_mut(),
                &raw mut all,
                &raw mut of_message,
            )
        })?;
        let bytes = |count| usize::try_from(count).map_err(io::Error::other);
        Ok(Available { all: bytes(all)?, of_message: bytes(of_message)? })
    }

    /// `true` if a client has come to this instance, though it may have left.
    ///
    /// Looking at one that waits for its client fails by another number. Source: Win32
    /// `ERROR_BAD_PIPE`, for `STATUS_INVALID_PIPE_STATE`.
    pub(crate) fn is_connected(&self) -> bool {
        match self.peek() {
            Ok(_) => true,
            Err(error) => is(&error, ERROR_BROKEN_PIPE),
        }
    }

    /// Cancels whatever is under way on this end. Each still ends, and is told.
    pub(crate) fn cancel_all(&self) {
        self.cancel_one(ptr::null());
    }

    fn cancel_one(&self, overlapped: *const OVERLAPPED) {
        // SAFETY: the handle is open, for it is `self`'s own; the pointer names an operation to the
        // system, which compares it and does not follow it. It fails if there is nothing to cancel.
        unsafe { CancelIoEx(self.handle.as_raw_handle(), overlapped) };
    }

    /// Takes this instance from a client that has left, so that another may come.
    ///
    /// What the client has not read would be lost, and what it wrote and was not read is.
    pub(crate) fn disconnect(&self) -> io::Result<()> {
        // SAFETY: the handle is open, for it is `self`'s own.
        check(unsafe { DisconnectNamedPipe(self.handle.as_raw_handle()) })
    }
}

impl AsHandle for Pipe {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.handle.as_handle()
    }
}

/// How the pipe of this end was made.
pub(crate) fn mode_of(pipe: BorrowedHandle<'_>) -> io::Result<Mode> {
    let mut flags = 0;
    // SAFETY: the handle stays open while it is borrowed; the flags are a live local, and nothing
    // else is asked for.
    check(unsafe {
        GetNamedPipeInfo(
            pipe.as_raw_handle(),
            &raw mut flags,
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
        )
    })?;
    Ok(if flags & PIPE_TYPE_MESSAGE == 0 { Mode::Bytes } else { Mode::Messages })
}

/// How many instances of the pipe of this end there are, and how many there may be at most.
pub(crate) fn instances(pipe: BorrowedHandle<'_>) -> io::Result<(u32, u32)> {
    let (mut now, mut most) = (0, 0);
    // SAFETY: the handle stays open while it is borrowed; the number is a live local, and nothing
    // else is asked for.
    check(unsafe {
        GetNamedPipeHandleStateW(
            pipe.as_raw_handle(),
            ptr::null_mut(),
            &raw mut now,
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
            0,
        )
    })?;
    // SAFETY: as above.
    check(unsafe {
        GetNamedPipeInfo(
            pipe.as_raw_handle(),
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
            &raw mut most,
        )
    })?;
    Ok((now, most))
}

/// Has a client's end read in `mode`, which must be the pipe's.
pub(crate) fn set_mode(pipe: BorrowedHandle<'_>, mode: Mode) -> io::Result<()> {
    let mode = PIPE_WAIT
        | match mode {
            Mode::Bytes => PIPE_READMODE_BYTE,
            Mode::Messages => PIPE_READMODE_MESSAGE,
        };
    // SAFETY: the handle stays open while it is borrowed; the mode is a live local; the others are
    // left as they are.
    check(unsafe {
        SetNamedPipeHandleState(pipe.as_raw_handle(), &raw const mode, ptr::null(), ptr::null())
    })
}

fn skip_packets_on_success(pipe: BorrowedHandle<'_>) -> io::Result<()> {
    #[allow(clippy::cast_possible_truncation, reason = "it is 1, and the call takes a byte")]
    const SKIP: u8 = FILE_SKIP_COMPLETION_PORT_ON_SUCCESS as u8;
    // SAFETY: the handle stays open while it is borrowed, and the flag is a number.
    check(unsafe { SetFileCompletionNotificationModes(pipe.as_raw_handle(), SKIP) })
}

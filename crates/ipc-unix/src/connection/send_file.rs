//! Sending a file without taking it through this process (`sendfile`, Linux).

use std::fs::File;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicUsize, Ordering};

use ipc_core::transport::Interest;
use ipc_core::{Deadline, Error, Operation, Result};

use super::UnixConnection;
use super::handles::Passing;
use crate::sys::sendfile::{self, MAX_COUNT};
use crate::sys::socket::{self, Kind};
use crate::sys::{Errno, poll};

const OPERATION: Operation = Operation::SendFile;

impl UnixConnection {
    /// Without a deadline one call sends everything. `sendfile` cannot be told not to wait, so with
    /// one it is given only as much as fits for certain: a socket counts as writable while at most
    /// a quarter of its buffer is taken, and half of it is sent then.
    pub(super) fn send_range(
        &self,
        file: &File,
        from: u64,
        length: u64,
        deadline: Deadline,
    ) -> Result<u64> {
        if !sendfile::EXISTS || self.kind != Kind::Stream {
            return Err(Error::Unsupported { operation: OPERATION });
        }
        self.state.check_writing(OPERATION)?;
        if self.passing.as_ref().is_some_and(Passing::has_waiting) {
            // A handle travels with the next bytes, and `sendfile` takes none along.
            return Err(Error::Unsupported { operation: OPERATION });
        }
        let mut count = usize::try_from(length).unwrap_or(MAX_COUNT).min(MAX_COUNT);
        if count == 0 {
            return Ok(0);
        }
        let buffer = self.file_buffer.size(self);
        if !deadline.is_never() {
            count = count.min(buffer / 2);
            self.wait_for_room(deadline)?;
        }
        let sent = sendfile::send_file(self.socket.as_fd(), file, from, count)
            .map_err(|error| self.file_failure(error))?;
        Ok(sent as u64)
    }

    fn wait_for_room(&self, deadline: Deadline) -> Result<()> {
        let ready = poll::wait(self.socket.as_fd(), Interest::Write, deadline)
            .map_err(|error| self.failure(OPERATION, error))?;
        if ready.write { Ok(()) } else { Err(Error::TimedOut { operation: OPERATION }) }
    }

    fn file_failure(&self, error: Errno) -> Error {
        match error {
            // The file has no pages that could be lent to a socket, or lies where seeking is not.
            Errno::INVAL | Errno::SPIPE | Errno::NOSYS | Errno::OPNOTSUPP => {
                Error::Unsupported { operation: OPERATION }
            }
            error => self.failure(OPERATION, error),
        }
    }
}

/// The size of the send buffer while files are sent, once it was raised for that; 0 before.
#[derive(Debug, Default)]
pub(super) struct FileBuffer(AtomicUsize);

impl FileBuffer {
    /// 1 MiB: with less, sender and receiver put each other to sleep all the time.
    const WANTED: usize = 1024 * 1024;

    fn size(&self, connection: &UnixConnection) -> usize {
        match self.0.load(Ordering::Relaxed) {
            0 => self.set(connection, Self::WANTED),
            size => size,
        }
    }

    /// Sets it to `bytes` for good, and never raises it from then on.
    pub(super) fn settle(&self, connection: &UnixConnection, bytes: usize) {
        if self.0.load(Ordering::Relaxed) != bytes {
            self.set(connection, bytes);
            self.0.store(bytes, Ordering::Relaxed);
        }
    }

    fn set(&self, connection: &UnixConnection, bytes: usize) -> usize {
        let socket = connection.socket.as_fd();
        socket::set_send_buffer(socket, bytes);
        let size = socket::send_buffer(socket).unwrap_or(SMALLEST).max(SMALLEST);
        self.0.store(size, Ordering::Relaxed);
        size
    }
}

/// Source: Linux, `SOCK_MIN_SNDBUF`, rounded down to pages.
const SMALLEST: usize = 4096;

//! Moving a protocol's output into its connection.

use std::fs::File;
use std::io::IoSlice;
use std::task::Waker;
use std::time::Instant;

use super::protocol::{Output, Protocol};
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind, Failure, Operation, Result};
use crate::files::Root;
use crate::transport::{Connection, Ticket};

/// How far the output got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    /// There is nothing more to send.
    Done,
    /// The connection takes no more for now.
    Blocked,
    /// There is more, and the connection has had its share.
    Spent,
}

/// Sends what `protocol` has until one of the three holds; never waits. `scratch` is what files are
/// copied through where the connection cannot send them.
///
/// # Errors
/// The connection's: it is over.
pub(super) fn send(
    connection: &dyn Connection,
    protocol: &mut dyn Protocol,
    waker: &Waker,
    scratch: &mut [u8],
    share: Instant,
) -> Result<Sending> {
    loop {
        let sent = match protocol.output(waker) {
            Output::Nothing => return Ok(Sending::Done),
            Output::Handle(handle) => {
                protocol.offered(offer(connection, handle).map_err(Failure::from));
                continue;
            }
            Output::Bytes(parts) => {
                connection.write_vectored(&parts, Deadline::NOW).map(|count| count as u64)
            }
            Output::File { file, root, from, length } => {
                match connection.send_file(file, from, length, Deadline::NOW) {
                    Err(Error::Unsupported { .. }) => {
                        copy(connection, file, &**root, from, length, scratch)
                    }
                    sent => sent,
                }
            }
        };
        match sent {
            Ok(0) => protocol.file_failed(ended_early()),
            Ok(count) => protocol.sent(count),
            Err(Error::TimedOut { .. }) => return Ok(Sending::Blocked),
            Err(error @ Error::Io { operation: Operation::SendFile, .. }) => {
                protocol.file_failed(error.into());
            }
            Err(error) => return Err(error),
        }
        if Instant::now() >= share {
            return Ok(Sending::Spent);
        }
    }
}

fn offer(connection: &dyn Connection, handle: File) -> Result<Ticket> {
    match connection.handles() {
        Some(handles) => handles.offer(handle),
        None => Err(Error::Unsupported { operation: Operation::PassHandle }),
    }
}

/// Sends the beginning of that part of `file` through `scratch`. `Ok(0)` if the file ends there.
fn copy(
    connection: &dyn Connection,
    file: &File,
    root: &dyn Root,
    from: u64,
    length: u64,
    scratch: &mut [u8],
) -> Result<u64> {
    let most = scratch.len().min(usize::try_from(length).unwrap_or(usize::MAX));
    let count = root.read_at(file, &mut scratch[..most], from).map_err(|source| Error::Io {
        operation: Operation::SendFile,
        at: None,
        source,
    })?;
    if count == 0 {
        return Ok(0);
    }
    let sent = connection.write_vectored(&[IoSlice::new(&scratch[..count])], Deadline::NOW)?;
    Ok(sent as u64)
}

fn ended_early() -> Failure {
    Failure::new(ErrorKind::Truncated, "the file has become shorter while it was sent")
}

//! Moving a protocol's output into its connection.

use std::io::IoSlice;
use std::task::Waker;
use std::time::Instant;

use super::protocol::{Output, Protocol};
use crate::deadline::Deadline;
use crate::error::{Error, ErrorKind, Failure, Operation, Result};
use crate::transport::Connection;

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
            Output::Bytes(parts) => {
                connection.write_vectored(&parts, Deadline::NOW).map(|count| count as u64)
            }
            Output::File { file, root, from, length } => {
                match connection.send_file(file, from, length, Deadline::NOW) {
                    Err(Error::Unsupported { .. }) => {
                        let most = scratch.len().min(usize::try_from(length).unwrap_or(usize::MAX));
                        match root.read_at(file, &mut scratch[..most], from) {
                            Ok(0) => Ok(0),
                            Ok(count) => connection
                                .write_vectored(&[IoSlice::new(&scratch[..count])], Deadline::NOW)
                                .map(|count| count as u64),
                            Err(source) => {
                                Err(Error::Io { operation: Operation::SendFile, at: None, source })
                            }
                        }
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

fn ended_early() -> Failure {
    Failure::new(ErrorKind::Truncated, "the file has become shorter while it was sent")
}

//! The client's side.

use std::io::IoSlice;
use std::time::Duration;

#[cfg(doc)]
use ipc_core::ErrorKind;
use ipc_core::{Connection, Deadline, Error as IpcError, Operation};

use super::GREETING;
use super::wire::{self, LENGTH, MAX_PAYLOAD};
use crate::error::{Error, Result};

/// What a server has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The file's text.
    pub text: String,
    /// Whether that is all of it.
    pub extent: Extent,
}

/// How much of a file the protocol had room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// As much as there is room for, which may or may not be all of it.
    Full,
    /// Not all of it: the server has cut it.
    Cut,
}

/// Asks the server at the other end of `connection` for the file `name`: one for each connection.
///
/// The connection must have been made at level
/// [`Impersonation`](ipc_core::ImpersonationLevel::Impersonation) if the server is to open the file
/// as this client. Silence of more than 30 seconds is the end, whatever `deadline` says.
///
/// # Errors
/// [`Error::Wordless`] if the server closes in place of an answer, as it does for a client that it
/// does not serve and for a file that cannot be read. [`Error::Incomplete`] if the text ends early.
/// [`Error::Call`]: of kind [`InvalidInput`](ErrorKind::InvalidInput) for a name that is too long,
/// [`Protocol`](ErrorKind::Protocol) if the server does not greet as it must or sends what is no text.
pub fn fetch(connection: &dyn Connection, name: &str, deadline: Deadline) -> Result<Fetched> {
    let name = wire::payload(name)?;
    let strings = Strings { connection, deadline };
    strings.check_greeting()?;
    strings.write(&name)?;
    let text = strings.read_text()?;
    // Whatever the server still says, and however it ends: the text is here.
    let _ = connection.close(Deadline::NOW);
    Ok(text)
}

struct Strings<'c> {
    connection: &'c dyn Connection,
    deadline: Deadline,
}

impl Strings<'_> {
    /// Whoever greets otherwise is told no name.
    fn check_greeting(&self) -> Result<()> {
        let expected = wire::payload(GREETING)?;
        let length = self.read_length()?.ok_or(Error::Wordless { greeted: false })?;
        let mut greeting = vec![0; expected.len()];
        if length == expected.len() {
            self.connection.read_exact(&mut greeting, self.until())?;
            if greeting == expected {
                return Ok(());
            }
        }
        let reason = format!("it does not greet with `{GREETING}`");
        Err(IpcError::Protocol { reason }.into())
    }

    fn read_text(&self) -> Result<Fetched> {
        let length = self.read_length()?.ok_or(Error::Wordless { greeted: true })?;
        // The sample cuts at this length, in the middle of a unit.
        let is_cut = length == usize::from(u16::MAX);
        if !is_cut {
            wire::check_length(length, MAX_PAYLOAD, "bytes of text")?;
        }
        let mut payload = vec![0; length];
        self.read_payload(&mut payload)?;
        let extent = match length {
            _ if is_cut => Extent::Cut,
            MAX_PAYLOAD => Extent::Full,
            _ => Extent::Whole,
        };
        let text = if extent == Extent::Whole { wire::text(&payload)? } else { cut(&payload)? };
        Ok(Fetched { text, extent })
    }

    /// The length of the next string; `None` if the server ends in place of it.
    fn read_length(&self) -> Result<Option<usize>> {
        let mut length = [0; LENGTH];
        if self.connection.read(&mut length[..1], self.until())? == 0 {
            return Ok(None);
        }
        self.connection.read_exact(&mut length[1..], self.until())?;
        Ok(wire::length(&length))
    }

    fn read_payload(&self, payload: &mut [u8]) -> Result<()> {
        let announced = payload.len() as u64;
        let mut received = 0;
        while received < payload.len() {
            let source = match self.connection.read(&mut payload[received..], self.until()) {
                Ok(0) => IpcError::Disconnected { operation: Operation::Read },
                Ok(count) => {
                    received += count;
                    continue;
                }
                Err(error) => error,
            };
            return Err(Error::Incomplete { received: received as u64, announced, source });
        }
        Ok(())
    }

    /// Writes a string at once, as far as the connection takes it at once.
    fn write(&self, payload: &[u8]) -> Result<()> {
        let length = wire::length_bytes(payload.len()).expect("checked when it was encoded");
        let parts = [IoSlice::new(&length), IoSlice::new(payload)];
        let sent = self.connection.write_vectored(&parts, self.until())?;
        let (length_sent, payload_sent) = (sent.min(LENGTH), sent.saturating_sub(LENGTH));
        self.connection.write_all(&length[length_sent..], self.until())?;
        Ok(self.connection.write_all(&payload[payload_sent..], self.until())?)
    }

    fn until(&self) -> Deadline {
        self.deadline.min(Deadline::after(SILENCE))
    }
}

/// The text of a payload that may end anywhere, so in the middle of a pair.
fn cut(payload: &[u8]) -> Result<String> {
    let whole = &payload[..payload.len() & !1];
    match whole.split_last_chunk::<2>() {
        Some((rest, last)) if is_high_surrogate(*last) => {
            Ok(wire::text(rest)? + char::REPLACEMENT_CHARACTER.encode_utf8(&mut [0; 4]))
        }
        _ => Ok(wire::text(whole)?),
    }
}

fn is_high_surrogate(unit: [u8; 2]) -> bool {
    (0xD800..0xDC00).contains(&u16::from_le_bytes(unit))
}

/// How long the server may say nothing.
const SILENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;

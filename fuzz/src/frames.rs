//! A stream of frames as an onlooker reads it, who shares no state with the sessions.

use ipc_core::frame::{Header, Preface};

/// Takes a stream apart as it comes.
#[derive(Debug, Default)]
pub struct Stream {
    pending: Vec<u8>,
    preface: Option<Preface>,
    /// Set when it makes no sense from here on.
    ended: bool,
}

impl Stream {
    /// The preface, once it has come.
    #[must_use]
    pub fn preface(&self) -> Option<Preface> {
        self.preface
    }

    /// `true` once something has come that is neither a preface nor a frame.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        self.ended
    }

    /// Takes `bytes` and hands out the frames that are whole by then. `limit` is the longest payload
    /// of a frame other than data.
    pub fn push(&mut self, bytes: &[u8], limit: u32, mut each: impl FnMut(Header, &[u8])) {
        self.pending.extend_from_slice(bytes);
        let mut at = 0;
        while !self.ended {
            let rest = &self.pending[at..];
            if self.preface.is_none() {
                match Preface::decode(rest) {
                    Ok(None) => break,
                    Ok(Some((preface, length))) => {
                        self.preface = Some(preface);
                        at += length;
                    }
                    Err(_) => self.ended = true,
                }
                continue;
            }
            match Header::decode(rest, limit) {
                Ok(None) => break,
                Ok(Some(header)) => {
                    let end = Header::LENGTH + header.length as usize;
                    let Some(payload) = rest.get(Header::LENGTH..end) else { break };
                    each(header, payload);
                    at += end;
                }
                Err(_) => self.ended = true,
            }
        }
        self.pending.drain(..at);
    }
}

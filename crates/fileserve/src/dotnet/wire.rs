//! Strings as they travel: `u16 length, big-endian | UTF-16, little-endian`, the length in bytes.

use ipc_core::{Error, Result};

/// The longest payload of a string, in bytes: the longest of whole UTF-16 units that a length of
/// two bytes can say.
pub(super) const MAX_PAYLOAD: usize = 65_534;

/// How many bytes say the length.
pub(super) const LENGTH: usize = 2;

/// What `text` is on the wire, without its length.
///
/// # Errors
/// [`Error::InvalidInput`] if it is longer than [`MAX_PAYLOAD`].
pub(super) fn payload(text: &str) -> Result<Vec<u8>> {
    let payload: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    if payload.len() <= MAX_PAYLOAD {
        return Ok(payload);
    }
    let reason = format!("a string of {} bytes; at most {MAX_PAYLOAD} travel", payload.len());
    Err(Error::InvalidInput { reason })
}

/// What says the length of a payload of `length` bytes; `None` for one that cannot travel.
pub(super) fn length_bytes(length: usize) -> Option<[u8; LENGTH]> {
    u16::try_from(length).ok().map(u16::to_be_bytes)
}

/// The length of the payload that `bytes` begin with; `None` before it has come.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let (length, _) = bytes.split_first_chunk()?;
    Some(usize::from(u16::from_be_bytes(*length)))
}

/// Checks the length that a peer has announced, before anything else of the string is looked at.
///
/// # Errors
/// [`Error::Protocol`] if it is odd, [`Error::LimitExceeded`] if it is more than `limit`.
pub(super) fn check_length(length: usize, limit: usize, what: &'static str) -> Result<()> {
    if length % 2 != 0 {
        let reason = format!("a string of {length} bytes, where every unit has two");
        return Err(Error::Protocol { reason });
    }
    if length > limit {
        return Err(Error::LimitExceeded { what, asked: length as u64, limit: limit as u64 });
    }
    Ok(())
}

/// The text of a payload of even length.
///
/// # Errors
/// [`Error::Protocol`] if it has half of a surrogate pair.
pub(super) fn text(payload: &[u8]) -> Result<String> {
    let units = payload.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    char::decode_utf16(units).collect::<Result<_, _>>().map_err(|half| Error::Protocol {
        reason: format!(
            "a string with half of a surrogate pair, {:04x}",
            half.unpaired_surrogate()
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_its_length_in_bytes_and_its_units() {
        let payload = payload("aé\u{1F600}").expect("short");
        assert_eq!(payload, b"a\0\xe9\0\x3d\xd8\0\xde");
        assert_eq!(length_bytes(payload.len()), Some([0, 8]));
        assert_eq!(text(&payload).expect("what was encoded"), "aé\u{1F600}");
        assert_eq!(length(&[1, 2, 9]), Some(258));
        assert_eq!(length(&[1]), None);
    }

    #[test]
    fn the_longest_string_travels_and_a_longer_one_does_not() {
        assert_eq!(payload(&"x".repeat(32_767)).expect("just fits").len(), MAX_PAYLOAD);
        assert!(matches!(payload(&"x".repeat(32_768)), Err(Error::InvalidInput { .. })));
        assert_eq!(length_bytes(65_535), Some([255, 255]));
        assert_eq!(length_bytes(65_536), None);
    }

    #[test]
    fn an_odd_length_one_beyond_the_limit_and_half_a_pair_are_refused() {
        assert!(check_length(8, 8, "bytes").is_ok());
        assert!(matches!(check_length(7, 8, "bytes"), Err(Error::Protocol { .. })));
        assert!(matches!(check_length(10, 8, "bytes"), Err(Error::LimitExceeded { .. })));
        let error = text(b"a\0\x3d\xd8").expect_err("half a pair").to_string();
        assert!(error.contains("half of a surrogate pair, d83d"), "{error}");
        assert!(text(b"\0\xdea\0").is_err());
    }
}

//! What each side says of itself before its first frame.

use super::{MIN_PAYLOAD, VERSION};
use crate::codec::Codec;
use crate::error::{Error, Result};

/// What each side sends before its first frame.
///
/// ```text
///  0          8        10        11       12      13      14      16        20
/// +----------+--------+---------+--------+-------+-------+-------+---------+-------+
/// | magic    | length | version | lowest | codec | level | flags | payload | calls |
/// | 8 bytes  | u16    | u8      | u8     | u8    | u8    | u16   | u32     | u32   |
/// +----------+--------+---------+--------+-------+-------+-------+---------+-------+
///  24                 32            40              44        48
/// +------------------+-------------+---------------+---------+- - -
/// | connection credit | body credit | request bytes | handles | unknown, skipped
/// | u64               | u64         | u32           | u32     | up to `length`
/// +------------------+-------------+---------------+---------+- - -
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preface {
    /// Client: the highest version that it speaks. Server: the one that is spoken from here on.
    pub version: u8,
    /// The lowest version that the sender speaks.
    pub lowest: u8,
    /// The number of the [`Codec`].
    pub codec: u8,
    /// Client: the impersonation level that it grants. Server: 0.
    pub level: u8,
    /// [`HANDLES`](Self::HANDLES), or none. Unknown bits are ignored.
    pub flags: u16,
    /// The longest payload of a frame other than data that the sender accepts, in bytes.
    pub payload: u32,
    /// How many calls the sender accepts at once.
    pub calls: u32,
    /// How many bytes of data in all the sender is ready to receive.
    pub connection_credit: u64,
    /// How many bytes of each body the sender is ready to receive.
    pub body_credit: u64,
    /// How many bytes the requests of all calls in flight may have together.
    pub request_bytes: u32,
    /// How many handles the calls in flight may have together.
    pub handles: u32,
}

impl Preface {
    /// The flag of a sender whose connection passes handles. Handle frames are sent only where both
    /// prefaces have it.
    pub const HANDLES: u16 = 1;

    /// What every preface begins with. The first byte is no text and the line ends are changed by
    /// whatever converts text, so that neither is mistaken for a session.
    pub const MAGIC: [u8; 8] = *b"\x89ipc\r\n\x1a\n";

    /// How long a preface of this version is, in bytes.
    pub const LENGTH: usize = 48;

    /// How long a preface may become in later versions, in bytes.
    pub const MAX_LENGTH: usize = 1024;

    /// The bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::LENGTH] {
        let mut bytes = [0; Self::LENGTH];
        bytes[..8].copy_from_slice(&Self::MAGIC);
        bytes[8..10].copy_from_slice(&48_u16.to_le_bytes());
        bytes[10..14].copy_from_slice(&[self.version, self.lowest, self.codec, self.level]);
        bytes[14..16].copy_from_slice(&self.flags.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.payload.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.calls.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.connection_credit.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.body_credit.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.request_bytes.to_le_bytes());
        bytes[44..48].copy_from_slice(&self.handles.to_le_bytes());
        bytes
    }

    /// The preface that `bytes` begin with and how many of them it takes; `None` if more must come.
    ///
    /// # Errors
    /// [`Error::Protocol`] as soon as the bytes there are can begin no preface.
    pub fn decode(bytes: &[u8]) -> Result<Option<(Self, usize)>> {
        check_magic(bytes)?;
        let Some(length) = bytes.get(8..10) else { return Ok(None) };
        let length = usize::from(length[0]) | usize::from(length[1]) << 8;
        if !(Self::LENGTH..=Self::MAX_LENGTH).contains(&length) {
            return Err(Error::Protocol {
                reason: format!(
                    "a preface of {length} bytes; it has {} to {}",
                    Self::LENGTH,
                    Self::MAX_LENGTH
                ),
            });
        }
        let whole = bytes.get(..length).and_then(|whole| whole.split_first_chunk());
        let Some((fields, _)) = whole else { return Ok(None) };
        let preface = Self::from_fields(fields);
        if preface.payload < MIN_PAYLOAD {
            return Err(Error::Protocol {
                reason: format!(
                    "a preface that accepts payloads of {} bytes; at least {MIN_PAYLOAD} must be",
                    preface.payload
                ),
            });
        }
        Ok(Some((preface, length)))
    }

    fn from_fields(bytes: &[u8; Self::LENGTH]) -> Self {
        let mut rest = &bytes[10..];
        Self {
            version: u8::from_le_bytes(take(&mut rest)),
            lowest: u8::from_le_bytes(take(&mut rest)),
            codec: u8::from_le_bytes(take(&mut rest)),
            level: u8::from_le_bytes(take(&mut rest)),
            flags: u16::from_le_bytes(take(&mut rest)),
            payload: u32::from_le_bytes(take(&mut rest)),
            calls: u32::from_le_bytes(take(&mut rest)),
            connection_credit: u64::from_le_bytes(take(&mut rest)),
            body_credit: u64::from_le_bytes(take(&mut rest)),
            request_bytes: u32::from_le_bytes(take(&mut rest)),
            handles: u32::from_le_bytes(take(&mut rest)),
        }
    }

    /// `true` if the sender's connection passes handles.
    #[must_use]
    pub const fn passes_handles(&self) -> bool {
        self.flags & Self::HANDLES != 0
    }

    /// The version that is spoken with a client that sent this preface, `None` if none is common.
    #[must_use]
    pub fn common_version(&self) -> Option<u8> {
        (self.lowest..=self.version).contains(&VERSION).then_some(VERSION)
    }

    /// The codec, `None` if this version does not know it.
    #[must_use]
    pub fn codec(&self) -> Option<Codec> {
        Codec::from_wire(self.codec)
    }
}

/// A wrong byte is noticed when it comes, so that a peer of another protocol, which may wait for an
/// answer before it sends 48 bytes, is told.
fn check_magic(bytes: &[u8]) -> Result<()> {
    let expected = Preface::MAGIC.iter().zip(bytes);
    match expected.enumerate().find(|(_, (expected, byte))| expected != byte) {
        None => Ok(()),
        Some((at, (_, byte))) => Err(Error::Protocol {
            reason: format!("byte {at} is {byte:#04x}, which begins no ipc session"),
        }),
    }
}

/// The next `N` bytes of a preface that is long enough.
fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let (field, after) = rest.split_first_chunk().expect("the fields fill LENGTH and no more");
    *rest = after;
    *field
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preface() -> Preface {
        Preface {
            version: 3,
            lowest: 1,
            codec: 1,
            level: 2,
            flags: 0x8001,
            payload: MIN_PAYLOAD,
            calls: 256,
            connection_credit: 1 << 40,
            body_credit: 77,
            request_bytes: 99,
            handles: 5,
        }
    }

    #[test]
    fn a_preface_survives_and_waits_for_its_last_byte() {
        let bytes = preface().encode();
        assert_eq!(Preface::decode(&bytes).expect("valid"), Some((preface(), Preface::LENGTH)));
        for count in 0..bytes.len() {
            assert_eq!(Preface::decode(&bytes[..count]).expect("not yet"), None);
        }
    }

    #[test]
    fn what_a_later_version_adds_is_skipped() {
        let mut bytes = preface().encode().to_vec();
        bytes[8] = 50;
        bytes.extend([1, 2, 3]);
        assert_eq!(Preface::decode(&bytes).expect("valid"), Some((preface(), 50)));
    }

    #[test]
    fn a_stranger_is_refused_at_the_first_byte_that_differs() {
        assert!(Preface::decode(b"G").is_err(), "GET / HTTP/1.1");
        assert!(Preface::decode(b"\x89PNG").is_err());
        let error = Preface::decode(b"\x89ipc\n").expect_err("a converted line end").to_string();
        assert!(error.contains("byte 4 is 0x0a"), "{error}");
    }

    #[test]
    fn an_impossible_length_is_refused_before_the_rest_comes() {
        for length in [0_u16, 47, 1025, u16::MAX] {
            let bytes = [&Preface::MAGIC[..], &length.to_le_bytes()].concat();
            assert!(Preface::decode(&bytes).is_err(), "{length}");
        }
    }

    #[test]
    fn versions_negotiate_down() {
        let with = |lowest, version| Preface { lowest, version, ..preface() }.common_version();
        assert_eq!(with(1, 1), Some(1));
        assert_eq!(with(1, 9), Some(1));
        assert_eq!(with(0, 1), Some(1));
        assert_eq!(with(2, 9), None);
        assert_eq!(with(0, 0), None);
    }
}

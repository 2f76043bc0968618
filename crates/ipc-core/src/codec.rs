//! Values to bytes and back: the one place where that is configured.

use std::fmt;

use bincode::Options;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How values are encoded on the wire. Each side names its codec in the preface; one that the
/// other does not know is refused by name.
///
/// # Types on the wire
/// No recursion, no collections of items without a size (`Vec<()>`), and a type that was released
/// never changes: a field more or less is another type.
///
/// # Examples
/// ```
/// use ipc_core::Codec;
///
/// let bytes = Codec::Bincode.encode(&(7_u16, "ab"))?;
/// assert_eq!(bytes, [7, 0, 2, 0, 0, 0, 0, 0, 0, 0, b'a', b'b']);
/// assert_eq!(Codec::Bincode.decode::<(u16, &str)>(&bytes)?, (7, "ab"));
/// assert!(Codec::Bincode.decode::<u16>(&bytes).is_err()); // a byte is left over
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// bincode 1.3 with integers of fixed width, little-endian.
    #[default]
    Bincode,
}

impl Codec {
    /// The longest encoding of one value, in bytes. A session's own limits are lower.
    pub const MAX_LENGTH: u64 = 16 * 1024 * 1024;

    /// The number of this codec in a preface.
    #[must_use]
    pub const fn to_wire(self) -> u8 {
        match self {
            Self::Bincode => 1,
        }
    }

    /// The codec with that number, if this version has it.
    #[must_use]
    pub const fn from_wire(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Bincode),
            _ => None,
        }
    }

    /// Encodes `value`.
    ///
    /// # Errors
    /// [`Error::Codec`] for a value that has no encoding, or a longer one than
    /// [`MAX_LENGTH`](Self::MAX_LENGTH).
    pub fn encode<T: Serialize + ?Sized>(self, value: &T) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.encode_into(value, &mut bytes)?;
        Ok(bytes)
    }

    /// Appends the encoding of `value` to `out`, which an error leaves as it was.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_into<T: Serialize + ?Sized>(self, value: &T, out: &mut Vec<u8>) -> Result<()> {
        let before = out.len();
        let encoded = match self {
            Self::Bincode => bincode_options(Self::MAX_LENGTH).serialize_into(&mut *out, value),
        };
        encoded.map_err(|error| {
            out.truncate(before);
            Error::Codec { reason: error.to_string() }
        })
    }

    /// Decodes a value from `bytes`, all of which it must take.
    ///
    /// # Errors
    /// [`Error::Codec`] for bytes that are no `T`, too few or too many. No length in them makes
    /// this allocate more than they could hold.
    pub fn decode<'a, T: Deserialize<'a>>(self, bytes: &'a [u8]) -> Result<T> {
        let decoded = match self {
            Self::Bincode => bincode_options(bytes.len() as u64).deserialize(bytes),
        };
        decoded.map_err(|error| Error::Codec { reason: error.to_string() })
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bincode => "bincode 1.3",
        })
    }
}

/// Without the limit one hostile length makes the process abort for want of memory.
fn bincode_options(limit: u64) -> impl Options {
    bincode::DefaultOptions::new()
        .with_fixint_encoding()
        .with_little_endian()
        .with_limit(limit)
        .reject_trailing_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Shape {
        Point,
        Circle { radius: u32 },
        Named(String, Vec<u16>),
    }

    #[test]
    fn values_survive_and_each_is_taken_whole() {
        for shape in
            [Shape::Point, Shape::Circle { radius: 9 }, Shape::Named("x".into(), vec![1, 2])]
        {
            let bytes = Codec::Bincode.encode(&shape).expect("has an encoding");
            assert_eq!(Codec::Bincode.decode::<Shape>(&bytes).expect("its own bytes"), shape);
            assert!(Codec::Bincode.decode::<Shape>(&bytes[..bytes.len() - 1]).is_err());
            assert!(Codec::Bincode.decode::<Shape>(&[&bytes[..], &[0]].concat()).is_err());
        }
    }

    #[test]
    fn t49_a_hostile_length_is_refused_before_anything_is_allocated() {
        for length in [u64::MAX, u64::MAX / 2, 1 << 40, 9] {
            let bytes = [&length.to_le_bytes()[..], b"12345678"].concat();
            for error in [
                Codec::Bincode.decode::<String>(&bytes).map(drop),
                Codec::Bincode.decode::<Vec<u8>>(&bytes).map(drop),
                Codec::Bincode.decode::<Vec<u64>>(&bytes).map(drop),
            ] {
                assert!(matches!(error, Err(Error::Codec { .. })), "{length}: {error:?}");
            }
        }
    }

    #[test]
    fn an_unknown_variant_is_an_error() {
        assert!(Codec::Bincode.decode::<Shape>(&3_u32.to_le_bytes()).is_err());
    }

    #[test]
    fn a_value_without_an_encoding_leaves_the_buffer_as_it_was() {
        let mut out = vec![1];
        let large = "x".repeat(17 * 1024 * 1024);
        assert!(Codec::Bincode.encode_into(&large, &mut out).is_err());
        assert_eq!(out, [1]);
        assert_eq!(Codec::from_wire(Codec::Bincode.to_wire()), Some(Codec::Bincode));
        assert_eq!(Codec::from_wire(0), None);
    }
}

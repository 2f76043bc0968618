//! The name of a file as it travels.

use std::fmt;

use ipc_core::files::{Escaped, RelativePath};
use ipc_core::{Error, Result};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The name of a file as a client sends it: bytes, with `/` between names on every system.
///
/// Any bytes are a wire path; what they name, and whether they may, is decided by the server.
///
/// # Examples
/// ```
/// use fileserve::protocol::{Names, WirePath};
///
/// let path = WirePath::new("docs/notes.txt")?;
/// assert_eq!(path.below_root(Names::BelowRoot)?.as_bytes(), b"docs/notes.txt");
/// assert!(WirePath::new("/etc/passwd")?.below_root(Names::BelowRoot).is_err());
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WirePath(Vec<u8>);

impl WirePath {
    /// The longest path that travels, in bytes.
    pub const MAX_LENGTH: usize = RelativePath::MAX_LENGTH + 1;

    /// The path with that text.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] if it is longer than [`MAX_LENGTH`](Self::MAX_LENGTH).
    pub fn new(text: impl Into<Vec<u8>>) -> Result<Self> {
        let text = text.into();
        if text.len() > Self::MAX_LENGTH {
            let reason = format!("the path is longer than {} bytes", Self::MAX_LENGTH);
            return Err(Error::InvalidInput { reason });
        }
        Ok(Self(text))
    }

    /// The path's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// `true` if it begins with `/`.
    #[must_use]
    pub fn is_absolute(&self) -> bool {
        self.0.first() == Some(&b'/')
    }

    /// `true` if it can name nothing but a directory, by its last component: `a/`, `a/.`.
    #[must_use]
    pub fn names_directory(&self) -> bool {
        matches!(self.0.rsplit(|byte| *byte == b'/').next(), Some(b"" | b"."))
    }

    /// The name below the root of a server whose paths mean `names`.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] if it is absolute where it may not be, or relative where it must not
    /// be, or no [`RelativePath`].
    pub fn below_root(&self, names: Names) -> Result<RelativePath> {
        match (names, self.is_absolute()) {
            (Names::BelowRoot, _) => RelativePath::new(&self.0),
            (Names::Absolute, true) => RelativePath::new(without_leading_slashes(&self.0)),
            (Names::Absolute, false) => Err(Error::InvalidInput {
                reason: format!("this server takes absolute paths, and `{self}` is none"),
            }),
        }
    }
}

/// Escaped for people.
impl fmt::Display for WirePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Escaped(&self.0).fmt(f)
    }
}

impl Serialize for WirePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for WirePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;

        impl Visitor<'_> for Bytes {
            type Value = WirePath;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a path of at most {} bytes", WirePath::MAX_LENGTH)
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<WirePath, E> {
                WirePath::new(bytes).map_err(|_| E::invalid_length(bytes.len(), &self))
            }
        }

        deserializer.deserialize_bytes(Bytes)
    }
}

/// What the paths of a server mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Names {
    /// They are relative to the served directory; absolute ones are refused.
    BelowRoot,
    /// They are absolute; relative ones are refused.
    Absolute,
}

fn without_leading_slashes(text: &[u8]) -> &[u8] {
    let slashes = text.iter().take_while(|byte| **byte == b'/').count();
    &text[slashes..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipc_core::codec::Codec;

    fn path(text: &[u8]) -> WirePath {
        WirePath::new(text).expect("short enough")
    }

    #[test]
    fn below_a_root_absolute_paths_are_refused_and_elsewhere_relative_ones() {
        let below = |text: &[u8], names| path(text).below_root(names).map(|p| p.to_string());
        assert_eq!(below(b"a/b", Names::BelowRoot).expect("relative"), "a/b");
        assert_eq!(below(b"", Names::BelowRoot).expect("the root itself"), ".");
        assert!(below(b"/a", Names::BelowRoot).is_err());
        assert_eq!(below(b"//a/b", Names::Absolute).expect("absolute"), "a/b");
        assert_eq!(below(b"/", Names::Absolute).expect("the root itself"), ".");
        assert!(below(b"a", Names::Absolute).is_err());
        assert!(below(b"/a/../b", Names::Absolute).is_err());
    }

    #[test]
    fn a_path_that_ends_with_a_slash_or_a_dot_names_a_directory() {
        for text in [&b""[..], b".", b"/", b"a/", b"a//", b"a/.", b"a/./"] {
            assert!(path(text).names_directory(), "{}", path(text));
        }
        for text in [&b"a"[..], b"/a", b"a/b", b"a.", b".a", b"a/.b"] {
            assert!(!path(text).names_directory(), "{}", path(text));
        }
    }

    #[test]
    fn any_bytes_travel_and_too_many_do_not() {
        let odd = path(b"\xff\0/\n");
        let wire = Codec::Bincode.encode(&odd).expect("bytes have an encoding");
        assert_eq!(Codec::Bincode.decode::<WirePath>(&wire).expect("what was encoded"), odd);

        let longest = path(&[b'a'; WirePath::MAX_LENGTH]);
        let mut wire = Codec::Bincode.encode(&longest).expect("bytes have an encoding");
        assert_eq!(Codec::Bincode.decode::<WirePath>(&wire).expect("just fits"), longest);
        wire[..8].copy_from_slice(&(WirePath::MAX_LENGTH as u64 + 1).to_le_bytes());
        wire.push(b'a');
        assert!(Codec::Bincode.decode::<WirePath>(&wire).is_err());
    }
}

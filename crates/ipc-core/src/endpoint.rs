//! The names at which listeners are bound and peers connect.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::{Error, Result};

/// Where a listener is bound and peers connect, as a person types it.
///
/// | text | means |
/// |---|---|
/// | `files` | a bare name: this platform's own transport, in its usual place |
/// | `unix:/run/files.sock`, `unix:@files` | a Unix domain socket by path; an abstract one (Linux) |
/// | `pipe:files`, `pipe://host/files` | a Windows named pipe; one on another machine |
/// | `mem:files` | inside this process |
/// | `word:anything` | whatever the transport with that [scheme](Self::scheme) makes of it |
///
/// Parsing checks what holds for every transport; each transport checks the rest when the endpoint
/// is bound or connected. An unknown scheme is kept, so that a transport from elsewhere fits in.
///
/// # Examples
/// ```
/// use ipc_core::Endpoint;
///
/// let socket: Endpoint = "unix:/run/files.sock".parse()?;
/// assert_eq!((socket.scheme(), socket.name()), (Some("unix"), "/run/files.sock"));
/// assert_eq!(socket.to_string(), "unix:/run/files.sock");
///
/// let bare: Endpoint = "files".parse()?;
/// assert_eq!((bare.scheme(), bare.name()), (None, "files"));
/// assert!("../files".parse::<Endpoint>().is_err()); // did you mean unix:../files?
/// # Ok::<(), ipc_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    text: Arc<str>,
    /// Where the name begins: behind the colon, or at 0 for a bare name.
    name_at: usize,
}

impl Endpoint {
    /// The longest endpoint text, in bytes. Transports have lower limits of their own.
    pub const MAX_LENGTH: usize = 1024;

    /// The longest bare name, in bytes.
    pub const MAX_BARE_LENGTH: usize = 64;

    /// The endpoint `scheme:name`.
    ///
    /// # Errors
    /// [`Error::InvalidEndpoint`] as for parsing that text.
    pub fn with_scheme(scheme: &str, name: &str) -> Result<Self> {
        format!("{scheme}:{name}").parse()
    }

    /// The transport that the text asks for; `None` for a bare name.
    #[must_use]
    pub fn scheme(&self) -> Option<&str> {
        self.name_at.checked_sub(1).map(|colon| &self.text[..colon])
    }

    /// The text behind the scheme: all of it for a bare name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.text[self.name_at..]
    }

    /// The whole text; it parses to this endpoint again.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Endpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |reason: &str| {
            Err(Error::InvalidEndpoint { text: text.to_owned(), reason: reason.to_owned() })
        };
        if text.is_empty() {
            return refuse("it is empty; give a name such as `files` or `unix:/run/files.sock`");
        }
        if text.len() > Self::MAX_LENGTH {
            return refuse(&format!("it is longer than {} bytes", Self::MAX_LENGTH));
        }
        if text.contains(char::is_control) {
            return refuse("it contains a control character");
        }
        let Some((scheme, name)) = text.split_once(':') else {
            return match bare_name_fault(text) {
                None => Ok(Self { text: text.into(), name_at: 0 }),
                Some(fault) => refuse(&fault),
            };
        };
        if !is_scheme(scheme) {
            return refuse(
                "the scheme before `:` must be at least two lower-case letters, digits, `-` or `+`, \
                 beginning with a letter",
            );
        }
        if name.is_empty() {
            return refuse("there is no name behind the scheme");
        }
        Ok(Self { text: text.into(), name_at: scheme.len() + 1 })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.text)
    }
}

/// At least two characters, so that a Windows drive letter is no scheme.
fn is_scheme(text: &str) -> bool {
    text.len() >= 2
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-+".contains(&b))
}

/// A bare name becomes one component of a path or of a pipe's name, so it may hold nothing that
/// either system reads as structure.
fn bare_name_fault(name: &str) -> Option<String> {
    if name.contains(['/', '\\']) {
        return Some(format!(
            "a bare name has no separators; where there are sockets, `unix:{name}` is one at a path"
        ));
    }
    if name.starts_with(['.', '@']) {
        return Some("a bare name begins with neither `.` nor `@`".to_owned());
    }
    if name.len() > Endpoint::MAX_BARE_LENGTH {
        return Some(format!("a bare name has at most {} bytes", Endpoint::MAX_BARE_LENGTH));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_gives_back_what_parses() {
        for text in ["files", "unix:/run/x.sock", "unix:@abstract", "pipe://host/name", "a2:b:c"] {
            let endpoint: Endpoint = text.parse().expect(text);
            assert_eq!(endpoint.to_string(), text);
            assert_eq!(endpoint.to_string().parse::<Endpoint>().expect(text), endpoint);
        }
    }

    #[test]
    fn what_cannot_be_a_name_is_refused_with_its_reason() {
        for (text, reason) in [
            ("", "empty"),
            ("a/b", "unix:a/b"),
            (r"\\.\pipe\x", "separators"),
            ("..", "neither"),
            ("C:/x", "scheme"),
            (":x", "scheme"),
            ("unix:", "no name"),
            ("a\0b", "control"),
            (&"x".repeat(65), "64 bytes"),
            (&format!("unix:{}", "x".repeat(2000)), "1024 bytes"),
        ] {
            let error = text.parse::<Endpoint>().expect_err(text).to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }
}

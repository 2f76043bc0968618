//! The name of the pipe of an [`Endpoint`].
//!
//! | endpoint | pipe |
//! |---|---|
//! | `files`, `pipe:files` | `\\.\pipe\files` |
//! | `pipe://host/files` | `\\host\pipe\files`, to connect to |
//!
//! The system does not tell upper case from lower case in these names.

use std::io;

use ipc_core::{Endpoint, Error, Operation, Result};

use crate::SCHEME;
use crate::root::names;
use crate::sys::name::Name;

/// The pipe that `endpoint` is to be bound as.
pub(crate) fn to_bind(endpoint: &Endpoint) -> Result<Name> {
    match parts(endpoint)? {
        (THIS_MACHINE, name) => whole(endpoint, THIS_MACHINE, name, Operation::Bind),
        (host, _) => Err(refuse(
            endpoint,
            format!("a pipe is served on its own machine, not on `{host}`; write `pipe:name`"),
        )),
    }
}

/// The pipe that a client of `endpoint` opens.
pub(crate) fn to_connect(endpoint: &Endpoint) -> Result<Name> {
    let (host, name) = parts(endpoint)?;
    whole(endpoint, host, name, Operation::Connect)
}

/// Whether a client of `endpoint` asks another machine, or its own by its name on the network.
pub(crate) fn is_remote(endpoint: &Endpoint) -> bool {
    parts(endpoint).is_ok_and(|(host, _)| host != THIS_MACHINE)
}

/// Host and name.
fn parts(endpoint: &Endpoint) -> Result<(&str, &str)> {
    let name = endpoint.name();
    let (host, name) = match endpoint.scheme() {
        None => (THIS_MACHINE, name),
        Some(SCHEME) => match name.strip_prefix("//") {
            None => (THIS_MACHINE, name),
            Some(rest) => rest.split_once('/').ok_or_else(|| {
                refuse(endpoint, "there is no name behind the host; write `pipe://host/name`")
            })?,
        },
        Some(_) => {
            let right = "pipes have bare names, `pipe:name` or `pipe://host/name`";
            return Err(refuse(endpoint, right));
        }
    };
    check_host(endpoint, host)?;
    check_name(endpoint, name)?;
    Ok((host, name))
}

fn check_host(endpoint: &Endpoint, host: &str) -> Result<()> {
    let is_good = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if host == THIS_MACHINE || (host.contains(char::is_alphanumeric) && host.chars().all(is_good)) {
        return Ok(());
    }
    Err(refuse(endpoint, "the host between `//` and `/` is no name of a machine"))
}

/// The system tidies names before it looks at them, by the rules for files. What it would change or
/// take for something else is no name here, so that one pipe has one name.
fn check_name(endpoint: &Endpoint, name: &str) -> Result<()> {
    let refuse = |reason| Err(refuse(endpoint, reason));
    if name.is_empty() {
        return refuse("there is no name");
    }
    if name.contains(['/', '\\']) {
        return refuse(
            "the name of a pipe has no slash and no backslash; write it alone, as in `pipe:files`",
        );
    }
    if name.ends_with(['.', ' ']) {
        return refuse("the name ends in a dot or a space, which the system would drop");
    }
    if names::is_device(name) {
        return refuse("that is the name of a device, whatever follows its dot");
    }
    Ok(())
}

fn whole(endpoint: &Endpoint, host: &str, name: &str, operation: Operation) -> Result<Name> {
    let text = format!(r"\\{host}\pipe\{name}");
    let length = text.encode_utf16().count();
    if length > MAX_LENGTH {
        let prefix = length - name.encode_utf16().count();
        return Err(refuse(
            endpoint,
            format!(
                "with the {prefix} characters in front of it the name has {length}, and the system \
                 allows {MAX_LENGTH}"
            ),
        ));
    }
    // The endpoint's own rules exclude control characters.
    Name::new(&text).map_err(|error: io::Error| Error::io(operation, endpoint, error))
}

fn refuse(endpoint: &Endpoint, reason: impl Into<String>) -> Error {
    Error::InvalidEndpoint { text: endpoint.to_string(), reason: reason.into() }
}

/// The host of a pipe of this machine.
const THIS_MACHINE: &str = ".";

/// Of the whole name, in UTF-16 units. Source: Win32 `CreateNamedPipeW`, lpName.
const MAX_LENGTH: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> Endpoint {
        text.parse().expect(text)
    }

    #[test]
    fn only_a_pipe_without_a_host_is_known_to_be_of_this_machine() {
        for local in ["files", "pipe:files"] {
            assert!(!is_remote(&endpoint(local)), "{local}");
        }
        for remote in ["pipe://server/files", "pipe://localhost/files", "pipe://127.0.0.1/files"] {
            assert!(is_remote(&endpoint(remote)), "{remote}");
        }
    }

    fn bound(text: &str) -> String {
        to_bind(&endpoint(text)).expect(text).to_text()
    }

    fn refused(text: &str) -> String {
        let endpoint = endpoint(text);
        let error = to_connect(&endpoint).expect_err(text);
        assert!(matches!(error, Error::InvalidEndpoint { .. }), "{error:?}");
        assert!(to_bind(&endpoint).is_err(), "{text}");
        error.to_string()
    }

    #[test]
    fn a_bare_name_and_one_with_the_scheme_are_the_same_pipe() {
        assert_eq!(bound("files"), r"\\.\pipe\files");
        assert_eq!(bound("pipe:files"), r"\\.\pipe\files");
        assert_eq!(bound("pipe://./files"), r"\\.\pipe\files");
        assert_eq!(bound("pipe:Drei Wörter.v2"), r"\\.\pipe\Drei Wörter.v2");
    }

    #[test]
    fn another_machines_pipe_is_connected_to_and_never_bound() {
        let there = endpoint("pipe://server-1.example/files");
        assert_eq!(to_connect(&there).expect("fits").to_text(), r"\\server-1.example\pipe\files");
        let error = to_bind(&there).expect_err("elsewhere").to_string();
        assert!(error.contains("server-1.example"), "{error}");
    }

    #[test]
    fn a_name_that_does_not_fit_is_refused_with_the_limit() {
        let fits = MAX_LENGTH - r"\\.\pipe\".len();
        assert_eq!(bound(&format!("pipe:{}", "x".repeat(fits))).len(), MAX_LENGTH);
        // What counts are UTF-16 units.
        let clefs = format!("pipe:{}", "\u{1d11e}".repeat(fits / 2));
        assert_eq!(bound(&clefs).encode_utf16().count(), MAX_LENGTH - fits % 2);
        for long in ["x".repeat(fits + 1), "\u{1d11e}".repeat(fits / 2 + 1)] {
            let error = refused(&format!("pipe:{long}"));
            assert!(error.contains("256"), "{error}");
        }
    }

    #[test]
    fn what_the_system_would_take_for_another_name_is_refused() {
        for text in [
            r"pipe:\\.\pipe\files",
            r"pipe:a\b",
            "pipe:a/b",
            "pipe:..",
            "pipe:.",
            "pipe:files.",
            "pipe:files ",
            "pipe:NUL",
            "pipe:con.txt",
            "pipe:Com1",
            "pipe:lpt9.x",
            "pipe:COM²",
            "pipe://host/",
            "pipe://host",
            "pipe:///files",
            "pipe://?/files",
            r"pipe://a\b/files",
            "pipe://../files",
            "unix:/run/x",
            "mem:x",
        ] {
            refused(text);
        }
        for text in ["pipe:console", "pipe:COM10", "pipe:.hidden", "pipe:a.b c", "pipe:a:b*"] {
            bound(text);
        }
    }
}

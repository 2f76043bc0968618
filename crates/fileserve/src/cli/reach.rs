//! Reaching a server, for every command that is a client.
#![allow(clippy::disallowed_methods, reason = "paths of the client's own")]

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{self, Component, Path, PathBuf};
use std::time::Duration;

use fileserve::protocol::{Names, WirePath};
use fileserve::{FileClient, platform};
use ipc_core::client::{Client, ClientOptions};
use ipc_core::{ConnectOptions, Deadline, Endpoint, Error, ImpersonationLevel, Policy};

use super::args::Reach;
use super::{Failed, exit, shown};

/// A server that was reached.
pub(crate) struct Reached {
    pub(crate) files: FileClient,
}

impl Reached {
    pub(crate) fn connect(reach: &Reach) -> Result<Self, Failed> {
        let endpoint = reach.endpoint.endpoint(None)?;
        let deadline = Deadline::from(reach.timeout);
        let options = options(reach, deadline);
        let transport = platform::transport();
        let mut client = Client::connect(&*transport, &endpoint, &options, ClientOptions::new())
            .map_err(|error| unreachable(&endpoint, error))?;
        client.set_deadline(deadline);
        Ok(Self { files: FileClient::new(client) })
    }

    /// The path that a person typed, as this server names it.
    pub(crate) fn path(&mut self, typed: &OsStr) -> Result<WirePath, Failed> {
        let is_relative = !platform::is_absolute(typed);
        let goes_up = Path::new(typed).components().any(|part| part == Component::ParentDir);
        if (is_relative || goes_up) && self.names()? == Names::Absolute {
            let absolute = from_root(Path::new(typed)).map_err(|error| {
                Failed::new(format!("find `{}`", shown(typed)), Error::Remote(error.into()))
            })?;
            return wire(absolute.as_os_str());
        }
        wire(typed)
    }

    fn names(&mut self) -> Result<Names, Failed> {
        let about = self.files.about();
        about.map(|about| about.names).map_err(|error| Failed::new("ask what is served", error))
    }
}

/// How this client connects: so that the server may act as it.
pub(crate) fn options(reach: &Reach, deadline: Deadline) -> ConnectOptions {
    let options = ConnectOptions::new()
        .level(ImpersonationLevel::Impersonation)
        .deadline(deadline.min(Deadline::after(CONNECT_TIMEOUT)));
    match any_of(reach.trust.iter().cloned()) {
        Some(trusted) => options.server(trusted),
        None => options,
    }
}

pub(crate) fn unreachable(endpoint: &Endpoint, error: Error) -> Failed {
    let is_stranger = matches!(error, Error::ServerNotTrusted { .. });
    let failed = Failed::new(format!("reach `{endpoint}`"), error);
    if is_stranger {
        return failed.with_hint("if you do trust that user, name it with `--trust`");
    }
    failed
}

/// The path from this system's root, without a `..`: none travels, and what one leads to depends on
/// the links before it, so the system is asked.
fn from_root(typed: &Path) -> io::Result<PathBuf> {
    let absolute = path::absolute(typed)?;
    let parts: Vec<Component<'_>> = absolute.components().collect();
    let Some(last) = parts.iter().rposition(|part| *part == Component::ParentDir) else {
        return Ok(absolute);
    };
    let (up, rest) = parts.split_at(last + 1);
    let mut found = fs::canonicalize(up.iter().collect::<PathBuf>())?;
    found.extend(rest);
    if typed.as_os_str().as_encoded_bytes().ends_with(b"/") {
        found.push(""); // still a directory or nothing
    }
    Ok(found)
}

/// Whom any of `policies` admits; `None` without any.
pub(crate) fn any_of(policies: impl Iterator<Item = Policy>) -> Option<Policy> {
    policies.reduce(Policy::or)
}

fn wire(path: &OsStr) -> Result<WirePath, Failed> {
    let Some(bytes) = platform::wire_path(path) else {
        let doing = format!("send `{}`, which is no Unicode", shown(path));
        return Err(Failed::because(exit::USAGE, doing));
    };
    WirePath::new(bytes).map_err(|error| Failed::new("send that path", error))
}

/// How long connecting may take where nothing else is asked.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_up_is_found_where_the_system_would_find_it() {
        let place = tempfile::tempdir().expect("a directory");
        let place = place.path().canonicalize().expect("is there");
        fs::create_dir_all(place.join("a/deep")).expect("made");
        platform::make_link("a/deep".as_ref(), &place.join("link")).expect("made");
        for (typed, found) in [
            ("a/deep/../x", "a/x"),
            ("link/../x", "a/x"),
            ("link/./../../y/z", "y/z"),
            ("a/../missing/", "missing/"),
            ("link/x", "link/x"),
            ("link/x/", "link/x/"),
        ] {
            let path = from_root(&place.join(typed)).expect("is there");
            assert_eq!(path.as_os_str(), place.join(found).as_os_str(), "{typed}");
        }
        let parent = from_root(&place.join("..")).expect("is there");
        assert_eq!(Some(parent.as_path()), place.parent());
        let error = from_root(&place.join("missing/../x")).expect_err("as the system says");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}

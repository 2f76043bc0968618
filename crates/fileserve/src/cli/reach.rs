//! Reaching a server, for every command that is a client.

use std::ffi::OsStr;
use std::path::{Component, Path};
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
        let options = options(reach, deadline)?;
        let transport = platform::transport();
        let mut client = Client::connect(&*transport, &endpoint, &options, ClientOptions::new())
            .map_err(|error| unreachable(&endpoint, error))?;
        client.set_deadline(deadline);
        Ok(Self::by(client))
    }

    /// The one that `client` is connected to.
    pub(crate) fn by(client: Client) -> Self {
        Self { files: FileClient::new(client) }
    }

    /// The path that a person typed, as this server names it.
    pub(crate) fn path(&mut self, typed: &OsStr) -> Result<WirePath, Failed> {
        let is_relative = !platform::is_from_top(typed);
        let goes_up = Path::new(typed).components().any(|part| part == Component::ParentDir);
        if (is_relative || goes_up) && self.names()? == Names::Absolute {
            let absolute = platform::from_top(Path::new(typed)).map_err(|error| {
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
pub(crate) fn options(reach: &Reach, deadline: Deadline) -> Result<ConnectOptions, Failed> {
    let options = ConnectOptions::new()
        .level(ImpersonationLevel::Impersonation)
        .deadline(deadline.min(Deadline::after(CONNECT_TIMEOUT)));
    Ok(match resolved(any_of(&reach.server), "use `--server`")? {
        Some(server) => options.server(server),
        None => options,
    })
}

pub(crate) fn unreachable(endpoint: &Endpoint, error: Error) -> Failed {
    let is_stranger = matches!(error, Error::ServerNotTrusted { .. });
    let failed = Failed::new(format!("reach `{endpoint}`"), error);
    if is_stranger {
        return failed.with_hint("if you do trust that user, name it with `--server`");
    }
    failed
}

/// Whom any of `policies` admits; `None` without any.
pub(crate) fn any_of(policies: &[Policy]) -> Option<Policy> {
    policies.iter().cloned().reduce(Policy::or)
}

/// The same with ids in place of names, which are looked up now.
pub(crate) fn resolved(policy: Option<Policy>, doing: &str) -> Result<Option<Policy>, Failed> {
    let resolved = policy.map(|policy| policy.resolve(&platform::Accounts)).transpose();
    resolved.map_err(|error| Failed::new(doing, error))
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

//! Reaching a server, for every command that is a client.

use std::ffi::OsStr;
use std::path::{Component, Path};
use std::time::Duration;

use fileserve::protocol::{About, Names, WirePath};
use fileserve::{FileClient, platform};
use ipc_core::client::{Client, ClientOptions};
use ipc_core::{
    ConnectOptions, Deadline, Endpoint, Error, ErrorKind, ImpersonationLevel, Policy, Transport,
};

use super::args::Reach;
use super::{Failed, exit, shown};

/// A server that was reached.
pub(crate) struct Reached {
    pub(crate) files: FileClient,
    endpoint: Endpoint,
    options: ConnectOptions,
    deadline: Deadline,
    /// What the server has said of itself.
    about: Option<About>,
}

impl Reached {
    pub(crate) fn connect(reach: &Reach) -> Result<Self, Failed> {
        let endpoint = reach.endpoint.endpoint(None)?;
        let deadline = Deadline::from(reach.timeout);
        let options = options(reach, deadline)?;
        Self::at(&endpoint, &options, deadline)
            .map_err(|error| unreachable(&options, &endpoint, error))
    }

    /// The server at `endpoint`, which must answer everything by the `deadline`.
    pub(crate) fn at(
        endpoint: &Endpoint,
        options: &ConnectOptions,
        deadline: Deadline,
    ) -> Result<Self, Error> {
        let files = connect(&*platform::transport(), endpoint, options, deadline)?;
        let (endpoint, options) = (endpoint.clone(), options.clone());
        Ok(Self { files, endpoint, options, deadline, about: None })
    }

    /// Connects once more, so that open files can be passed: most commands pass none, and a connection
    /// that can is slower.
    pub(crate) fn pass_handles(&mut self) -> Result<(), Failed> {
        let options = self.options.clone().handles(true).deadline(in_time(self.deadline));
        let transport = platform::passing_transport();
        self.files = connect(&*transport, &self.endpoint, &options, self.deadline)
            .map_err(|error| unreachable(&options, &self.endpoint, error))?;
        Ok(())
    }

    /// Whether nothing was asked of who the server is.
    pub(crate) fn may_be_anybodys(&self) -> bool {
        self.options.server.admits_unknown()
    }

    /// The path that a person typed, as this server names it.
    pub(crate) fn path(&mut self, typed: &OsStr) -> Result<WirePath, Failed> {
        let is_relative = !platform::is_from_top(typed);
        let goes_up = Path::new(typed).components().any(|part| part == Component::ParentDir);
        if (is_relative || goes_up) && self.about()?.names == Names::Absolute {
            let absolute = platform::from_top(Path::new(typed)).map_err(|error| {
                Failed::new(format!("find `{}`", shown(typed)), Error::Remote(error.into()))
            })?;
            return wire(absolute.as_os_str());
        }
        wire(typed)
    }

    /// What the server says of itself, asked once.
    pub(crate) fn about(&mut self) -> Result<&About, Failed> {
        let failed = |error| Failed::new("ask what is served", error);
        let about = match self.about.take() {
            Some(about) => about,
            None => self.files.about().map_err(failed)?,
        };
        Ok(self.about.insert(about))
    }
}

fn connect(
    transport: &dyn Transport,
    endpoint: &Endpoint,
    options: &ConnectOptions,
    deadline: Deadline,
) -> Result<FileClient, Error> {
    let mut client = Client::connect(transport, endpoint, options, ClientOptions::new())?;
    client.set_deadline(deadline);
    Ok(FileClient::new(client))
}

/// By when a connection must stand.
fn in_time(deadline: Deadline) -> Deadline {
    deadline.min(Deadline::after(CONNECT_TIMEOUT))
}

/// How this client connects: by default so that the server may act as it.
pub(crate) fn options(reach: &Reach, deadline: Deadline) -> Result<ConnectOptions, Failed> {
    let options = ConnectOptions::new().level(reach.level).deadline(in_time(deadline));
    Ok(match resolved(any_of(&reach.server), "use `--server`")? {
        Some(server) => options.server(server),
        None => options,
    })
}

pub(crate) fn unreachable(options: &ConnectOptions, endpoint: &Endpoint, error: Error) -> Failed {
    let delegates = options.level == ImpersonationLevel::Delegation;
    let hint = match error {
        Error::ServerNotTrusted { .. } => {
            Some("if you do trust that user, name it with `--server`")
        }
        Error::Unsupported { .. } if delegates => Some(
            "no server here acts for its clients on other machines; `--level impersonation` lets it \
             act as you on this one",
        ),
        _ if error.kind() == ErrorKind::PermissionDenied => {
            Some("`fileserve explain ENDPOINT` says what keeps you out, and by which rule")
        }
        _ => None,
    };
    let failed = Failed::new(format!("reach `{endpoint}`"), error);
    match hint {
        Some(hint) => failed.with_hint(hint),
        None => failed,
    }
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

/// A path as it travels.
pub(crate) fn wire(path: &OsStr) -> Result<WirePath, Failed> {
    let Some(bytes) = platform::wire_path(path) else {
        let doing = format!("send `{}`, which is no Unicode", shown(path));
        return Err(Failed::because(exit::USAGE, doing));
    };
    WirePath::new(bytes).map_err(|error| Failed::new("send that path", error))
}

/// How long connecting may take where nothing else is asked.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

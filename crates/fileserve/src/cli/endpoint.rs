//! Where a server is, as a person says it.

use clap::ValueEnum;
use fileserve::platform;
use ipc_core::Endpoint;

use super::Failed;

/// What a person typed to say where a server is.
#[derive(Clone, Debug)]
pub(crate) struct EndpointText(String);

impl EndpointText {
    /// Where that is for who speaks `protocol`.
    ///
    /// # Errors
    /// If it can be no endpoint.
    pub(crate) fn endpoint(&self, protocol: Option<Compat>) -> Result<Endpoint, Failed> {
        let endpoint = match protocol {
            None => self.0.parse(),
            Some(Compat::Dotnet) => platform::dotnet_endpoint(&self.0),
        };
        endpoint.map_err(|error| Failed::new("use that endpoint", error))
    }
}

impl From<String> for EndpointText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// Another protocol than this program's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Compat {
    /// That of the classic named-pipe sample of .NET
    Dotnet,
}

//! The transport over named pipes.

use ipc_core::error::Operation;
use ipc_core::{
    BindOptions, Capabilities, ConnectOptions, Connection, Endpoint, Error, Listener, Peer, Result,
    Transport,
};

use crate::identity;

/// Named pipes: `pipe:name`, and bare names on Windows. They cannot be bound or connected yet.
#[derive(Clone, Debug, Default)]
pub struct PipeTransport {}

impl PipeTransport {
    /// The transport with its defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Transport for PipeTransport {
    fn scheme(&self) -> &'static str {
        "pipe"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn this_process(&self) -> Result<Peer> {
        identity::this_process()
    }

    fn bind(&self, _at: &Endpoint, _options: &BindOptions) -> Result<Box<dyn Listener>> {
        Err(Error::Unsupported { operation: Operation::Bind })
    }

    fn connect(&self, _to: &Endpoint, _options: &ConnectOptions) -> Result<Box<dyn Connection>> {
        Err(Error::Unsupported { operation: Operation::Connect })
    }
}

//! Finding a transport by the text of an endpoint.

use std::sync::{Arc, OnceLock};

use ipc_core::memory::MemoryTransport;
use ipc_core::{Endpoint, Error, Result, Transport};

use crate::Native;

/// The transports that a program knows, by the scheme of an endpoint.
///
/// # Examples
/// ```
/// use ipc::{BindOptions, Transports};
///
/// let at = "mem:greeter".parse()?;
/// let listener = Transports::new().find(&at)?.bind(&at, &BindOptions::new())?;
/// assert_eq!(listener.endpoint(), &at);
///
/// let error = Transports::new().find(&"carrier-pigeon:home".parse()?).unwrap_err();
/// assert!(error.to_string().contains("carrier-pigeon"));
/// # Ok::<(), ipc::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Transports {
    /// The first is the one for bare names.
    known: Vec<Arc<dyn Transport>>,
}

impl Transports {
    /// This platform's own transport, with its defaults, and the one within this process.
    #[must_use]
    pub fn new() -> Self {
        Self::with_native(Native::default())
    }

    /// The same with a native transport that was set up by hand.
    #[must_use]
    pub fn with_native(native: Native) -> Self {
        Self { known: vec![Arc::new(native), Arc::new(within_this_process())] }
    }

    /// Adds a transport for its own scheme; one that was added later wins.
    #[must_use]
    pub fn and(mut self, transport: impl Transport + 'static) -> Self {
        self.known.push(Arc::new(transport));
        self
    }

    /// The transport for `endpoint`.
    ///
    /// # Errors
    /// [`Error::InvalidEndpoint`] if nobody knows its scheme.
    pub fn find(&self, endpoint: &Endpoint) -> Result<Arc<dyn Transport>> {
        let found = match endpoint.scheme() {
            None => self.known.first(),
            Some(scheme) => self.known.iter().rev().find(|known| known.scheme() == scheme),
        };
        found.cloned().ok_or_else(|| {
            let known: Vec<_> = self.known.iter().map(|known| known.scheme()).collect();
            Error::InvalidEndpoint {
                text: endpoint.to_string(),
                reason: format!("its scheme is none of those known here: {}", known.join(", ")),
            }
        })
    }
}

impl Default for Transports {
    fn default() -> Self {
        Self::new()
    }
}

/// One namespace of `mem:` names for the whole process.
fn within_this_process() -> MemoryTransport {
    static SHARED: OnceLock<MemoryTransport> = OnceLock::new();
    SHARED.get_or_init(MemoryTransport::new).clone()
}

//! A bound pipe, at which peers are accepted.

use std::os::windows::io::OwnedHandle;
use std::sync::Arc;

use ipc_core::{Connection, Deadline, Endpoint, Error, Listener, Mode, Operation, Result, Waiter};
use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_FILE_NOT_FOUND, ERROR_PIPE_BUSY};
use windows_sys::Win32::System::Pipes::PIPE_UNLIMITED_INSTANCES;

use crate::address;
use crate::connection::{PipeConnection, Role};
use crate::security::Acl;
use crate::sys::name::{self, Making, Name};
use crate::sys::pipe::Pipe;
use crate::sys::security::Descriptor;
use crate::sys::{self};
use crate::waiter::PipeWaiter;

mod instances;

use instances::Instances;

/// What [`PipeTransport`](crate::PipeTransport) is set to for binding.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) security: Acl,
    pub(crate) remote_clients: bool,
    pub(crate) mode: Mode,
    /// Whether connections pass handles.
    pub(crate) handles: bool,
    /// How many instances there are for those who are not accepted yet.
    pub(crate) backlog: u32,
    /// How many there may be in all.
    pub(crate) most: u32,
    /// In bytes, for each direction.
    pub(crate) buffer: u32,
}

impl Settings {
    /// As many instances as there is memory for.
    pub(crate) const UNLIMITED: u32 = PIPE_UNLIMITED_INSTANCES;
}

/// A bound pipe.
#[derive(Debug)]
pub(crate) struct PipeListener {
    instances: Arc<Instances>,
    handles: bool,
}

impl PipeListener {
    pub(crate) fn bind(endpoint: &Endpoint, settings: &Settings) -> Result<Self> {
        let name = address::to_bind(endpoint)?;
        let security = settings.security.descriptor()?;
        let making = Making {
            mode: settings.mode,
            remote_clients: settings.remote_clients,
            most: settings.most,
            buffer: settings.buffer,
        };
        let failed = |error| Error::io(Operation::Bind, endpoint, error);
        let waiter = Arc::new(PipeWaiter::new().map_err(failed)?);
        let first = first_instance(endpoint, &name, &making, &security)?;
        let first = Pipe::new(first, waiter.port(), settings.mode).map_err(failed)?;
        let instances =
            Instances::new(endpoint.clone(), name, making, security, settings.backlog, waiter);
        instances.start(first).map_err(failed)?;
        Ok(Self { instances, handles: settings.handles })
    }
}

impl Listener for PipeListener {
    fn endpoint(&self) -> &Endpoint {
        self.instances.endpoint()
    }

    fn accept(&self, deadline: Deadline) -> Result<Box<dyn Connection>> {
        let operation = Operation::Accept;
        let instances = &self.instances;
        let pipe = instances
            .waiter()
            .until(instances.sleepers(), deadline, || instances.hand_out())
            .map_err(|error| Error::io(operation, instances.endpoint(), error))?
            .ok_or(Error::TimedOut { operation })??;
        let connection = PipeConnection::new(
            pipe,
            instances.endpoint().clone(),
            instances.mode(),
            Arc::clone(instances.waiter()),
            Role::server(),
        );
        Ok(Box::new(connection.pass_handles(self.handles)))
    }

    fn arm(&self) -> Result<()> {
        self.instances.arm()
    }

    fn close(&self) {
        self.instances.close();
    }

    fn waiter(&self) -> Option<Arc<dyn Waiter>> {
        Some(Arc::clone(self.instances.waiter()) as Arc<dyn Waiter>)
    }
}

impl Drop for PipeListener {
    fn drop(&mut self) {
        self.instances.close();
    }
}

/// The system denies the first instance of a pipe that exists, and finds it busy if it has as many
/// as it may. It denies one as well to those who may make no pipes at all, so look whether one
/// exists. One that is gone by then is worth another try, but not endless ones.
fn first_instance(
    endpoint: &Endpoint,
    name: &Name,
    making: &Making,
    security: &Descriptor,
) -> Result<OwnedHandle> {
    let exists = || match name::wait(name, 1) {
        Ok(()) => true,
        Err(error) => !sys::is(&error, ERROR_FILE_NOT_FOUND),
    };
    let mut tries = 0;
    loop {
        tries += 1;
        let error = match name::make(name, making, security, true) {
            Ok(first) => return Ok(first),
            Err(error) => error,
        };
        let is_denied = sys::is(&error, ERROR_ACCESS_DENIED);
        if sys::is(&error, ERROR_PIPE_BUSY) || (is_denied && exists()) {
            return Err(Error::EndpointInUse { endpoint: endpoint.clone(), holder: None });
        }
        if !is_denied || tries == MOST_TRIES {
            return Err(Error::io(Operation::Bind, endpoint, error));
        }
    }
}

/// How often a name may be taken, and free again when one looks, before it counts as denied.
const MOST_TRIES: u32 = 20;

#[cfg(test)]
mod tests;

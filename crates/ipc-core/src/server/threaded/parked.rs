//! A connection that a thread of its own waits for.

use std::fs::File;
use std::io::IoSlice;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::deadline::Deadline;
use crate::endpoint::Endpoint;
use crate::error::{Error, Operation, Result};
use crate::files::{Metadata, Open, RelativePath, Root};
use crate::level::ImpersonationLevel;
use crate::peer::Peer;
use crate::reports::Reports;
use crate::transport::{AsPeer, Connection, Handles, Interest, Key, Messages, Ready};

/// Adds parking to a connection that has only `wait`.
#[derive(Debug)]
pub(super) struct Parked(Arc<Shared>);

impl Parked {
    /// Starts the thread that will wait for `connection`.
    ///
    /// # Errors
    /// [`Error::Io`] if there can be no thread.
    pub(super) fn new(connection: Box<dyn Connection>, reports: Arc<Reports>) -> Result<Self> {
        let shared = Arc::new(Shared {
            connection,
            reports,
            order: Mutex::default(),
            changed: Condvar::new(),
        });
        let watcher = Arc::clone(&shared);
        thread::Builder::new()
            .name("ipc-connection".to_owned())
            .spawn(move || watcher.watch())
            .map_err(|source| Error::io(Operation::Accept, shared.connection.endpoint(), source))?;
        Ok(Self(shared))
    }

    fn inner(&self) -> &dyn Connection {
        &*self.0.connection
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        self.0.order.lock().gone = true;
        self.0.changed.notify_one();
        self.0.connection.cancel();
    }
}

#[derive(Debug)]
struct Shared {
    connection: Box<dyn Connection>,
    reports: Arc<Reports>,
    order: Mutex<Order>,
    changed: Condvar,
}

/// What the thread was asked to wait for.
#[derive(Debug, Default)]
struct Order {
    parked: Option<(Key, Interest)>,
    gone: bool,
}

impl Shared {
    fn watch(&self) {
        while let Some((_, interest)) = self.next_order() {
            // In slices: a wait that is under way cannot be told of a new interest.
            let ready = match self.connection.wait(interest, Deadline::after(SLICE)) {
                Err(Error::TimedOut { .. }) => continue,
                Ok(ready) => ready,
                Err(_) => Ready::BOTH,
            };
            let mut order = self.order.lock();
            let due = order.parked.take_if(|(_, interest)| ready.satisfies(*interest));
            if let Some((key, _)) = due {
                self.reports.report(key, ready);
            }
        }
    }

    /// Waits until there is something to wait for; `None` once nobody will ask any more.
    fn next_order(&self) -> Option<(Key, Interest)> {
        let mut order = self.order.lock();
        loop {
            if order.gone {
                return None;
            }
            if order.parked.is_some() {
                return order.parked;
            }
            self.changed.wait(&mut order);
        }
    }
}

impl Connection for Parked {
    fn park(&self, key: Key, interest: Interest) -> Result<()> {
        self.0.order.lock().parked = Some((key, interest));
        self.0.changed.notify_one();
        Ok(())
    }

    fn endpoint(&self) -> &Endpoint {
        self.inner().endpoint()
    }

    fn peer(&self) -> Result<&Peer> {
        self.inner().peer()
    }

    fn level(&self) -> Option<ImpersonationLevel> {
        self.inner().level()
    }

    fn state_level(&self, level: ImpersonationLevel) -> Result<()> {
        self.inner().state_level(level)
    }

    fn read(&self, buffer: &mut [u8], deadline: Deadline) -> Result<usize> {
        self.inner().read(buffer, deadline)
    }

    fn write_vectored(&self, parts: &[IoSlice<'_>], deadline: Deadline) -> Result<usize> {
        self.inner().write_vectored(parts, deadline)
    }

    fn wait(&self, interest: Interest, deadline: Deadline) -> Result<Ready> {
        self.inner().wait(interest, deadline)
    }

    fn cancel(&self) {
        self.inner().cancel();
    }

    fn close(&self, deadline: Deadline) -> Result<()> {
        self.inner().close(deadline)
    }

    fn finish_writing(&self) -> Result<()> {
        self.inner().finish_writing()
    }

    fn send_file(&self, file: &File, from: u64, length: u64, deadline: Deadline) -> Result<u64> {
        self.inner().send_file(file, from, length, deadline)
    }

    fn run_as_peer(&self, work: &mut dyn FnMut(&AsPeer)) -> Result<()> {
        self.inner().run_as_peer(work)
    }

    fn open_as_peer(&self, root: &dyn Root, path: &RelativePath, how: Open) -> Result<File> {
        self.inner().open_as_peer(root, path, how)
    }

    fn stat_as_peer(&self, root: &dyn Root, path: &RelativePath) -> Result<Metadata> {
        self.inner().stat_as_peer(root, path)
    }

    fn messages(&self) -> Option<&dyn Messages> {
        self.inner().messages()
    }

    fn handles(&self) -> Option<&dyn Handles> {
        self.inner().handles()
    }
}

/// How long a wait goes on before the thread looks whether it is to wait for something else.
const SLICE: Duration = Duration::from_millis(20);

//! A transport around another that changes one thing and delegates the rest.

use std::fmt;
use std::fs::File;
use std::io::IoSlice;
use std::sync::Arc;

use ipc_core::files::{Metadata, Open, RelativePath, Root};
use ipc_core::transport::{Handles, Interest, Key, Messages, Ready};
use ipc_core::{
    AsPeer, BindOptions, Capabilities, ConnectOptions, Connection, Deadline, Endpoint, Error,
    ImpersonationLevel, Listener, Operation, Peer, Result, Transport, Waiter,
};

/// What a [`Wrapper`] changes.
pub(crate) trait Twist: fmt::Debug + Clone + Send + Sync + 'static {
    /// Itself at the beginning of a connection, where it has a state.
    fn for_connection(&self) -> Self {
        self.clone()
    }

    /// Itself at a new listener, where it has a state.
    fn for_listener(&self) -> Self {
        self.clone()
    }

    fn bind(
        &self,
        inner: &dyn Transport,
        at: &Endpoint,
        options: &BindOptions,
    ) -> Result<Box<dyn Listener>> {
        inner.bind(at, options)
    }

    fn accept(&self, inner: &dyn Listener, deadline: Deadline) -> Result<Box<dyn Connection>> {
        inner.accept(deadline)
    }

    fn waiter(&self, inner: &dyn Listener) -> Option<Arc<dyn Waiter>> {
        inner.waiter()
    }

    fn connect(
        &self,
        inner: &dyn Transport,
        to: &Endpoint,
        options: &ConnectOptions,
    ) -> Result<Box<dyn Connection>> {
        inner.connect(to, options)
    }

    /// Comes before whatever else is asked of a connection.
    fn before(&self, inner: &dyn Connection) {
        let _ = inner;
    }

    fn cancel(&self, inner: &dyn Connection) {
        inner.cancel();
    }

    fn close(&self, inner: &dyn Connection, deadline: Deadline) -> Result<()> {
        inner.close(deadline)
    }

    fn finish_writing(&self, inner: &dyn Connection) -> Result<()> {
        inner.finish_writing()
    }

    fn read(&self, inner: &dyn Connection, buffer: &mut [u8], deadline: Deadline) -> Result<usize> {
        inner.read(buffer, deadline)
    }

    fn write_vectored(
        &self,
        inner: &dyn Connection,
        parts: &[IoSlice<'_>],
        deadline: Deadline,
    ) -> Result<usize> {
        inner.write_vectored(parts, deadline)
    }

    fn receive(
        &self,
        inner: &dyn Messages,
        buffer: &mut Vec<u8>,
        max: usize,
        deadline: Deadline,
    ) -> Result<bool> {
        inner.receive(buffer, max, deadline)
    }

    fn park(&self, inner: &dyn Connection, key: Key, interest: Interest) -> Result<()> {
        inner.park(key, interest)
    }

    fn run_as_peer(&self, inner: &dyn Connection, work: &mut dyn FnMut(&AsPeer)) -> Result<()> {
        inner.run_as_peer(work)
    }

    fn open_as_peer(
        &self,
        inner: &dyn Connection,
        root: &dyn Root,
        path: &RelativePath,
        how: Open,
    ) -> Result<File> {
        inner.open_as_peer(root, path, how)
    }

    fn stat_as_peer(
        &self,
        inner: &dyn Connection,
        root: &dyn Root,
        path: &RelativePath,
    ) -> Result<Metadata> {
        inner.stat_as_peer(root, path)
    }
}

/// A transport with a [`Twist`].
#[derive(Debug)]
pub(crate) struct Wrapper<T> {
    inner: Arc<dyn Transport>,
    twist: T,
}

impl<T: Twist> Wrapper<T> {
    pub(crate) fn new(inner: Arc<dyn Transport>, twist: T) -> Self {
        Self { inner, twist }
    }
}

impl<T: Twist> Transport for Wrapper<T> {
    fn scheme(&self) -> &'static str {
        self.inner.scheme()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn this_process(&self) -> Result<Peer> {
        self.inner.this_process()
    }

    fn bind(&self, at: &Endpoint, options: &BindOptions) -> Result<Box<dyn Listener>> {
        let inner = self.twist.bind(&*self.inner, at, options)?;
        Ok(Box::new(WrappedListener { inner, at: at.clone(), twist: self.twist.for_listener() }))
    }

    fn connect(&self, to: &Endpoint, options: &ConnectOptions) -> Result<Box<dyn Connection>> {
        let inner = self.twist.connect(&*self.inner, to, options)?;
        Ok(Box::new(WrappedConnection {
            inner,
            at: to.clone(),
            twist: self.twist.for_connection(),
        }))
    }
}

#[derive(Debug)]
struct WrappedListener<T> {
    inner: Box<dyn Listener>,
    at: Endpoint,
    twist: T,
}

impl<T: Twist> Listener for WrappedListener<T> {
    fn endpoint(&self) -> &Endpoint {
        &self.at
    }

    fn accept(&self, deadline: Deadline) -> Result<Box<dyn Connection>> {
        let inner = self.twist.accept(&*self.inner, deadline)?;
        Ok(Box::new(WrappedConnection {
            inner,
            at: self.at.clone(),
            twist: self.twist.for_connection(),
        }))
    }

    fn arm(&self) -> Result<()> {
        self.inner.arm()
    }

    fn close(&self) {
        self.inner.close();
    }

    fn waiter(&self) -> Option<Arc<dyn Waiter>> {
        self.twist.waiter(&*self.inner)
    }
}

#[derive(Debug)]
struct WrappedConnection<T> {
    inner: Box<dyn Connection>,
    at: Endpoint,
    twist: T,
}

impl<T: Twist> Connection for WrappedConnection<T> {
    fn endpoint(&self) -> &Endpoint {
        &self.at
    }

    fn peer(&self) -> Result<&Peer> {
        self.inner.peer()
    }

    fn level(&self) -> Option<ImpersonationLevel> {
        self.inner.level()
    }

    fn state_level(&self, level: ImpersonationLevel) -> Result<()> {
        self.inner.state_level(level)
    }

    fn read(&self, buffer: &mut [u8], deadline: Deadline) -> Result<usize> {
        self.twist.read(self.inner(), buffer, deadline)
    }

    fn write_vectored(&self, parts: &[IoSlice<'_>], deadline: Deadline) -> Result<usize> {
        self.twist.write_vectored(self.inner(), parts, deadline)
    }

    fn wait(&self, interest: Interest, deadline: Deadline) -> Result<Ready> {
        self.inner().wait(interest, deadline)
    }

    fn park(&self, key: Key, interest: Interest) -> Result<()> {
        self.twist.park(self.inner(), key, interest)
    }

    fn cancel(&self) {
        self.twist.cancel(&*self.inner);
    }

    fn close(&self, deadline: Deadline) -> Result<()> {
        self.twist.close(self.inner(), deadline)
    }

    fn finish_writing(&self) -> Result<()> {
        self.twist.finish_writing(self.inner())
    }

    fn send_file(&self, file: &File, from: u64, length: u64, deadline: Deadline) -> Result<u64> {
        self.inner().send_file(file, from, length, deadline)
    }

    fn run_as_peer(&self, work: &mut dyn FnMut(&AsPeer)) -> Result<()> {
        self.twist.run_as_peer(&*self.inner, work)
    }

    fn open_as_peer(&self, root: &dyn Root, path: &RelativePath, how: Open) -> Result<File> {
        self.twist.open_as_peer(&*self.inner, root, path, how)
    }

    fn stat_as_peer(&self, root: &dyn Root, path: &RelativePath) -> Result<Metadata> {
        self.twist.stat_as_peer(&*self.inner, root, path)
    }

    fn messages(&self) -> Option<&dyn Messages> {
        self.inner.messages().map(|_| self as &dyn Messages)
    }

    fn handles(&self) -> Option<&dyn Handles> {
        self.inner.handles()
    }
}

impl<T: Twist> WrappedConnection<T> {
    fn inner(&self) -> &dyn Connection {
        self.twist.before(&*self.inner);
        &*self.inner
    }

    fn inner_messages(&self, operation: Operation) -> Result<&dyn Messages> {
        self.inner().messages().ok_or(Error::Unsupported { operation })
    }
}

impl<T: Twist> Messages for WrappedConnection<T> {
    fn send(&self, parts: &[IoSlice<'_>], deadline: Deadline) -> Result<()> {
        self.inner_messages(Operation::Message)?.send(parts, deadline)
    }

    fn receive(&self, buffer: &mut Vec<u8>, max: usize, deadline: Deadline) -> Result<bool> {
        let inner = self.inner_messages(Operation::Message)?;
        self.twist.receive(inner, buffer, max, deadline)
    }
}

//! A system that all at once cannot wait any more.

use std::sync::atomic::AtomicBool;

use super::*;
use crate::transport::{Key, Ready};
use crate::{Operation, Waiter};

/// The in-process transport, whose waiters fail once they are broken.
#[derive(Debug)]
struct Breakable {
    inner: MemoryTransport,
    broken: Arc<AtomicBool>,
}

#[derive(Debug)]
struct BreakableListener {
    inner: Box<dyn Listener>,
    broken: Arc<AtomicBool>,
}

#[derive(Debug)]
struct BreakableWaiter {
    inner: Arc<dyn Waiter>,
    broken: Arc<AtomicBool>,
}

impl Transport for Breakable {
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
        let inner = self.inner.bind(at, options)?;
        Ok(Box::new(BreakableListener { inner, broken: self.broken.clone() }))
    }

    fn connect(&self, to: &Endpoint, options: &ConnectOptions) -> Result<Box<dyn Connection>> {
        self.inner.connect(to, options)
    }
}

impl Listener for BreakableListener {
    fn endpoint(&self) -> &Endpoint {
        self.inner.endpoint()
    }

    fn accept(&self, deadline: Deadline) -> Result<Box<dyn Connection>> {
        self.inner.accept(deadline)
    }

    fn arm(&self) -> Result<()> {
        self.inner.arm()
    }

    fn close(&self) {
        self.inner.close();
    }

    fn waiter(&self) -> Option<Arc<dyn Waiter>> {
        let inner = self.inner.waiter()?;
        Some(Arc::new(BreakableWaiter { inner, broken: self.broken.clone() }))
    }
}

impl Waiter for BreakableWaiter {
    fn wait(&self, ready: &mut Vec<(Key, Ready)>, deadline: Deadline) -> Result<()> {
        if self.broken.load(Ordering::SeqCst) {
            let source = std::io::Error::other("out of order");
            return Err(Error::Io { operation: Operation::Wait, at: None, source });
        }
        self.inner.wait(ready, deadline)
    }

    fn wake(&self) {
        self.inner.wake();
    }
}

#[test]
fn a_server_that_cannot_wait_any_more_cuts_its_connections_and_can_be_shut_down() {
    let (inner, broken) = (MemoryTransport::new(), Arc::new(AtomicBool::new(false)));
    let (service, _gates) = service();
    let transport = Breakable { inner: inner.clone(), broken: broken.clone() };
    let server = Server::builder(Arc::new(transport), at())
        .serve_protocol(service, lines)
        .expect("the server starts");
    let clients = [(); 3].map(|()| LineClient::connect(&inner));
    for client in &clients {
        assert_eq!(client.call(ECHO, "here"), "here");
    }
    broken.store(true, Ordering::SeqCst);
    // Whoever is woken by this looks in vain for more.
    clients[0].ask(ECHO, "the last");
    for client in &clients {
        let mut byte = [0];
        let end = loop {
            match client.0.read(&mut byte, soon()) {
                Ok(1) => {}
                end => break end,
            }
        };
        assert!(matches!(end, Ok(0) | Err(Error::Disconnected { .. })), "{end:?}");
    }
    assert_eq!(server.connections(), 0);
    server.shutdown(soon()).expect("nothing is left to wait for");
}

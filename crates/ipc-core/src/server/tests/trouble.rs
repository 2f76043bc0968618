//! Peers that are refused or too many, a system that fails, and transports that cannot park.

use super::*;
use crate::client::{Client, ClientOptions};
use crate::frame::{self, Kind};
use crate::session::SessionLimits;

#[derive(Debug)]
struct Notes(Sender<String>);

impl Observer for Notes {
    fn admitted(&self, peer: Option<&Peer>) {
        self.note(format!("admitted {}", peer.expect("a peer")));
    }

    fn refused(&self, _peer: Option<&Peer>, why: &Failure) {
        self.note(why.to_string());
    }

    fn failed(&self, _peer: Option<&Peer>, error: &Error) {
        self.note(error.to_string());
    }

    fn cannot_accept(&self, error: &Error) {
        self.note(error.chain());
    }
}

impl Notes {
    fn note(&self, text: String) {
        self.0.send(text).expect("the test listens");
    }
}

fn someone(uid: u32) -> Peer {
    let ids = UnixIdentity { uid, gid: uid, groups: Some(vec![]) };
    Peer::new(Some(Identity::Unix(ids)), Assurance::Kernel)
}

#[test]
fn a_refused_peer_is_told_and_nothing_of_it_is_decoded() {
    let transport = MemoryTransport::with_peer(someone(1));
    let (service, gates) = service();
    let (notes, noted) = unbounded();
    let _server = Server::builder(Arc::new(transport.clone()), at())
        .policy(Policy::uid(7))
        .observer(Notes(notes))
        .serve_protocol(service, lines)
        .expect("the server starts");
    let stranger = LineClient::connect(&transport.clone().known_as(someone(8)));
    let refusal = "refused by policy: refused by policy: uid 8 is not admitted by `uid:7`";
    assert_eq!(stranger.call(ECHO, "let me in"), format!("! {refusal}"));
    assert_eq!(noted.recv().expect("a note"), refusal);
    let friend = LineClient::connect(&transport.clone().known_as(someone(7)));
    assert_eq!(friend.call(ECHO, "hello"), "hello");
    assert_eq!(noted.recv().expect("a note"), "admitted uid 7");
    assert_eq!(gates.handled.load(Ordering::SeqCst), 1);
}

#[test]
fn beyond_the_limit_a_peer_waits_until_another_has_gone() {
    let transport = MemoryTransport::new();
    let (service, _gates) = service();
    let _server = Server::builder(Arc::new(transport.clone()), at())
        .limits(ServerLimits { connections: 2, ..ServerLimits::default() })
        .serve_protocol(service, lines)
        .expect("the server starts");
    for _ in 0..20 {
        let [first, second] = [(); 2].map(|()| LineClient::connect(&transport));
        assert_eq!(first.call(ECHO, "1"), "1");
        assert_eq!(second.call(ECHO, "2"), "2");
        let third = LineClient::connect(&transport);
        third.ask(ECHO, "3");
        drop(first);
        assert_eq!(third.line(), "3");
    }
}

/// One worker, and a peer that always has something to say and asks for nothing.
#[test]
fn a_peer_that_talks_without_end_does_not_hold_its_worker() {
    let transport = MemoryTransport::new().buffer(1 << 20);
    let (service, _gates) = service();
    let server = Server::builder(Arc::new(transport.clone()), at())
        .workers(1)
        .serve(service)
        .expect("the server starts");
    let talker = LineClient::connect(&transport);
    let preface = SessionLimits::default().of_client(0).encode();
    talker.0.write_all(&preface, soon()).expect("written");
    let mut pongs = Vec::new();
    for _ in 0..1000 {
        frame::push_word(&mut pongs, Kind::Pong, 0, [7; 8]);
    }
    std::thread::scope(|scope| {
        scope.spawn(|| while talker.0.write_all(&pongs, soon()).is_ok() {});
        let all_by = soon();
        for number in 0..100_u32 {
            let connect = ConnectOptions::new().deadline(all_by);
            let mut client = Client::connect(&transport, &at(), &connect, ClientOptions::new())
                .expect("connects");
            client.set_deadline(all_by);
            let mut argument = Vec::new();
            Arguments::push(&mut argument, &number.to_le_bytes());
            let value = client.call(ECHO, &argument).map(|answer| answer.value);
            if value.is_err() {
                talker.0.cancel();
            }
            assert_eq!(value.expect("answered in time"), number.to_le_bytes());
        }
        talker.0.cancel();
    });
    drop(talker);
    server.shutdown(soon()).expect("nothing is under way");
}

#[test]
fn a_queued_call_of_a_client_that_has_gone_is_not_run() {
    let transport = MemoryTransport::new();
    let (service, gates) = service();
    let server = Server::builder(Arc::new(transport.clone()), at())
        .limits(ServerLimits { pool_threads: 1, ..ServerLimits::default() })
        .serve_protocol(service, lines)
        .expect("the server starts");
    let [first, gone, last] = [(); 3].map(|()| LineClient::connect(&transport));
    first.ask(WAIT_ON_POOL, "first");
    wait(&gates.waiting);
    for _ in 0..5 {
        gone.ask(WAIT_ON_POOL, "nobody waits");
    }
    assert_eq!(gone.call(ECHO, "the others are queued"), "the others are queued");
    last.ask(WAIT_ON_POOL, "last");
    assert_eq!(last.call(ECHO, "queued"), "queued");
    drop(gone);
    while server.connections() > 2 {
        std::thread::yield_now();
    }
    for client in [first, last] {
        gates.open.send(()).expect("one handler waits");
        assert!(["first", "last"].contains(&&*client.line()));
    }
    assert_eq!(gates.handled.load(Ordering::SeqCst), 4, "two that waited and two echoes");
}

#[test]
fn a_peer_that_is_too_slow_is_told_when_its_time_is_up() {
    let transport = MemoryTransport::new();
    let (service, _gates) = service();
    let (notes, noted) = unbounded();
    let _server = Server::builder(Arc::new(transport.clone()), at())
        .observer(Notes(notes))
        .serve_protocol(service, || {
            let at = Instant::now() + Duration::from_millis(30);
            Box::new(Lines::expecting_a_request_by(at))
        })
        .expect("the server starts");
    let slow: Vec<_> = (0..20).map(|_| LineClient::connect(&transport)).collect();
    for one in slow {
        assert_eq!(one.line(), "! too slow");
    }
    let notes: Vec<String> = noted.try_iter().collect();
    assert!(notes.iter().any(|note| note == "timed out while exchanging prefaces"), "{notes:?}");
}

#[test]
fn a_protocol_may_speak_first() {
    let transport = MemoryTransport::new();
    let (service, _gates) = service();
    let _server = Server::builder(Arc::new(transport.clone()), at())
        .serve_protocol(service, || Box::new(Lines::greeting("welcome\n")))
        .expect("the server starts");
    let client = LineClient::connect(&transport);
    assert_eq!(client.line(), "welcome");
    assert_eq!(client.call(ECHO, "thanks"), "thanks");
}

/// The in-process transport, changed where a test needs it.
#[derive(Debug)]
struct Changed {
    inner: MemoryTransport,
    /// How often accepting fails before it works.
    failures: Arc<AtomicUsize>,
    has_waiter: bool,
}

#[derive(Debug)]
struct ChangedListener {
    inner: Box<dyn Listener>,
    failures: Arc<AtomicUsize>,
    has_waiter: bool,
}

impl Transport for Changed {
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
        Ok(Box::new(ChangedListener {
            inner: self.inner.bind(at, options)?,
            failures: self.failures.clone(),
            has_waiter: self.has_waiter,
        }))
    }

    fn connect(&self, to: &Endpoint, options: &ConnectOptions) -> Result<Box<dyn Connection>> {
        self.inner.connect(to, options)
    }
}

impl Listener for ChangedListener {
    fn endpoint(&self) -> &Endpoint {
        self.inner.endpoint()
    }

    fn accept(&self, deadline: Deadline) -> Result<Box<dyn Connection>> {
        let fail = |left: usize| left.checked_sub(1);
        if self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fail).is_ok() {
            let source = std::io::Error::other("too many open files");
            return Err(Error::io(crate::Operation::Accept, self.endpoint(), source));
        }
        self.inner.accept(deadline)
    }

    fn arm(&self) -> Result<()> {
        self.inner.arm()
    }

    fn close(&self) {
        self.inner.close();
    }

    fn waiter(&self) -> Option<Arc<dyn crate::Waiter>> {
        self.inner.waiter().filter(|_| self.has_waiter)
    }
}

fn start_changed(changed: Changed, observer: Notes) -> (Server, Gates) {
    let (service, gates) = service();
    let limits = ServerLimits { accept_pause: Duration::from_millis(1), ..Default::default() };
    let server = Server::builder(Arc::new(changed), at())
        .limits(limits)
        .observer(observer)
        .serve_protocol(service, lines)
        .expect("the server starts");
    (server, gates)
}

#[test]
fn accepting_goes_on_after_the_system_refused_it() {
    for has_waiter in [true, false] {
        let transport = MemoryTransport::new();
        let failures = Arc::new(AtomicUsize::new(3));
        let (notes, noted) = unbounded();
        let changed = Changed { inner: transport.clone(), failures, has_waiter };
        let (_server, _gates) = start_changed(changed, Notes(notes));
        assert_eq!(LineClient::connect(&transport).call(ECHO, "in the end"), "in the end");
        let notes: Vec<String> = noted.try_iter().collect();
        let refusals = notes.iter().filter(|note| note.contains("too many open files"));
        assert_eq!(refusals.count(), 3, "{notes:?}");
    }
}

#[test]
fn a_transport_without_a_waiter_is_served_by_threads() {
    let transport = MemoryTransport::new();
    let (notes, _noted) = unbounded();
    let failures = Arc::default();
    let changed = Changed { inner: transport.clone(), failures, has_waiter: false };
    let (server, gates) = start_changed(changed, Notes(notes));
    let clients: Vec<_> = (0..20).map(|_| LineClient::connect(&transport)).collect();
    for (number, client) in clients.iter().enumerate() {
        let text = number.to_string();
        assert_eq!(client.call(ECHO, &text), text);
        gates.open.send(()).expect("the service listens");
        assert_eq!(client.call(WAIT_ON_POOL, "pool"), "pool");
        client.ask(BYTES, "300000");
    }
    for client in &clients {
        assert_eq!(client.line(), "300000");
        client.read_body(300_000);
    }
    assert_eq!(clients[0].call(STREAM, "begin"), "begin");
    gates.pieces.give(b"piece\n");
    assert_eq!(clients[0].line(), "piece");
    gates.pieces.give(b"");
    drop(clients);
    server.shutdown(soon()).expect("everything ends");
}

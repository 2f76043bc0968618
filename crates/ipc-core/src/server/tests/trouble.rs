//! Peers that are refused or too many, a system that fails, and transports that cannot park.

use super::*;
use crate::client::{Client, ClientOptions};
use crate::frame::{self, Kind};
use crate::session::SessionLimits;

#[derive(Debug)]
pub(super) struct Notes(pub(super) Sender<String>);

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

pub(super) fn someone(uid: u32) -> Peer {
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
    let refusal = "refused by policy: uid 8 is not admitted by `uid:7`";
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

/// Two bodies that have nothing to give and always wake each other.
#[derive(Debug, Default)]
struct Game {
    wakers: Mutex<[Option<Waker>; 2]>,
    passes: AtomicUsize,
    /// How many passes there had been when somebody was echoed.
    echoed_at: AtomicUsize,
}

#[derive(Debug)]
struct Player {
    own: usize,
    game: Arc<Game>,
}

impl Source for Player {
    fn poll_next(&mut self, cx: &mut task::Context<'_>) -> Poll<Option<Result<Vec<u8>, Failure>>> {
        let other = {
            let mut wakers = self.game.wakers.lock();
            wakers[self.own] = Some(cx.waker().clone());
            wakers[1 - self.own].clone()
        };
        self.game.passes.fetch_add(1, Ordering::SeqCst);
        if let Some(other) = other {
            other.wake();
        }
        Poll::Pending
    }
}

struct GameService(Arc<Game>);

impl Service for GameService {
    fn call(
        &self,
        _context: &Context<'_>,
        method: u32,
        mut arguments: Arguments<'_>,
    ) -> Result<Reply<Vec<u8>>, Failure> {
        let argument = arguments.next().unwrap_or_default().to_vec();
        let Self(game) = self;
        if method == ECHO {
            game.echoed_at.store(game.passes.load(Ordering::SeqCst), Ordering::SeqCst);
            return Ok(argument.into());
        }
        let player = Player { own: usize::from(argument == b"1"), game: game.clone() };
        Ok(Reply::new(argument).with_body(Body::Stream(Box::new(player))))
    }
}

/// One worker, whose queue is never empty.
#[test]
fn bodies_that_wake_each_other_without_end_do_not_keep_a_newcomer_from_being_seen() {
    let transport = MemoryTransport::new();
    let game = Arc::new(Game::default());
    let _server = Server::builder(Arc::new(transport.clone()), at())
        .workers(1)
        .serve_protocol(GameService(game.clone()), lines)
        .expect("the server starts");
    let _players = ["0", "1"].map(|own| {
        let player = LineClient::connect(&transport);
        assert_eq!(player.call(STREAM, own), own);
        player
    });
    let newcomer = LineClient::connect(&transport);
    newcomer.ask(ECHO, "new");
    let asked_at = game.passes.load(Ordering::SeqCst);
    assert_eq!(newcomer.line(), "new");
    let waited = game.echoed_at.load(Ordering::SeqCst).saturating_sub(asked_at);
    assert!(waited < 1000, "{waited} turns of others came first");
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

/// Panics over the peer of uid 8.
#[derive(Debug)]
struct Superstitious;

impl Observer for Superstitious {
    fn admitted(&self, peer: Option<&Peer>) {
        let peer = peer.map(Peer::to_string);
        assert_ne!(peer.as_deref(), Some("uid 8"), "a black cat");
    }
}

#[test]
fn a_panicking_observer_ends_the_connection_that_it_is_told_of_and_nothing_else() {
    let transport = MemoryTransport::with_peer(someone(1));
    let (service, _gates) = service();
    let server = Server::builder(Arc::new(transport.clone()), at())
        .workers(1)
        .policy(Policy::any())
        .observer(Superstitious)
        .serve_protocol(service, lines)
        .expect("the server starts");
    let cat = LineClient::connect(&transport.clone().known_as(someone(8)));
    let mut byte = [0];
    let end = cat.0.read(&mut byte, soon());
    assert!(matches!(end, Ok(0) | Err(Error::Disconnected { .. })), "{end:?}");
    let other = LineClient::connect(&transport.clone().known_as(someone(7)));
    assert_eq!(other.call(ECHO, "still here"), "still here");
    drop(other);
    server.shutdown(soon()).expect("nothing is left");
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

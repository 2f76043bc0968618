//! What a server tells of its decisions, and that a sink which fails stops it.

use super::*;
use crate::audit::{self, Field, Mechanism, Sink};
use crate::client::{Client, ClientOptions};
use crate::files::{Escaped, RelativePath};
use crate::frame::{self, Preface};
use crate::level::ImpersonationLevel;
use crate::session::SessionLimits;

/// Keeps each event as a line, unless it is full.
#[derive(Debug, Default)]
struct Lines(Mutex<(Vec<String>, Option<&'static str>)>);

impl Sink for Lines {
    fn write(&self, event: &audit::Event<'_>) -> Result<(), Failure> {
        let mut state = self.0.lock();
        if state.1.is_some_and(|full_from| full_from == event.decision.name()) {
            return Err(Failure::new(ErrorKind::Busy, "the account is full"));
        }
        let text = |field| match field {
            Field::Number(number) => number.to_string(),
            Field::Text(text) => text,
            Field::Bytes(bytes) => Escaped(bytes).to_string(),
        };
        let fields = event.fields().filter(|(name, _)| !["event", "pid", "gid"].contains(name));
        let fields: String =
            fields.map(|(name, value)| format!(" {name}={}", text(value))).collect();
        state.0.push(format!("{}{fields}", event.decision));
        Ok(())
    }
}

impl Lines {
    /// From now on nothing named `event` can be kept.
    fn fill(&self, event: &'static str) {
        self.0.lock().1 = Some(event);
    }

    /// What was told, once a `last` one is there.
    fn up_to(&self, last: &str) -> Vec<String> {
        self.when(|lines| lines.last().is_some_and(|line| line.starts_with(last)))
    }

    /// What was told, once it is `enough`.
    fn when(&self, enough: impl Fn(&[String]) -> bool) -> Vec<String> {
        let patience = soon();
        loop {
            let lines = self.0.lock().0.clone();
            if enough(&lines) {
                return lines;
            }
            assert!(!patience.has_passed(), "never told: {lines:?}");
            std::thread::yield_now();
        }
    }

    fn of_call(&self, call: u64, last: &str) -> Vec<String> {
        let mut lines = self.up_to(last);
        lines.retain(|line| line.contains(&format!(" call={call} ")));
        lines
    }
}

/// 1 opens what its argument names and streams it; 2 tries and may not; 3 acts as the peer.
struct Opener;

impl Service for Opener {
    fn name_of(&self, method: u32) -> Option<&'static str> {
        ["open", "try", "act"].get(method as usize - 1).copied()
    }

    fn call(
        &self,
        context: &Context<'_>,
        method: u32,
        mut arguments: Arguments<'_>,
    ) -> Result<Reply<Vec<u8>>, Failure> {
        let name = arguments.next().unwrap_or_default();
        context.asks_for(name);
        let path = RelativePath::new(b"resolved").expect("a good path");
        match method {
            1 => {
                context.note_open(&path, Mechanism::Server, Ok(()))?;
                context.note_open(&path, Mechanism::Server, Ok(()))?; // the same once more
                Ok(Reply::new(vec![]).with_body(Body::Bytes(vec![7; 5000])))
            }
            2 => {
                let refusal = Failure::new(ErrorKind::PermissionDenied, "not yours");
                context.note_open::<()>(&path, Mechanism::Check, Err(Error::Remote(refusal)))?;
                unreachable!("it was refused")
            }
            _ => Ok(Reply::new(context.as_peer(|_| vec![1])?)),
        }
    }
}

/// How many bodies of a connection may be under way.
const BODIES: u32 = 2;

struct Stage {
    transport: MemoryTransport,
    lines: Arc<Lines>,
    _server: Server,
}

impl Stage {
    fn new() -> Self {
        let ids = UnixIdentity { uid: 7, gid: 7, groups: Some(vec![]) };
        let peer = Peer::this_process(Some(Identity::Unix(ids)));
        let transport = MemoryTransport::with_peer(peer);
        let lines = Arc::new(Lines::default());
        let server = Server::builder(Arc::new(transport.clone()), at())
            .policy(Policy::uid(7))
            .audit(lines.clone())
            .session_limits(SessionLimits { bodies: BODIES, ..SessionLimits::default() })
            .serve(Opener)
            .expect("the server starts");
        Self { transport, lines, _server: server }
    }

    fn client(&self, level: ImpersonationLevel) -> Client {
        let options = ConnectOptions::new().server(Policy::any()).level(level).deadline(soon());
        Client::connect(&self.transport, &at(), &options, ClientOptions::new()).expect("connects")
    }
}

fn argument(text: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    Arguments::push(&mut wire, text);
    wire
}

#[test]
fn every_decision_is_told_once_and_in_order() {
    let stage = Stage::new();
    let mut client = stage.client(ImpersonationLevel::Impersonation);
    let mut answer = client.call(1, &argument(b"a\nb")).expect("served");
    std::io::copy(&mut answer.body, &mut std::io::sink()).expect("the body");
    drop(answer);
    stage.lines.up_to("result connection=1 call=1");
    client.call(2, &argument(b"x")).expect_err("refused");
    client.call(3, &argument(b"")).expect("acted");
    client.call(9, &argument(b"")).expect("has no name");
    let head = "connection=1";
    assert_eq!(
        stage.lines.up_to("result connection=1 call=7"),
        [
            format!("connect {head} uid=7 outcome=ok"),
            format!("policy {head} uid=7 policy=uid:7 outcome=ok"),
            format!("level {head} uid=7 stated=impersonation level=impersonation outcome=ok"),
            format!(r"open {head} call=1 uid=7 method=open path=a\nb mechanism=server outcome=ok"),
            format!(
                r"result {head} call=1 uid=7 method=open path=a\nb mechanism=server bytes=5000 outcome=ok"
            ),
            format!(
                "refusal {head} call=3 uid=7 method=try path=x mechanism=check \
                 outcome=permission denied reason=not yours"
            ),
            format!(
                "result {head} call=3 uid=7 method=try path=x mechanism=check bytes=0 \
                 outcome=permission denied reason=not yours"
            ),
            format!("switch {head} call=5 uid=7 method=act mechanism=itself outcome=ok"),
            format!("result {head} call=5 uid=7 method=act path= bytes=0 outcome=ok"),
            format!("switch {head} call=7 uid=7 method=9 mechanism=itself outcome=ok"),
            format!("result {head} call=7 uid=7 method=9 path= bytes=0 outcome=ok"),
        ]
    );
}

#[test]
fn a_client_that_asks_to_be_anonymous_is_named_to_no_later_event() {
    let stage = Stage::new();
    let mut client = stage.client(ImpersonationLevel::Anonymous);
    client.call(3, &argument(b"")).expect_err("nobody may act as it");
    let lines = stage.lines.up_to("result");
    let named: Vec<_> = lines.iter().map(|line| line.contains("uid=7 ")).collect();
    assert_eq!(named, [true, true, false, false, false, false], "{lines:?}");
}

#[test]
fn what_cannot_be_accounted_for_is_not_done() {
    for (full, refused) in [("open", 1), ("result", 3), ("switch", 3)] {
        let stage = Stage::new();
        let mut client = stage.client(ImpersonationLevel::Impersonation);
        stage.lines.fill(full);
        let error = client.call(refused, &argument(b"x")).expect_err("not accounted for");
        assert_eq!(error.to_string(), "busy: the account is full", "{full}");
        assert_eq!(error.kind(), ErrorKind::Busy);
    }
    for full in ["connect", "policy", "level"] {
        let stage = Stage::new();
        stage.lines.fill(full);
        let mut client = stage.client(ImpersonationLevel::Impersonation);
        let error = client.call(1, &argument(b"x")).expect_err("not accounted for");
        assert_eq!(error.to_string(), "busy: the account is full", "{full}");
        assert_eq!(stage.lines.of_call(1, ""), [""; 0], "{full}");
    }
}

#[test]
fn a_refused_peer_and_one_that_breaks_the_protocol_are_told() {
    let stage = Stage::new();
    let stranger = Peer::new(None, Assurance::None);
    let options = ConnectOptions::new().server(Policy::any()).deadline(soon());
    let connect =
        |transport: &MemoryTransport| transport.connect(&at(), &options).expect("connected");
    let _stranger = connect(&stage.transport.clone().known_as(stranger));
    let lines = stage.lines.up_to("policy");
    let reason =
        "a peer of unknown identity is not admitted by `uid:7`: not all that it asks for is known";
    let refused =
        format!("policy connection=1 policy=uid:7 outcome=refused by policy reason={reason}");
    assert_eq!(lines.last(), Some(&refused));

    let breaker = connect(&stage.transport);
    breaker.write_all(b"GET / HTTP/1.1\r\n\r\n and so on, and on", soon()).expect("written");
    let lines = stage.lines.up_to("refusal");
    assert!(lines[4].starts_with("refusal connection=2 uid=7 outcome=protocol error"), "{lines:?}");
}

#[test]
fn a_call_that_was_received_and_never_handed_out_is_told_when_its_client_leaves() {
    let stage = Stage::new();
    let options = ConnectOptions::new().server(Policy::any()).deadline(soon());
    let client = stage.transport.connect(&at(), &options).expect("connected");
    let level = ImpersonationLevel::Impersonation.to_wire();
    let preface = Preface { body_credit: 1, ..SessionLimits::default().of_client(level) };
    let mut bytes = preface.encode().to_vec();
    let calls: Vec<u64> = (1..20).step_by(2).collect();
    calls.iter().for_each(|call| {
        frame::push_request(&mut bytes, *call, 1, Deadline::NEVER, &argument(b"x"));
    });
    client.write_all(&bytes, soon()).expect("written");
    stage.lines.up_to("open connection=1 call=3");
    drop(client);
    let lines = stage.lines.when(|lines| count(lines, "result") == calls.len());
    for call in calls {
        let told: Vec<_> =
            lines.iter().filter(|line| line.contains(&format!(" call={call} "))).collect();
        let begin = if call <= 3 { "open" } else { "refusal" };
        assert!(told[0].starts_with(begin) && told[1].starts_with("result"), "{told:?}");
        assert!(told.len() == 2 && told[1].contains("outcome=disconnected"), "{told:?}");
    }
}

fn count(lines: &[String], event: &str) -> usize {
    lines.iter().filter(|line| line.starts_with(event)).count()
}

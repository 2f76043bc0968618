//! Whom a server gets to know over a pipe, and what it may do as that one, with real processes.
#![cfg(windows)]

use std::fs::File;
use std::io;
use std::os::windows::fs::OpenOptionsExt as _;

use ipc_core::peer::{Sid, WindowsIdentity};
use ipc_core::{
    BindOptions, ConnectOptions, Connection, Deadline, Endpoint, Error, Identity,
    ImpersonationLevel, Listener, Peer, Policy, Transport,
};
use ipc_testkit::child::{Process, Running, hear_parent, role, say};
use ipc_testkit::{names, skip};
use ipc_windows::restricted::{self, Restrictions, Stdio};
use ipc_windows::{Acl, FileAccess, FileAcl, PipeTransport, can_run_as_peer};

#[test]
fn t16_a_restricted_client_is_acted_as_with_its_restrictions() {
    const TEST: &str = "t16_a_restricted_client_is_acted_as_with_its_restrictions";
    if !takes_administrator(TEST) {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let own = FileAcl::administrators().allow_this_user(FileAccess::Full);
    own.apply_to(directory.path()).expect("applied");
    let (mine, theirs) = (directory.path().join("mine"), directory.path().join("theirs"));
    for file in [&mine, &theirs] {
        std::fs::write(file, "content").expect("written");
    }
    FileAcl::administrators().apply_to(&theirs).expect("applied");

    let listener = listen(&for_this_user());
    for (restrictions, is_admin) in
        [(Restrictions::default(), true), (Restrictions::without_administrators(), false)]
    {
        let (_visitor, server) = visited(&*listener, restrictions);
        server.state_level(ImpersonationLevel::Impersonation).expect("once");
        let peer = server.peer().expect("known");
        assert_eq!(token(peer).is_member_of(Sid::ADMINISTRATORS), is_admin);
        assert_eq!(admits(&Policy::admins(), peer), is_admin);
        assert!(admits(&Policy::same_user(), peer));
        let user = Policy::sid(token(peer).user.clone());
        assert!(admits(&user, peer));
        let opened = server.as_peer(|_| [&mine, &theirs].map(File::open)).expect("acts");
        let [mine, theirs] = opened.map(|file| file.map(drop).map_err(|error| error.kind()));
        assert_eq!(mine, Ok(()));
        let denied = Err(io::ErrorKind::PermissionDenied);
        assert_eq!(theirs, if is_admin { Ok(()) } else { denied });
    }
}

#[test]
fn t09_who_is_not_let_in_does_not_get_a_word_in() {
    const TEST: &str = "t09_who_is_not_let_in_does_not_get_a_word_in";
    if !takes_administrator(TEST) {
        return;
    }
    let listener = listen(&PipeTransport::new());
    let refused =
        start(Restrictions::without_administrators(), "visitor", &[listener.endpoint().as_str()])
            .hear();
    assert!(refused.starts_with("refused"), "{refused}");
    listener.accept(Deadline::NOW).map(drop).expect_err("nobody has connected");
    let (_visitor, server) = visited(&*listener, Restrictions::default());
    assert!(admits(&Policy::admins(), server.peer().expect("known")));
}

/// The client's half of the tests above: connects, writes a byte and stays.
#[test]
fn visitor() {
    let Some(arguments) = role("visitor") else { return };
    let options = ConnectOptions::new().level(ImpersonationLevel::Impersonation);
    match PipeTransport::new().connect(&endpoint(&arguments[0]), &options) {
        Ok(connection) => {
            connection.write_all(b"!", Deadline::NEVER).expect("written");
            say("connected");
            hear_parent();
        }
        Err(error) => say(&format!("refused: {}", error.chain())),
    }
}

#[test]
fn t07_who_squats_a_name_gets_a_token_with_which_nothing_opens() {
    const TEST: &str = "t07_who_squats_a_name_gets_a_token_with_which_nothing_opens";
    if !can_run_as_peer() {
        return skip(TEST, "this Wine gives the server's own token");
    }
    let listener = listen(&for_this_user());
    // A client that did not say how far it trusts the server, which is the usual case.
    let client = PipeTransport::new()
        .connect(listener.endpoint(), &ConnectOptions::new())
        .expect("connected");
    let server = listener.accept(Deadline::NEVER).expect("accepted");
    server.state_level(ImpersonationLevel::Delegation).expect("a squatter states what it likes");
    let level = token(server.peer().expect("known")).level;
    assert_eq!(level, ImpersonationLevel::Identification);
    assert_eq!(server.level(), Some(level));
    let refusal = server.as_peer(|_| unreachable!()).expect_err("too low");
    assert!(
        matches!(refusal, Error::LevelTooLow { .. } | Error::NotPrivileged { .. }),
        "{refusal:?}"
    );
    drop(client);
}

#[test]
fn t07_a_client_talks_to_no_server_but_the_one_that_it_asked_for() {
    let listener = listen(&for_this_user());
    let connect = |server: Policy| {
        let options = ConnectOptions::new().server(server);
        PipeTransport::new().connect(listener.endpoint(), &options)
    };
    let somebody_else = Sid::new("S-1-5-21-1-2-3-1001");
    let refusal = connect(Policy::sid(somebody_else)).map(drop).expect_err("not trusted");
    assert!(matches!(refusal, Error::ServerNotTrusted { .. }), "{refusal:?}");
    let server = listener.accept(Deadline::NEVER).expect("it did connect");
    assert_eq!(server.read(&mut [0], Deadline::NEVER).expect("the end"), 0, "not a byte was sent");
    connect(Policy::same_user().or(Policy::system())).expect("the default");
}

#[test]
fn t07_a_server_that_is_no_administrator_does_not_pass_for_the_system() {
    const TEST: &str = "t07_a_server_that_is_no_administrator_does_not_pass_for_the_system";
    if !takes_administrator(TEST) {
        return;
    }
    let name = fresh();
    let mut squatter = start(Restrictions::without_administrators(), "squatter", &[name.as_str()]);
    assert_eq!(squatter.hear(), "bound");
    let options = ConnectOptions::new().server(Policy::system());
    let refusal = PipeTransport::new().connect(&name, &options).map(drop).expect_err("no system");
    assert!(matches!(refusal, Error::ServerNotTrusted { .. }), "{refusal:?}");
    assert_eq!(squatter.ask("accept"), "read 0 bytes");
}

/// The squatter's half: serves the name and says how much came.
#[test]
fn squatter() {
    let Some(arguments) = role("squatter") else { return };
    let transport = for_this_user();
    let listener = transport.bind(&endpoint(&arguments[0]), &BindOptions::new()).expect("bound");
    say("bound");
    hear_parent();
    let server = listener.accept(Deadline::NEVER).expect("accepted");
    let count = server.read(&mut [0; 64], Deadline::NEVER).expect("read");
    say(&format!("read {count} bytes"));
    hear_parent();
}

#[test]
fn a_client_without_a_word_about_its_level_is_known_after_the_first_read() {
    const TEST: &str = "a_client_without_a_word_about_its_level_is_known_after_the_first_read";
    if !can_run_as_peer() {
        return skip(TEST, "this Wine gives the server's own token");
    }
    let listener = listen(&for_this_user());
    let path = format!(r"\\.\pipe\{}", listener.endpoint().as_str().trim_start_matches("pipe:"));
    let mut client = File::options().access_mode(0x0012_019b).open(path).expect("connected");
    let server = listener.accept(Deadline::NEVER).expect("accepted");
    let early = server.peer().map(drop).expect_err("not yet");
    assert!(matches!(early, Error::NotYetKnown), "{early:?}");
    io::Write::write_all(&mut client, b"!").expect("written");
    server.read(&mut [0], Deadline::NEVER).expect("read");
    assert!(admits(&Policy::same_user(), server.peer().expect("known")));
}

#[test]
fn an_anonymous_client_is_never_known() {
    const TEST: &str = "an_anonymous_client_is_never_known";
    if !can_run_as_peer() {
        return skip(TEST, "this Wine gives the server's own token");
    }
    let listener = listen(&for_this_user());
    let options = ConnectOptions::new().level(ImpersonationLevel::Anonymous);
    let client = PipeTransport::new().connect(listener.endpoint(), &options).expect("connected");
    let server = listener.accept(Deadline::NEVER).expect("accepted");
    for _ in 0..2 {
        let unknown = server.peer().map(drop).expect_err("unknown");
        assert!(matches!(unknown, Error::IdentityUnknown { .. }), "{unknown:?}");
        client.write_all(b"!", Deadline::NEVER).expect("written");
        server.read(&mut [0], Deadline::NEVER).expect("read");
    }
    server.state_level(ImpersonationLevel::Impersonation).expect("once");
    server.as_peer(|_| unreachable!()).expect_err("nobody to act as");
}

fn for_this_user() -> PipeTransport {
    PipeTransport::new().security(Acl::owner().allow_this_user())
}

fn listen(transport: &PipeTransport) -> Box<dyn Listener> {
    transport.bind(&fresh(), &BindOptions::new()).expect("bound")
}

fn fresh() -> Endpoint {
    endpoint(&format!("pipe:{}", names::unique()))
}

fn endpoint(text: &str) -> Endpoint {
    text.parse().expect("a good name")
}

/// A client process that has connected and written its byte, which is read.
fn visited(listener: &dyn Listener, restrictions: Restrictions) -> (Process, Box<dyn Connection>) {
    let mut visitor = start(restrictions, "visitor", &[listener.endpoint().as_str()]);
    assert_eq!(visitor.hear(), "connected");
    let server = listener.accept(Deadline::NEVER).expect("accepted");
    server.read(&mut [0], Deadline::NEVER).expect("a byte");
    (visitor, server)
}

/// Starts this test binary with fewer rights, to run `function`.
fn start(restrictions: Restrictions, function: &str, arguments: &[&str]) -> Process {
    let like = ipc_testkit::child::command("", function, arguments);
    let mut command = restricted::Command::new(ipc_testkit::child::this_program(), restrictions)
        .args(like.get_args())
        .stdin(Stdio::Piped)
        .stdout(Stdio::Piped);
    for (name, value) in like.get_envs() {
        command = command.env(name, value.unwrap_or_default());
    }
    let mut child = command.spawn().expect("started");
    let stdin = child.stdin.take().expect("piped");
    let stdout = child.stdout.take().expect("piped");
    Process::over(Started(child), stdin, stdout)
}

#[derive(Debug)]
struct Started(restricted::Child);

impl Running for Started {
    fn id(&self) -> u32 {
        self.0.id()
    }

    fn kill(&mut self) -> io::Result<()> {
        self.0.kill()
    }

    fn wait(&mut self) -> io::Result<()> {
        self.0.wait().map(drop)
    }
}

fn token(peer: &Peer) -> &WindowsIdentity {
    peer.identity().and_then(Identity::as_windows).expect("a token's facts")
}

fn this_process() -> Peer {
    PipeTransport::new().this_process().expect("known")
}

fn admits(policy: &Policy, peer: &Peer) -> bool {
    policy.decide(peer, &this_process()).is_ok()
}

/// `true` if the test can run; says aloud that it is left out if not.
fn takes_administrator(test: &str) -> bool {
    if !can_run_as_peer() {
        skip(test, "this Wine gives the server's own token");
        return false;
    }
    let is_administrator = admits(&Policy::admins(), &this_process());
    if !is_administrator {
        skip(test, "takes an administrator");
    }
    is_administrator
}

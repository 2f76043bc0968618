use ipc_core::transport::Interest;
use ipc_core::{BindOptions, ConnectOptions, Policy, Transport};
use ipc_testkit::names;

use super::*;
use crate::PipeTransport;
use crate::restricted::Stdio;
use crate::sys::plain_pipe::{self, Instance};
use crate::testing::{
    child, part, takes_administrator, takes_honest_windows, watched, without_administrators,
};

/// The attacker may connect, like all programs of this user; it is no administrator, and so not
/// among those who may serve.
#[test]
fn t10_a_restricted_attacker_never_gets_the_name_while_the_listener_lives() {
    const TEST: &str =
        "listener::tests::t10_a_restricted_attacker_never_gets_the_name_while_the_listener_lives";
    if let Some((_part, name)) = part() {
        return attack(&name);
    }
    if takes_honest_windows(TEST) && takes_administrator(TEST) {
        watched(TEST, || serve_under_attack(TEST));
    }
}

/// Serves clients, from the first instances on, while the attacker is at it.
fn serve_under_attack(test: &str) {
    const CLIENTS: usize = 300;
    let transport = PipeTransport::new()
        .security(Acl::owner().allow_this_user())
        .backlog(PipeTransport::MIN_BACKLOG);
    let at: Endpoint = format!("pipe:{}", names::unique()).parse().expect("a good name");
    let listener = transport.bind(&at, &BindOptions::new()).expect("binds");
    let attacker = child(test, without_administrators(), "attack", at.name());
    let attacker = attacker.stdout(Stdio::Null).stderr(Stdio::Piped).spawn().expect("started");
    let watch = listener.accept(Deadline::NEVER).expect("the attacker says that it is there");
    for _ in 0..CLIENTS {
        let client = transport.connect(&at, &ConnectOptions::new()).expect("this server is there");
        let server = listener.accept(Deadline::NEVER).expect("accepts");
        server.write_all(b"!", Deadline::NEVER).expect("writes");
        server.close(Deadline::NEVER).expect("closes");
        client.read_exact(&mut [0], Deadline::NEVER).expect("served by this server");
    }
    watch.write_all(b"!", Deadline::NEVER).expect("the attacker is still at it");
    watch.read_exact(&mut [0], Deadline::NEVER).expect("and has ended");
    let output = attacker.wait_with_output().expect("ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// In the child: tries to serve `name`, alone and beside its server, until told to end.
fn attack(name: &str) {
    let at: Endpoint = format!("pipe:{name}").parse().expect("a good name");
    let whoever = ConnectOptions::new().server(Policy::any());
    let watch = PipeTransport::new().connect(&at, &whoever).expect("it may connect");
    let descriptor = Acl::owner().allow_this_user().descriptor().expect("a descriptor");
    let path = format!(r"\\.\pipe\{name}");
    let mut attempts = 0;
    while watch.wait(Interest::Read, Deadline::NOW).is_err() {
        for instance in [Instance::First, Instance::Further] {
            let made = plain_pipe::make(&path, &descriptor, instance);
            assert!(made.is_err(), "{instance:?} was made, after {attempts} attempts");
        }
        attempts += 1;
    }
    assert!(attempts > 0, "it did not come to an attempt");
    watch.write_all(b"!", Deadline::NEVER).expect("the server waits for that");
    watch.close(Deadline::NEVER).expect("closes");
}

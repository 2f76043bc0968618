//! `fileserve serve`.

use std::fmt;
use std::path::Path;
use std::process;
use std::thread;

use fileserve::platform::{self, Serving, Signals};
use fileserve::protocol::Names;
use fileserve::{FileService, Files as _};
use ipc_core::server::{Observer, Server};
use ipc_core::{Deadline, Error, Failure, Identity, Peer, Policy, Transport};

use super::args::{Allow, Serve};
use super::console::Console;
use super::reach::any_of;
use super::{Failed, exit, json, say};

pub(crate) fn serve(arguments: Serve) -> Result<(), Failed> {
    // Before listening: whoever sees the server listen may stop it.
    let mut signals =
        Signals::take().map_err(|error| Failed::system("watch for signals", error))?;
    let policy = policy(&arguments.allow);
    let transport = platform::server_transport(serving(&arguments));
    let (directory, names) = match &arguments.what.root {
        Some(directory) => (directory.as_path(), Names::BelowRoot),
        None => (Path::new("/"), Names::Absolute),
    };
    let root = platform::open_root(directory)
        .map_err(|error| Failed::new(format!("serve `{}`", directory.display()), error))?;
    let (console, printer) =
        Console::start().map_err(|error| Failed::system("start a thread", error))?;

    let lines = console.clone();
    let as_json = arguments.json;
    let service = FileService::new(root, names)
        .observe(move |record| {
            lines.line(if as_json {
                json::text(&json::record(record))
            } else {
                record.to_string()
            });
        })
        .into_service();
    let server = Server::builder(transport.clone(), arguments.endpoint.clone())
        .workers(usize::from(arguments.workers))
        .policy(policy.clone())
        .observer(Connections)
        .serve(service)
        .map_err(|error| Failed::new(format!("serve at `{}`", arguments.endpoint), error))?;
    announce(&arguments, &*transport, &policy);

    let signal = signals.wait();
    say(&format!(
        "fileserve: {signal}: finishing what {} clients have asked for, at most {:?}; \
         Ctrl-C stops at once",
        server.connections(),
        arguments.drain
    ));
    stop_at_once_on_the_next(signals);
    let outcome = server.shutdown(Deadline::after(arguments.drain));
    console.finish(&printer);
    outcome.map_err(|error| Failed::new("finish every transfer in time", error))
}

fn policy(allow: &[Allow]) -> Policy {
    let named = allow.iter().filter_map(|term| match term {
        Allow::Who(policy) => Some(policy.clone()),
        Allow::Sandboxed => None,
    });
    any_of(named).unwrap_or_else(Policy::same_user)
}

fn serving(arguments: &Serve) -> Serving {
    Serving {
        socket_mode: arguments.socket_mode,
        act_as_root: arguments.allow.contains(&Allow::Who(Policy::uid(0))),
        act_as_sandboxed: arguments.allow.contains(&Allow::Sandboxed),
    }
}

fn stop_at_once_on_the_next(mut signals: Signals) {
    // Without that thread the first request still ends the server, by its deadline.
    let _ = thread::Builder::new().name("signals".to_owned()).spawn(move || {
        signals.wait();
        say("fileserve: stopped at once; transfers were cut");
        process::exit(exit::FAILURE.into());
    });
}

/// Says where the server listens, as whom, for whom, and what it can do for them.
fn announce(arguments: &Serve, transport: &dyn Transport, policy: &Policy) {
    let own = transport.this_process().ok();
    let what = match &arguments.what.root {
        Some(directory) => format!("`{}` and what lies below it", directory.display()),
        None => "every file that the client may read".to_owned(),
    };
    say(&format!("fileserve: listening at `{}`", arguments.endpoint));
    say(&format!("  serves   {what}, with {} workers", arguments.workers));
    say(&format!("  runs as  {}", own.as_ref().map_or_else(|| "?".to_owned(), Peer::to_string)));
    say(&format!("  admits   {policy}{}", socket_says(arguments, policy)));
    say(&format!("  opens    {}", opens(transport, own.as_ref())));
}

/// A policy that admits other users is in vain while only this one can reach the socket.
fn socket_says(arguments: &Serve, policy: &Policy) -> &'static str {
    let admits_others = *policy != Policy::same_user();
    let has_file = !arguments.endpoint.name().starts_with('@');
    if admits_others && has_file && arguments.socket_mode.is_none() {
        return "; but only this user can reach the socket without `--socket-mode 0666`";
    }
    ""
}

fn opens(transport: &dyn Transport, own: Option<&Peer>) -> String {
    let is_root = own.and_then(Peer::identity).is_some_and(Identity::is_system);
    match (transport.capabilities().run_as_peer, is_root) {
        (false, _) => "nothing: this system cannot act as a client".to_owned(),
        (true, true) => "each file as the client who asks, with that user's and groups' rights \
                         and no others"
            .to_owned(),
        (true, false) => "each file as the client who asks; without root's rights that is only \
                          this user with the same groups, and any other is refused"
            .to_owned(),
    }
}

/// What happens to connections, beside the requests.
#[derive(Debug)]
struct Connections;

impl Observer for Connections {
    fn refused(&self, peer: Option<&Peer>, why: &Failure) {
        say(&format!("fileserve: {} is not served: {why}", Who(peer)));
    }

    fn failed(&self, peer: Option<&Peer>, error: &Error) {
        say(&format!("fileserve: {} was disconnected: {}", Who(peer), error.chain()));
    }

    fn cannot_accept(&self, error: &Error) {
        say(&format!("fileserve: no client can be accepted for now: {}", error.chain()));
    }
}

struct Who<'a>(Option<&'a Peer>);

impl fmt::Display for Who<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(peer) => peer.fmt(f),
            None => f.write_str("a client"),
        }
    }
}

//! `fileserve serve`.

use std::io;
use std::path::Path;
use std::process;
use std::sync::Arc;
use std::thread;

use fileserve::audit::AuditFile;
use fileserve::platform::{self, Asked, Mechanism, Serving, Signals};
use fileserve::protocol::Names;
use fileserve::{FileService, Files as _, dotnet};
use ipc_core::files::Root;
use ipc_core::server::{Server, ServerBuilder};
use ipc_core::session::SessionLimits;
use ipc_core::{Deadline, Endpoint, ErrorKind, Peer, Policy, Transport};

use super::access::AccessName;
use super::args::{MechanismName, Serve};
use super::audit::Account;
use super::console::Console;
use super::endpoint::Compat;
use super::fence::Reads;
use super::limits::Limits;
use super::notices::Notices;
use super::passing::Passing;
use super::reach::{any_of, resolved};
use super::{Failed, exit, json};

pub(crate) fn serve(arguments: Serve) -> Result<(), Failed> {
    let audit = arguments.audit.open(arguments.user.as_deref())?;
    // While this is one thread: the rights are each thread's own. What is opened later is opened
    // without them.
    if let Some(user) = &arguments.user {
        platform::keep_only_switching(user)
            .map_err(|error| Failed::system(format!("run as `--user {user}`"), error))?;
    }
    // Before listening: whoever sees the server listen may stop it.
    let mut signals =
        Signals::take().map_err(|error| Failed::system("watch for signals", error))?;
    if audit.is_some() {
        signals.take_reopen().map_err(|error| Failed::system("watch for signals", error))?;
    }
    let passing = Passing::asked(&arguments)?;
    let serving = serving(&arguments, passing.is_on())?;
    let policy = serving.admits.clone().unwrap_or_else(Policy::same_user);
    let transport = platform::server_transport(&serving)
        .map_err(|error| Failed::new("serve with these options", error))?;
    let by = platform::opens_by(&serving).map_err(|error| {
        let doing = format!("open files as `--mechanism` asks: {}", error.chain());
        Failed::because(exit::FAILURE, doing)
    })?;
    let (root, names) = match &arguments.what.root {
        Some(directory) => (open_root(directory, &serving)?, Names::BelowRoot),
        None => (open_everything(&serving)?, Names::Absolute),
    };
    let access = arguments.access.access(&*transport, &*root)?;
    let endpoint = arguments.endpoint.endpoint(arguments.compat)?;
    let no_server = |error| no_server(&arguments, &endpoint, error);
    let listener = transport.bind(&endpoint, &passing.bind_options()).map_err(no_server)?;
    // When everything is open, and before there are threads: those would stay outside.
    let reads = Reads::of(&arguments.what, arguments.access);
    let log = audit.as_ref().and_then(AuditFile::directory);
    let fenced = arguments.landlock.raise(reads, log, &endpoint)?;
    let no_thread = |error| Failed::system("start a thread", error);
    let requests = Console::start(io::stdout()).map_err(no_thread)?;
    let remarks = Console::start(io::stderr()).map_err(no_thread)?;
    let notices = Notices::new(remarks.clone());
    let account = Account::new(audit, remarks.clone());

    let lines = requests.clone();
    let warnings = notices.clone();
    let as_json = arguments.json;
    let files = FileService::new(root, names).access(access).observe(move |record| {
        lines.line(if as_json { json::text(&json::record(record)) } else { record.to_string() });
        warnings.look_for_cut(record);
    });
    let files = passing.set_up(files, &*transport)?;
    let descriptors = platform::raise_descriptor_limit();
    let limits = Limits::within(descriptors, passing.descriptors_each(), passing.limits());
    let builder = Server::builder(transport.clone(), endpoint.clone())
        .listener(listener)
        .workers(usize::from(arguments.workers))
        .policy(policy.clone())
        .limits(limits.server)
        .session_limits(limits.session)
        .observer(notices.clone());
    let builder = account.begin(&endpoint, builder)?;
    let server = begin(builder, files, arguments.compat).map_err(no_server)?;
    let few = limits.remark();
    let acts = arguments.access == AccessName::Impersonate;
    let by = by.filter(|_| acts).map(|mechanism| format!("  by       {mechanism}"));
    let boxes = platform::sandboxes(&serving).filter(|_| acts);
    let boxes = boxes.map(|what| format!("  sandboxes {what}"));
    let admits = format!("{policy}{}", platform::whom_it_reaches(&serving, &endpoint));
    let about = about(&arguments, &endpoint, &*transport, &admits);
    let said = about.into_iter().chain(by).chain(boxes).chain(fenced).chain(account.about());
    for line in said.chain(passing.remark()).chain(few) {
        remarks.line(line);
    }

    let signal = wait_for_stop(&mut signals, &account);
    remarks.line(format!(
        "fileserve: {signal}: finishing what {} clients have asked for, at most {:?}; \
         Ctrl-C stops at once",
        server.connections(),
        arguments.drain
    ));
    stop_at_once_on_the_next(signals, remarks.clone(), account.clone());
    let outcome = server.shutdown(Deadline::after(arguments.drain));
    account.finish();
    notices.finish();
    requests.finish();
    remarks.finish();
    outcome.map_err(|error| Failed::new("finish every transfer in time", error))
}

fn open_root(directory: &Path, serving: &Serving) -> Result<Arc<dyn Root>, Failed> {
    platform::open_root(directory, serving)
        .map_err(|error| Failed::new(format!("serve `{}`", directory.display()), error))
}

fn open_everything(serving: &Serving) -> Result<Arc<dyn Root>, Failed> {
    platform::open_everything(serving).map_err(|error| Failed::new("serve every file", error))
}

/// Why there is no server at `endpoint`, and what may help.
fn no_server(arguments: &Serve, endpoint: &Endpoint, error: ipc_core::Error) -> Failed {
    let is_modest = arguments.user.is_some();
    let hint = match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::NotTrusted if is_modest => Some(
            "with `--user` the directory of the socket must be that user's, who has no group but its \
             own: others reach the socket by `--socket-mode 0666`, and `--allow group:NAME` chooses",
        ),
        ErrorKind::NotFound => Some("the directory of a socket must be there already"),
        _ => None,
    };
    let failed = Failed::new(format!("serve at `{endpoint}`"), error);
    match hint {
        Some(hint) => failed.with_hint(hint),
        None => failed,
    }
}

/// The same files on the same server, whichever protocol it speaks.
fn begin(
    builder: ServerBuilder,
    files: FileService,
    protocol: Option<Compat>,
) -> ipc_core::Result<Server> {
    match protocol {
        None => builder.serve(files.into_service()),
        Some(Compat::Dotnet) => dotnet::serve(builder, files, SessionLimits::default()),
    }
}

fn serving(arguments: &Serve, handles: bool) -> Result<Serving, Failed> {
    let allowed = any_of(&arguments.allow);
    // By what was written: `user:root` admits, and says nothing of a container's root.
    let names = |term: &Policy| allowed.as_ref().is_some_and(|allowed| allowed.names(term));
    let (act_as_root, act_as_sandboxed) = (names(&Policy::uid(0)), names(&Policy::sandboxed()));
    let group = arguments.socket_group.as_deref();
    let group = group.map(platform::socket_group).transpose();
    Ok(Serving {
        admits: resolved(admitted(allowed, &arguments.deny), "use `--allow` and `--deny`")?,
        socket_mode: arguments.socket_mode,
        socket_group: group.map_err(|error| Failed::new("use `--socket-group`", error))?,
        act_as_root,
        act_as_sandboxed,
        mechanism: match arguments.mechanism {
            MechanismName::Auto => Mechanism::Auto,
            MechanismName::Request => Mechanism::Request,
            MechanismName::Thread => Mechanism::Thread,
        },
        handles,
    })
}

/// Denying wins: who is not known not to be denied is not admitted.
fn admitted(allowed: Option<Policy>, denied: &[Policy]) -> Option<Policy> {
    match any_of(denied) {
        None => allowed,
        Some(denied) => Some(allowed.unwrap_or_else(Policy::same_user).and(!denied)),
    }
}

/// Waits for a request to stop, and names it.
fn wait_for_stop(signals: &mut Signals, account: &Account) -> &'static str {
    loop {
        match signals.wait() {
            Asked::Stop(name) => return name,
            Asked::Reopen => account.reopen(),
        }
    }
}

fn stop_at_once_on_the_next(mut signals: Signals, remarks: Console, account: Account) {
    // Without that thread the first request still ends the server, by its deadline.
    let _ = thread::Builder::new().name("signals".to_owned()).spawn(move || {
        wait_for_stop(&mut signals, &account);
        remarks.line("fileserve: stopped at once; transfers were cut".to_owned());
        remarks.finish();
        process::exit(exit::FAILURE.into());
    });
}

/// Where the server listens, as whom, for whom, and what it can do for them.
fn about(
    arguments: &Serve,
    endpoint: &Endpoint,
    transport: &dyn Transport,
    admits: &str,
) -> Vec<String> {
    let own = transport.this_process().ok();
    let what = match &arguments.what.root {
        None if arguments.access == AccessName::ClientOpens => {
            "what its clients open and pass".to_owned()
        }
        Some(directory) => format!("`{}` and what lies below it", directory.display()),
        None => "every file that the client may read".to_owned(),
    };
    let runs_as = own.as_ref().map_or_else(|| "?".to_owned(), Peer::to_string);
    let mut lines = vec![
        format!("fileserve: listening at `{endpoint}`"),
        format!("  serves   {what}, with {} workers", arguments.workers),
        format!("  runs as  {runs_as}"),
        format!("  admits   {admits}"),
        format!("  opens    {}", arguments.access.opens(transport)),
    ];
    lines.extend(arguments.access.warning(own.as_ref()));
    if arguments.compat == Some(Compat::Dotnet) {
        lines.push(SPEAKS_DOTNET.to_owned());
    }
    lines
}

const SPEAKS_DOTNET: &str = "  speaks   the protocol of the .NET sample, which has no place for a \
    level: who connects counts as having granted impersonation";

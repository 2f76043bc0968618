//! `fileserve explain`: why this user is refused, or would be.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use fileserve::platform;
use fileserve::protocol::{Explanation, Opener, WhoAmI, WirePath};
use ipc_core::inspect::{Place, Server};
use ipc_core::{ConnectOptions, Deadline, Endpoint, Error, ErrorKind, Peer};

use super::reach::{self, Reached};
use super::{Failed, args, exit, json, print, shown, whoami};

mod facts;
mod own;
mod people;
mod words;

pub(crate) fn explain(arguments: args::Explain) -> Result<(), Failed> {
    let as_json = arguments.json;
    let timeout = arguments.reach.timeout.unwrap_or(TIMEOUT);
    let report = within(timeout, move |deadline| Report::make(&arguments, deadline))?;
    print(&if as_json { json::line(&facts::json(&report)) } else { people::text(&report) })?;
    match report.code() {
        exit::SUCCESS => Ok(()),
        code => Err(Failed::told(code)),
    }
}

/// Runs `work` on a thread of its own: some of what it asks of the system waits for as long as that
/// likes, such as looking at a file on another machine that has gone.
fn within<T: Send + 'static>(
    timeout: Duration,
    work: impl FnOnce(Deadline) -> Result<T, Failed> + Send + 'static,
) -> Result<T, Failed> {
    const DOING: &str = "look at that endpoint";
    let (send, receive) = mpsc::channel();
    let deadline = Deadline::after(timeout);
    // Nobody waits for what comes too late.
    thread::Builder::new()
        .name("explain".to_owned())
        .spawn(move || drop(send.send(work(deadline))))
        .map_err(|error| Failed::system(DOING, error))?;
    match receive.recv_timeout(timeout + GRACE) {
        Ok(done) => done,
        Err(RecvTimeoutError::Timeout) => {
            let text = format!("{DOING} in {timeout:?}: the system does not answer");
            Err(Failed::because(exit::TIMED_OUT, text))
        }
        Err(RecvTimeoutError::Disconnected) => Err(Failed::because(exit::FAILURE, DOING)),
    }
}

/// All that was found out.
struct Report {
    endpoint: Endpoint,
    /// Whom the client takes for its server, in words.
    trusts: String,
    own: Peer,
    /// Where the server was looked for; the error where that cannot be seen from outside.
    places: Result<Vec<Place>, Error>,
    connection: Connection,
    /// What the server knows of this client.
    known: Option<WhoAmI>,
    account: Option<String>,
    path: Option<Asked>,
}

/// Whether this client is served at all.
enum Connection {
    Served,
    /// Not served, for this reason.
    Refused {
        reason: Obstacle,
        kind: ErrorKind,
        text: String,
    },
}

/// What stands between this client and a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
    /// Nobody listens.
    NoServer,
    /// The place is not safe, or the server not whom this client wants.
    Distrust,
    /// The system does not let this client get to the endpoint.
    Permission,
    /// The server's policy.
    Policy,
    /// The client grants the server too little.
    Level,
    /// Something else.
    Failure,
}

/// A path that was asked about.
struct Asked {
    typed: String,
    /// As it was sent; `None` if it was not.
    name: Option<WirePath>,
    answer: Option<Result<Explanation, fileserve::Error>>,
    /// Who would open it, where the server has said so.
    opener: Option<Opener>,
}

impl Report {
    fn make(arguments: &args::Explain, deadline: Deadline) -> Result<Self, Failed> {
        let endpoint = arguments.reach.endpoint.endpoint(None)?;
        let options = reach::options(&arguments.reach, deadline)?;
        let transport = platform::transport();
        let own = transport.this_process();
        let mut report = Self {
            trusts: options.server.to_string(),
            own: own.map_err(|error| Failed::new("find out who this client is", error))?,
            places: transport.inspect(&endpoint, &options),
            endpoint,
            connection: Connection::Served,
            known: None,
            account: None,
            path: arguments.path.as_deref().map(|path| Asked {
                typed: shown(path),
                name: None,
                answer: None,
                opener: None,
            }),
        };
        match report.connect(&options, deadline) {
            Ok(reached) => report.ask(reached, arguments)?,
            Err(refused) => report.connection = refused,
        }
        Ok(report)
    }

    /// Reaches the server, if it was seen to be there and is trusted.
    fn connect(&self, options: &ConnectOptions, deadline: Deadline) -> Result<Reached, Connection> {
        if let Some(Server { distrust: Some(reason), .. }) = self.server() {
            return Err(Connection::Refused {
                reason: Obstacle::Distrust,
                kind: ErrorKind::NotTrusted,
                text: reason.clone(),
            });
        }
        Reached::at(&self.endpoint, options, deadline).map_err(|error| Connection::refused(&error))
    }

    fn ask(&mut self, mut reached: Reached, arguments: &args::Explain) -> Result<(), Failed> {
        match reached.files.whoami() {
            Ok(known) => {
                self.account = whoami::account(&known.identity);
                self.known = Some(known);
            }
            Err(fileserve::Error::Call(error)) => self.connection = Connection::refused(&error),
            Err(error) => {
                self.connection = Connection::Refused {
                    reason: Obstacle::Failure,
                    kind: error.kind(),
                    text: error.to_string(),
                };
            }
        }
        if let (Connection::Served, Some(typed)) = (&self.connection, &arguments.path) {
            let opener = reached.about()?.opens;
            let (name, answer) = match opener {
                Opener::Server => {
                    let name = reached.path(typed)?;
                    let answer = reached.files.explain(&name);
                    (Some(name), answer)
                }
                Opener::Client => {
                    let (name, explanation) = own::explain(typed);
                    (name, Ok(explanation))
                }
            };
            if let Some(asked) = &mut self.path {
                (asked.name, asked.answer, asked.opener) = (name, Some(answer), Some(opener));
            }
        }
        Ok(())
    }

    /// The place whose server a client would reach, if it would reach one.
    fn place(&self) -> Option<&Place> {
        self.places.as_ref().ok()?.iter().find(|place| place.is_served())
    }

    fn server(&self) -> Option<&Server> {
        self.place()?.server.as_ref()
    }

    fn code(&self) -> u8 {
        match (&self.connection, &self.path) {
            (Connection::Refused { kind, .. }, _) => exit::code(*kind),
            (Connection::Served, Some(Asked { answer: Some(answer), .. })) => match answer {
                Ok(told) => told.refusal().map_or(exit::SUCCESS, exit::code),
                Err(error) => exit::code(error.kind()),
            },
            (Connection::Served, _) => exit::SUCCESS,
        }
    }
}

impl Connection {
    fn refused(error: &Error) -> Self {
        let kind = error.kind();
        let reason = match kind {
            ErrorKind::NoServer => Obstacle::NoServer,
            ErrorKind::NotTrusted => Obstacle::Distrust,
            ErrorKind::PermissionDenied => Obstacle::Permission,
            ErrorKind::Refused => Obstacle::Policy,
            ErrorKind::LevelTooLow => Obstacle::Level,
            _ => Obstacle::Failure,
        };
        Self::Refused { reason, kind, text: error.chain() }
    }
}

impl Obstacle {
    /// In a word, which is part of what `--json` prints.
    fn name(self) -> &'static str {
        match self {
            Self::NoServer => "no-server",
            Self::Distrust => "distrust",
            Self::Permission => "permission",
            Self::Policy => "policy",
            Self::Level => "level",
            Self::Failure => "failure",
        }
    }
}

/// How long all of it may take where nothing else is asked.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How much longer the system may take to give back what has a deadline.
const GRACE: Duration = Duration::from_secs(1);

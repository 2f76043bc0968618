//! What a person can ask for on the command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ipc_core::{ImpersonationLevel, Policy};

use fileserve::platform::words;
use fileserve::protocol::{Algorithm, Part};

use super::access::AccessName;
use super::audit::Audit;
use super::endpoint::{Compat, EndpointText};
use super::fence::FenceName;

/// Serve files, each opened with the rights of the client who asks for it.
#[derive(Debug, Parser)]
#[command(name = "fileserve", version, max_term_width = 100, after_help = after_help())]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve files at an endpoint until Ctrl-C
    #[command(long_about = words::SERVE)]
    Serve(Serve),
    /// Fetch a file, to standard output or to a file
    #[command(long_about = words::GET)]
    Get(Get),
    /// Show what a name stands for, without following a final link
    Stat(Look),
    /// List a directory, directories with a `/` behind their names
    Ls(Look),
    /// Compute a file's checksum on the server
    Sum(Sum),
    /// Show what the server knows about you, and whether it can act as you
    Whoami(WhoAmI),
    /// Show why you are refused: who serves there, whether you may connect, what of a path stops you
    #[command(long_about = EXPLAIN)]
    Explain(Explain),
    /// Play the scenario with real processes, and show who may read what
    #[command(long_about = words::DEMO)]
    Demo,
    /// Be a client of the demonstration.
    #[command(name = "__client", hide = true)]
    Client(DemoClient),
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where clients connect
    pub(crate) endpoint: EndpointText,
    #[command(flatten)]
    pub(crate) what: What,
    /// Speak another protocol: `dotnet`, that of the classic named-pipe sample of .NET
    ///
    /// Clients get the text of a file, or nothing where they would be refused; at most 32,767 UTF-16
    /// units of it. That protocol has no place for a level, so whoever connects counts as having
    /// granted impersonation.
    #[arg(long, value_name = "PROTOCOL")]
    pub(crate) compat: Option<Compat>,
    /// How files are opened
    #[arg(long, value_name = "HOW", default_value = "impersonate")]
    pub(crate) access: AccessName,
    /// To whom open files are handed over by `get --handle`; may be repeated [default: nobody]
    ///
    /// As `--allow`. The server opens the file as the client and passes it, and the client reads it by
    /// itself: as long as it likes, whatever it may read by then. It can lock the file, too.
    #[arg(long, value_name = "POLICY")]
    pub(crate) hand_over: Vec<Policy>,
    /// How many threads answer requests
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) workers: u16,
    #[arg(long, value_name = "POLICY", help = words::ALLOW, long_help = words::ALLOW_LONG)]
    pub(crate) allow: Vec<Policy>,
    /// Who may not connect, whatever `--allow` says; may be repeated
    ///
    /// As `--allow`. Who is not known not to be named is refused, too.
    #[arg(long, value_name = "POLICY")]
    pub(crate) deny: Vec<Policy>,
    /// The permissions of the socket file, in octal: 0666 lets everybody try [default: 0600, or with
    /// a group 0660]
    #[arg(long, value_name = "MODE", value_parser = octal_mode, hide = !words::HAS_SOCKET_MODE)]
    pub(crate) socket_mode: Option<u32>,
    /// The group of the socket file, by name or number: its members may try
    ///
    /// With `--user` it can only be that user's own.
    #[arg(long, value_name = "GROUP", hide = !words::HAS_SOCKET_MODE)]
    pub(crate) socket_group: Option<String>,
    /// Run as this user, and keep no right but to act as clients (Linux; start it as root)
    ///
    /// What the server opens by itself it then opens as a user who may read next to nothing; and it
    /// tries to get the other rights back, and serves only if it cannot. The directory of the socket
    /// must be that user's, and a bare name is one that no other user looks for. A user without an
    /// account is UID:GID.
    #[arg(long, value_name = "NAME|UID", hide = !words::HAS_USER)]
    pub(crate) user: Option<String>,
    /// Whether the kernel keeps the server in what it serves, whatever goes wrong in it (Linux)
    ///
    /// Once it listens it can read below the served directory, remove its socket, and do nothing else
    /// with files or the network, as whomever it acts. `auto` does that wherever there is Landlock and
    /// a `--root`, or clients open the files; `on` with `--any-path`, too, or the server does not start.
    #[arg(long, value_name = "WHEN", default_value = "auto", hide = !words::HAS_FENCE)]
    pub(crate) landlock: FenceName,
    /// How files are opened with a client's rights
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub(crate) mechanism: MechanismName,
    #[command(flatten)]
    pub(crate) audit: Audit,
    /// How long running transfers may take to finish after Ctrl-C
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(crate) drain: Duration,
    /// Print each request as a JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// How files are opened with a client's rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MechanismName {
    /// By requests where the system has them, else by the thread
    Auto,
    /// The kernel decides requests with the client's credentials (Linux, `io_uring`), or nothing opens
    Request,
    /// The thread becomes the client for each open
    Thread,
}

/// What is served: one of the two must be said.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct What {
    /// Serve what lies below DIR; no path leads out of it
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Serve every file that the client itself may read, by absolute path
    #[arg(long)]
    pub(crate) any_path: bool,
}

/// How a client reaches its server.
#[derive(Debug, Args)]
pub(crate) struct Reach {
    /// Where the server listens
    pub(crate) endpoint: EndpointText,
    /// Give up after this long, all in all: 500ms, 10s, 2m [default: 30s of silence]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
    /// Whom the server may be, as `--allow` of `serve` says it: same-user, root, uid:N, user:NAME,
    /// any; may be repeated [default: same-user or system, who can act as you anyway]
    ///
    /// It is looked at before the first byte is sent. With `any` whoever took the name first gets
    /// what you send, and may act as you as far as you let it.
    #[arg(long, value_name = "POLICY")]
    pub(crate) server: Vec<Policy>,
    #[arg(long, value_name = "LEVEL", default_value = "impersonation", help = words::LEVEL,
        long_help = words::LEVEL_LONG)]
    pub(crate) level: ImpersonationLevel,
}

#[derive(Debug, Args)]
pub(crate) struct Get {
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// The file, as the server names it: relative to its directory, or with `--any-path` any path,
    /// a relative one from the current directory
    pub(crate) path: OsString,
    /// Write to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Fetch only bytes A to B, both included and counted from 0; `A-` goes to the end
    #[arg(long, value_name = "A-B", value_parser = range)]
    pub(crate) range: Option<Part>,
    /// Go on with what an earlier, cut transfer to the same FILE has left
    #[arg(long, requires = "output", conflicts_with = "range")]
    pub(crate) resume: bool,
    /// Have the server open the file and hand it over, and read it here: the content does not cross the
    /// server, which must allow it by `--hand-over`
    #[arg(long)]
    pub(crate) handle: bool,
    /// Where the server has its clients open the files: pass it this one, whoever it is. Without, no file
    /// is passed to a server that may be anybody's (`--server any`)
    #[arg(long)]
    pub(crate) pass: bool,
    /// Speak another protocol: `dotnet`, that of the classic named-pipe sample of .NET
    ///
    /// ENDPOINT is then the name of a pipe, as a program of .NET has it, and the path goes to the
    /// server as it is. The file's text comes as UTF-8. A server that refuses says no word: exit
    /// code 7.
    #[arg(long, value_name = "PROTOCOL", conflicts_with_all = ["output", "range", "resume", "handle", "pass"])]
    pub(crate) compat: Option<Compat>,
}

#[derive(Debug, Args)]
pub(crate) struct Look {
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// The name, as the server has it; nothing means the served directory itself
    #[arg(default_value = ".")]
    pub(crate) path: OsString,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Sum {
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// The file, as the server names it
    pub(crate) path: OsString,
    /// How to compute it
    #[arg(long, value_name = "NAME", default_value = "blake3")]
    pub(crate) algorithm: AlgorithmName,
    /// Where the server has its clients open the files: pass it this one, whoever it is. Without, no file
    /// is passed to a server that may be anybody's (`--server any`)
    #[arg(long)]
    pub(crate) pass: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum AlgorithmName {
    Blake3,
    Sha256,
}

impl From<AlgorithmName> for Algorithm {
    fn from(name: AlgorithmName) -> Self {
        match name {
            AlgorithmName::Blake3 => Self::Blake3,
            AlgorithmName::Sha256 => Self::Sha256,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct WhoAmI {
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) reach: Reach,
    /// What you would fetch, as the server names it; with a `/` at its end, what you would list
    pub(crate) path: Option<OsString>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoClient {
    /// Where the demonstration's server listens
    pub(crate) endpoint: EndpointText,
    /// Whom to become first
    #[arg(long = "as", value_name = "ROLE")]
    pub(crate) role: Option<String>,
    /// What to ask for
    #[arg(required = true)]
    pub(crate) paths: Vec<String>,
    /// How often to ask for each
    #[arg(long, default_value_t = 1)]
    pub(crate) times: u32,
}

const EXPLAIN: &str = "\
Show why you are refused: who serves there, whether you may connect, what of a path stops you

It looks at the endpoint from outside: each place at which a client looks, whether somebody listens \
there and who, who else could, and what protects it. A server that `--server` does not admit is sent \
nothing. One that is trusted is asked what it knows of you, and whether it would serve PATH, for which \
it opens it as it would for `get`, or with a `/` at the end for `ls`. Where it would not, you are told \
at which name on the way and by which rule, as far as you could find out yourself.

Ends with 0 if you would be served, else with the exit code that the refusal has. It takes at most 10 \
seconds, or `--timeout`.";

fn after_help() -> String {
    format!(
        "\
Try it:
  fileserve demo                                  watch the whole scenario on this machine
  fileserve serve files --root {:<18} serve a directory to yourself
  fileserve get files notes.txt                   ... and read a file of it

{}
With `--compat dotnet` it is {}.
Exit codes: 0 done, 1 other, 2 usage, 3 not found, 4 permission denied, 5 not a regular file,
6 no server, 7 refused by policy or without a word, 8 timed out, 9 protocol error,
10 the file has changed, 11 incomplete, 12 server not trusted, 13 name in use,
14 the server cannot act as you, 15 outside of what is served.",
        words::SHARED,
        words::ENDPOINT,
        words::DOTNET_NAME
    )
}

fn octal_mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err("permissions are three octal digits, such as 0600 or 0666".to_owned()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let milliseconds = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(format!("`{unit}` is no unit of time; one of ms, s, m, h")),
    };
    let number: u64 = number.parse().map_err(|_| "a time begins with a whole number".to_owned())?;
    Ok(Duration::from_millis(number.saturating_mul(milliseconds)))
}

fn range(text: &str) -> Result<Part, String> {
    let number = |text: &str| {
        text.parse::<u64>().map_err(|_| format!("`{text}` is no position; a range is A-B or A-"))
    };
    let (from, to) = text.split_once('-').ok_or("a range is A-B or A-, counted from 0")?;
    let from = number(from)?;
    let length = match to {
        "" => None,
        to => match number(to)?.checked_sub(from) {
            Some(more) => Some(more.saturating_add(1)),
            None => return Err("a range ends where it begins or later".to_owned()),
        },
    };
    Ok(Part { from, length, of: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_declaration_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_range_includes_both_its_ends() {
        let part = |from, length| Part { from, length, of: None };
        assert_eq!(range("0-0"), Ok(part(0, Some(1))));
        assert_eq!(range("5-9"), Ok(part(5, Some(5))));
        assert_eq!(range("5-"), Ok(part(5, None)));
        assert_eq!(range("0-18446744073709551615"), Ok(part(0, Some(u64::MAX))));
        for text in ["", "5", "-5", "9-5", "a-b", "1-2-3"] {
            assert!(range(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_has_a_unit_or_is_in_seconds() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("10"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for text in ["", "s", "-1s", "1.5s", "5 s", "5d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_to_serve_must_be_said_once() {
        let parses = |text: &str| Arguments::try_parse_from(text.split(' ')).is_ok();
        assert!(parses("fileserve serve files --root /srv"));
        assert!(parses("fileserve serve files --any-path --allow uid:5 --allow gid:6"));
        assert!(parses("fileserve serve files --any-path --deny sandboxed --socket-group 5"));
        assert!(!parses("fileserve serve files --any-path --deny friends"));
        assert!(!parses("fileserve serve files"));
        assert!(!parses("fileserve serve files --root /srv --any-path"));
        assert!(!parses("fileserve serve files --any-path --socket-mode 999"));
        assert!(!parses("fileserve serve files --any-path --workers 0"));
        assert!(!parses("fileserve serve files --any-path --audit-required"));
        assert!(parses("fileserve whoami files --level anonymous"));
        assert!(!parses("fileserve get files x --level system"));
        assert!(!parses("fileserve get files x --resume"));
        assert!(parses("fileserve serve /tmp/pipe --compat dotnet --any-path"));
        assert!(!parses("fileserve get files x --compat dotnet --range 0-9"));
    }
}

//! Open files beside calls: one that the caller passes, and one that the server opens as its caller
//! and hands over; with an account of what was decided.
//!
//! ```sh
//! cargo run --example handles -- serve docs &
//! cargo run --example handles -- lines /etc/hostname
//! cargo run --example handles -- show protocol.md
//! ```
//!
//! A further argument is where to serve or to call: any endpoint, such as `unix:/tmp/handles`.

use std::error::Error;
use std::fs::File;
use std::io;
use std::sync::Arc;

use ipc::audit::{Event, Field, Sink};
use ipc::client::{Client, ClientOptions};
use ipc::files::{Open, RelativePath, Root as _};
use ipc::server::Server;
use ipc::service::{Context, Reply};
use ipc::{
    BindOptions, ConnectOptions, Endpoint, Failure, ImpersonationLevel, NativeAccounts, NativeRoot,
    Policy, native_with_handles, regular_file,
};

ipc::service! {
    /// Counts what it is given, and gives what it is asked for.
    pub trait Desk, client DeskClient {
        /// How many lines the file has that comes with the call. On the pool: the file system behind
        /// it may be the caller's own program, and keep a reader waiting.
        1 => fn lines() -> u64, takes_handle, pool;
        /// The file of that name, open, with its length.
        2 => fn lend(name: String) -> u64, handle;
    }
}

struct Clerk {
    root: NativeRoot,
}

impl Desk for Clerk {
    fn lines(&self, call: &Context<'_>) -> Result<Reply<u64>, Failure> {
        // What a caller passes may be anything; `note_passed` puts into the account what it was.
        let file = call.note_passed(regular_file(call.take_handle()?))?;
        let (mut lines, mut at, mut piece) = (0, 0, [0; 1 << 16]);
        // By position, for the caller may move that of the opening; and no longer than it waits,
        // for it may let the file grow.
        while !call.is_cancelled() && !call.deadline().has_passed() {
            let count = self.root.read_at(&file, &mut piece, at)?;
            if count == 0 {
                break;
            }
            lines += piece[..count].iter().filter(|byte| **byte == b'\n').count() as u64;
            at += count as u64;
        }
        Ok(lines.into())
    }

    fn lend(&self, call: &Context<'_>, name: String) -> Result<Reply<u64>, Failure> {
        let path = RelativePath::new(name.as_bytes())?;
        let file = call.open_as_peer(&self.root, &path, Open::Read)?;
        let length = self.root.metadata(&file)?.length;
        Ok(Reply::new(length).with_handle(file))
    }
}

/// Tells each decision on standard error. A sink that fails keeps the decision from being carried out.
#[derive(Debug)]
struct Told;

impl Sink for Told {
    fn write(&self, event: &Event<'_>) -> Result<(), Failure> {
        let text = |value| match value {
            Field::Number(number) => number.to_string(),
            Field::Bytes(bytes) => format!("\"{}\"", bytes.escape_ascii()),
            Field::Text(text) => format!("{text:?}"),
            _ => "?".to_owned(),
        };
        let fields = event.fields().map(|(name, value)| format!("{name}={}", text(value)));
        eprintln!("{}", fields.collect::<Vec<_>>().join(" "));
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(what), Some(which)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: handles serve DIRECTORY | lines FILE | show NAME [ENDPOINT]");
        std::process::exit(2);
    };
    let at: Endpoint = arguments.next().unwrap_or_else(|| "handles-example".to_owned()).parse()?;
    match what.as_str() {
        "serve" => serve(at, &which),
        "lines" => {
            eprintln!("{} lines", call(&at)?.lines(File::open(which)?)?);
            Ok(())
        }
        _ => show(call(&at)?, which),
    }
}

fn serve(at: Endpoint, directory: &str) -> Result<(), Box<dyn Error>> {
    let clerk = Clerk { root: NativeRoot::open_dir(directory)? };
    let server = Server::builder(Arc::new(native_with_handles()), at)
        .bind_options(BindOptions::new().handles(true))
        .policy(WHO.parse::<Policy>()?.resolve(&NativeAccounts)?)
        .audit(Arc::new(Told))
        .serve(clerk.into_service())?;
    eprintln!("listening at {}; stop with Ctrl-C", server.endpoint());
    loop {
        std::thread::park();
    }
}

/// Whom the server admits: the same text as on the command line of `fileserve`. Names in it, such as
/// `group:staff`, are looked up by `resolve`.
const WHO: &str = "same-user or root";

fn call(at: &Endpoint) -> ipc::Result<DeskClient> {
    // To lend a file the server opens it as this client, so this client must allow it to.
    let options = ConnectOptions::new().handles(true).level(ImpersonationLevel::Impersonation);
    let client = Client::connect(&native_with_handles(), at, &options, ClientOptions::new())?;
    Ok(DeskClient::from(client))
}

fn show(mut desk: DeskClient, name: String) -> Result<(), Box<dyn Error>> {
    let mut lent = desk.lend(name)?;
    let handle = lent.handle.take().ok_or("the server has passed nothing")?;
    // A server may pass anything, too. From here on the bytes do not cross it.
    let mut file = regular_file(handle)?;
    eprintln!("{} bytes", lent.value);
    io::copy(&mut file, &mut io::stdout().lock())?;
    Ok(())
}

//! A client of `fileserve` in a program of one's own: who am I to the server, and one file.
//!
//! ```sh
//! cargo run -p fileserve -- serve files --root docs &
//! cargo run --example file_client -- files protocol.md
//! ```

use std::io;

use fileserve::protocol::{Part, WirePath};
use fileserve::{FileClient, Result};
use ipc::client::{Client, ClientOptions};
use ipc::{ConnectOptions, Endpoint, ImpersonationLevel, Transports};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(at), Some(path)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: file_client ENDPOINT PATH");
        std::process::exit(2);
    };
    let at: Endpoint = at.parse()?;

    // The server opens files as this client, so this client must allow it to.
    let options = ConnectOptions::new().level(ImpersonationLevel::Impersonation);
    let client =
        Client::connect(&*Transports::new().find(&at)?, &at, &options, ClientOptions::new())?;
    let mut files = FileClient::new(client);

    eprintln!("the server knows: {:?}", files.whoami()?.identity);
    let mut content = files.open(&WirePath::new(path)?, &Part::WHOLE)?;
    eprintln!("{} bytes", content.head().length);
    content.copy_to(&mut io::stdout().lock(), &mut |_| {})?;
    Ok(())
}

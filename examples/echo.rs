//! A service of one method, and a caller.
//!
//! ```sh
//! cargo run --example echo -- serve &
//! cargo run --example echo -- "is anybody there?"
//! ```
//!
//! A further argument is where to serve or to call: any endpoint, such as `unix:/tmp/echo`.

use std::sync::Arc;

use ipc::client::{Client, ClientOptions};
use ipc::server::Server;
use ipc::service::{Context, Reply};
use ipc::{ConnectOptions, Endpoint, Failure, Native};

ipc::service! {
    /// Says what it hears.
    pub trait Echo, client EchoClient {
        /// Returns `text`.
        1 => fn echo(text: String) -> String;
    }
}

struct Wall;

impl Echo for Wall {
    fn echo(&self, call: &Context<'_>, text: String) -> Result<Reply<String>, Failure> {
        eprintln!("{} heard {:?} from {}", call.worker(), text, call.peer()?);
        Ok(text.into())
    }
}

fn main() -> ipc::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_else(|| "hello?".to_owned());
    let at: Endpoint = arguments.next().unwrap_or_else(|| "echo-example".to_owned()).parse()?;
    if what == "serve" { serve(at) } else { call(&at, &what) }
}

fn serve(at: Endpoint) -> ipc::Result<()> {
    let server = Server::builder(Arc::new(Native::new()), at).serve(Wall.into_service())?;
    eprintln!("listening at {}; stop with Ctrl-C", server.endpoint());
    loop {
        std::thread::park();
    }
}

fn call(at: &Endpoint, text: &str) -> ipc::Result<()> {
    let client = Client::connect(&Native::new(), at, &ConnectOptions::new(), ClientOptions::new())?;
    let answer = EchoClient::from(client).echo(text.to_owned())?;
    eprintln!("{answer}");
    Ok(())
}

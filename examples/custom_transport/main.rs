//! A transport that `ipc` does not know: TCP on this machine, under a scheme of its own.
//!
//! ```sh
//! cargo run --example custom_transport [PORT]
//! ```
//!
//! [`tcp`] is all that it takes; `tests/custom_transport.rs` shows that it passes the conformance
//! suite, and `docs/writing-a-transport.md` explains each step.

use std::thread;

use ipc::{BindOptions, ConnectOptions, Deadline, Endpoint, Policy, Transports};

mod tcp;

fn main() -> ipc::Result<()> {
    let transports = Transports::new().and(tcp::TcpTransport);
    let port = std::env::args().nth(1).unwrap_or_else(|| "21847".to_owned());
    let at = Endpoint::with_scheme("tcp", &port)?;
    let transport = transports.find(&at)?;

    let listener = transport.bind(&at, &BindOptions::new())?;
    let server = thread::spawn(move || {
        let connection = listener.accept(Deadline::NEVER)?;
        let mut question = [0; 16];
        connection.read_exact(&mut question, Deadline::NEVER)?;
        eprintln!("{} asks: {}", connection.peer()?, String::from_utf8_lossy(&question));
        connection.write_all(b"yes", Deadline::NEVER)?;
        connection.close(Deadline::NEVER)
    });

    // Nobody vouches for a TCP peer, so the default policy would not trust this server.
    let client = transport.connect(&at, &ConnectOptions::new().server(Policy::any()))?;
    client.write_all(b"is anybody here?", Deadline::NEVER)?;
    let mut answer = [0; 3];
    client.read_exact(&mut answer, Deadline::NEVER)?;
    eprintln!("the server says: {}", String::from_utf8_lossy(&answer));
    client.close(Deadline::NEVER)?;
    server.join().expect("the server does not panic")
}

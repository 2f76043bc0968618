//! A client that was written from `docs/protocol.md`, in another language, against this server.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use ipc::server::Server;
use ipc::service::{Arguments, Body, Context, Reply, Service};
use ipc::{BindOptions, Deadline, Endpoint, ErrorKind, Failure, Native, Transport};

/// What `session.py` describes.
struct Tester;

impl Service for Tester {
    fn call(
        &self,
        context: &Context<'_>,
        method: u32,
        mut arguments: Arguments<'_>,
    ) -> Result<Reply<Vec<u8>>, Failure> {
        let argument = arguments.next().unwrap_or_default().to_vec();
        match method {
            1 => Ok(argument.into()),
            3 => {
                let length = u64::from_le_bytes(argument[..].try_into().expect("a u64"));
                let body = (0..length).map(|at| (at % 251) as u8).collect();
                Ok(Reply::new(argument).with_body(Body::Bytes(body)))
            }
            4 => {
                let mut content = Vec::new();
                let mut file = context.take_handle()?.into_unchecked();
                file.seek(SeekFrom::Start(0))?;
                file.read_to_end(&mut content)?;
                Ok(content.into())
            }
            5 => {
                let mut file = tempfile::tempfile()?;
                file.write_all(&argument)?;
                Ok(Reply::new(Vec::new()).with_handle(file))
            }
            _ => Err(Failure::new(ErrorKind::NotFound, "no such thing")),
        }
    }
}

#[test]
fn a_client_written_from_the_page_alone_is_served() {
    let transport = Native::default();
    if transport.scheme() != "unix" {
        return skip("the client knows Unix sockets");
    }
    if Command::new("python3").arg("--version").output().is_err() {
        return skip("there is no python3");
    }
    let directory = tempfile::tempdir().expect("a directory of our own");
    let socket = directory.path().join("s");
    let socket = socket.to_str().expect("a temporary directory has a plain name");
    let at = Endpoint::with_scheme("unix", socket).expect("an endpoint");
    let server = Server::builder(Arc::new(transport), at)
        .bind_options(BindOptions::new().handles(true))
        .serve(Tester)
        .expect("the name is free");

    let client = Command::new("python3")
        .args(["-B", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/session.py"), socket])
        .output()
        .expect("python3 runs");
    let said = String::from_utf8_lossy(&client.stdout).into_owned();
    assert!(client.status.success(), "{said}{}", String::from_utf8_lossy(&client.stderr));
    assert_eq!(said.lines().count(), 7, "{said}");
    server.shutdown(Deadline::after(Duration::from_secs(10))).expect("every client has left");
}

fn skip(reason: &str) {
    ipc_testkit::skip("a_client_written_from_the_page_alone_is_served", reason);
}

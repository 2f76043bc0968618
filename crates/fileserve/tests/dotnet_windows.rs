//! What `--compat dotnet` has on Windows alone: levels that the system carries.
#![cfg(windows)]
#![allow(clippy::disallowed_methods, reason = "files of the test's own")]

mod common;

use common::{Place, Server, dotnet, raw};
use fileserve::dotnet::GREETING;
use ipc_core::ImpersonationLevel::{Anonymous, Identification};
use ipc_core::{ConnectOptions, Endpoint};

#[test]
fn a_client_that_grants_less_than_the_protocol_states_is_not_acted_for() {
    let place = Place::new();
    let path = place.file("notes", "content");
    let server = Server::for_dotnet(&place, ["--allow", "any"]);
    let endpoint: Endpoint = place.endpoint().parse().expect("an endpoint");
    for level in [Anonymous, Identification] {
        let options = ConnectOptions::new().level(level).deadline(raw::soon());
        let transport = fileserve::platform::transport();
        let client = transport.connect(&endpoint, &options).expect("a server");
        assert_eq!(dotnet::read_string(&*client), GREETING);
        let name = dotnet::string(path.to_str().expect("text"));
        client.write_all(&name, raw::soon()).expect("the server reads");
        assert_eq!(client.read(&mut [0], raw::soon()).expect("closed"), 0, "{level}");
        assert_ne!(server.record()["outcome"], "ok", "{level}");
    }
}

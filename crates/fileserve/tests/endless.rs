//! A server that lists without end.

use std::sync::Arc;

use fileserve::protocol::{WirePath, encode_entry};
use fileserve::{FileClient, FileService};
use ipc_core::client::{Client, ClientOptions};
use ipc_core::files::DirectoryEntry;
use ipc_core::server::Server;
use ipc_core::service::{Arguments, Body, Context, Reply, Service};
use ipc_core::{ConnectOptions, Endpoint, ErrorKind, Failure, MemoryTransport};

/// Lists the same entry again and again: so many times.
#[derive(Debug)]
struct Lists(u32);

impl Service for Lists {
    fn call(
        &self,
        _context: &Context<'_>,
        _method: u32,
        _arguments: Arguments<'_>,
    ) -> Result<Reply<Vec<u8>>, Failure> {
        let mut body = Vec::new();
        let entry = DirectoryEntry { name: b"again".to_vec(), kind: None };
        (0..self.0).for_each(|_| encode_entry(&mut body, &entry));
        let value = [&self.0.to_le_bytes()[..], &[1]].concat();
        Ok(Reply::new(value).with_body(Body::Bytes(body)))
    }
}

#[test]
fn a_client_takes_no_more_of_a_listing_than_a_server_lists() {
    for (entries, is_taken) in [(1_000, true), (1_000_000, false)] {
        let transport = MemoryTransport::new();
        let at: Endpoint = "mem:endless".parse().expect("an endpoint");
        let server = Server::builder(Arc::new(transport.clone()), at.clone());
        let _server = server.serve(Lists(entries)).expect("the name is free");
        let connected =
            Client::connect(&transport, &at, &ConnectOptions::new(), ClientOptions::new());
        let mut client = FileClient::new(connected.expect("is served"));
        let mut taken = 0_usize;
        let listed = client.list(&WirePath::new("").expect("short"), &mut |_| taken += 1);
        if is_taken {
            assert_eq!(listed.expect("is short").entries, entries);
        } else {
            let error = listed.expect_err("never ends");
            assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
            assert!(taken * 8 <= FileService::MAX_LISTING + (1 << 17), "{taken} entries");
        }
    }
}

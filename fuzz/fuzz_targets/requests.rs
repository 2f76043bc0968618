//! Requests of any method with any arguments, through the dispatch that `service!` writes and the
//! file service behind it; and answers of any bytes, as clients decode them.
#![no_main]

use std::sync::Arc;

use fileserve::protocol::{About, Digest, FileHead, FileInfo, Listing, Names, Validator, WhoAmI};
use fileserve::{FileService, Files};
use ipc_core::service::{Arguments, Context, Service, Worker};
use ipc_core::{
    BindOptions, CancelToken, Codec, ConnectOptions, Connection, Deadline, ImpersonationLevel,
    MemoryTransport, Transport,
};
use ipc_fuzz::meter::Meter;
use ipc_fuzz::shelf::{LENGTH, Shelf};
use libfuzzer_sys::fuzz_target;

thread_local! {
    static SERVICES: [Box<dyn Service>; 2] = [Names::BelowRoot, Names::Absolute].map(|names| {
        Box::new(FileService::new(Shelf::new(), names).into_service()) as Box<dyn Service>
    });
    static CONNECTION: Box<dyn Connection> = connection();
}

fuzz_target!(|bytes: &[u8]| {
    let meter = Meter::begin();
    answers(bytes);
    if let Some(([which, method], rest)) = bytes.split_first_chunk::<2>() {
        if let Ok(arguments) = Arguments::new(rest) {
            request(usize::from(which % 2), u32::from(*method), arguments);
        }
    }
    meter.assert_below(64 * 1024);
});

fn request(which: usize, method: u32, arguments: Arguments<'_>) {
    let meter = Meter::begin();
    let length = arguments.as_bytes().len();
    CONNECTION.with(|connection| {
        let cancel = CancelToken::new();
        let context = Context::new(&**connection, Deadline::NEVER, &cancel, Worker::Worker(1));
        let reply = SERVICES.with(|services| services[which].call(&context, method, arguments));
        meter.assert_below(64 * length + 64 * 1024);
        if let Ok(reply) = reply {
            assert!(reply.value.len() < 64 * 1024);
            if let ipc_core::service::Body::File(part) = &reply.body {
                let end = part.from.checked_add(part.length).expect("no end beyond all numbers");
                assert!(end <= LENGTH, "beyond the end of the file");
            }
        }
    });
}

/// What a client makes of the values that a server sends.
fn answers(bytes: &[u8]) {
    fn decode<T: serde::de::DeserializeOwned + serde::Serialize>(bytes: &[u8]) {
        let meter = Meter::begin();
        let Ok(value) = Codec::Bincode.decode::<T>(bytes) else { return };
        meter.assert_below(16 * bytes.len() + 4096);
        assert_eq!(Codec::Bincode.encode(&value).expect("was decoded"), bytes);
    }
    decode::<FileHead>(bytes);
    decode::<FileInfo>(bytes);
    decode::<Listing>(bytes);
    decode::<Digest>(bytes);
    decode::<WhoAmI>(bytes);
    decode::<About>(bytes);
    decode::<Validator>(bytes);
}

/// The server's end of a connection whose client lets it act.
fn connection() -> Box<dyn Connection> {
    let transport = Arc::new(MemoryTransport::new());
    let at = "mem:fuzz".parse().expect("an endpoint");
    let listener = transport.bind(&at, &BindOptions::new()).expect("free");
    let client = transport.connect(&at, &ConnectOptions::new()).expect("bound");
    let server = listener.accept(Deadline::NEVER).expect("connected");
    server.state_level(ImpersonationLevel::Impersonation).expect("the first time");
    drop(client);
    server
}

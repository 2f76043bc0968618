//! The strings of .NET's sample, by hand.

use std::path::Path;
use std::process::Command;

use fileserve::platform;
use ipc_core::{ConnectOptions, Connection, ImpersonationLevel};

use super::{Server, fileserve, raw};

/// What asks `server` for `path`.
pub(crate) fn get(server: &Server, path: impl AsRef<Path>) -> Command {
    let mut get = fileserve(["get", server.endpoint(), "--compat", "dotnet"]);
    get.arg(path.as_ref());
    get
}

/// Connects to the pipe of that name, as a client that the server may act as.
pub(crate) fn connect(to: &str) -> Box<dyn Connection> {
    let options =
        ConnectOptions::new().level(ImpersonationLevel::Impersonation).deadline(raw::soon());
    let endpoint = platform::dotnet_endpoint(to).expect("a name");
    platform::transport().connect(&endpoint, &options).expect("a server")
}

/// What `text` is on the wire.
pub(crate) fn string(text: &str) -> Vec<u8> {
    let units = text.encode_utf16().flat_map(u16::to_le_bytes);
    let length = u16::try_from(2 * text.encode_utf16().count()).expect("short").to_be_bytes();
    length.into_iter().chain(units).collect()
}

/// The next string that comes, whole.
pub(crate) fn read_string(from: &dyn Connection) -> String {
    let mut length = [0; 2];
    from.read_exact(&mut length, raw::soon()).expect("a length");
    let mut payload = vec![0; u16::from_be_bytes(length).into()];
    from.read_exact(&mut payload, raw::soon()).expect("a string");
    let units = payload.chunks(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    String::from_utf16(&units.collect::<Vec<_>>()).expect("text")
}

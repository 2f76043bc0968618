//! Frames: what is decoded of a header or a payload is what was encoded, and within its limits.
#![no_main]

use ipc_core::frame::{Header, Kind, MAX_DATA, MIN_PAYLOAD, RequestHead, Status};
use ipc_core::service::Arguments;
use ipc_fuzz::meter::Meter;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let meter = Meter::begin();
    let Ok(Some(header)) = Header::decode(bytes, MIN_PAYLOAD) else { return };
    let limit = if header.kind == Kind::Data { MAX_DATA } else { MIN_PAYLOAD };
    assert!(header.length <= limit);
    assert_eq!(header.encode(), bytes[..Header::LENGTH]);

    let payload = &bytes[Header::LENGTH..];
    if let Ok((head, arguments)) = RequestHead::decode(payload) {
        assert_eq!(head.encode(), payload[..RequestHead::LENGTH]);
        let mut again = Vec::new();
        for argument in arguments {
            Arguments::push(&mut again, argument);
        }
        assert_eq!(again, payload[RequestHead::LENGTH..]);
    }
    if let Ok(status) = Status::decode(payload) {
        let kept =
            status.result.err().map_or(0, |failure| failure.text().len() + failure.detail().len());
        // A byte that is no text becomes a character of three.
        assert!(kept <= 3 * payload.len());
    }
    meter.assert_below(16 * bytes.len() + 4096);
});

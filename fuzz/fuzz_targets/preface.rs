//! Prefaces: what is decoded is what was encoded, and is decoded of no fewer bytes than it says.
#![no_main]

use ipc_core::frame::{MIN_PAYLOAD, Preface, VERSION};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match Preface::decode(bytes) {
        Ok(None) => {
            assert!(bytes.len() < Preface::MAX_LENGTH, "more than the longest is waited for")
        }
        Ok(Some((preface, length))) => {
            assert!((Preface::LENGTH..=Preface::MAX_LENGTH).contains(&length));
            assert!(length <= bytes.len());
            assert!(preface.payload >= MIN_PAYLOAD);
            let again = preface.encode();
            assert_eq!(Preface::decode(&again).ok().flatten(), Some((preface, Preface::LENGTH)));
            assert_eq!(again[10..], bytes[10..Preface::LENGTH]);
            assert!(matches!(Preface::decode(&bytes[..length - 1]), Ok(None)));
            if let Some(version) = preface.common_version() {
                assert!(preface.lowest <= version && version <= preface.version.min(VERSION));
            }
        }
        // What was wrong stays wrong, whatever follows.
        Err(_) => assert!(Preface::decode(&[bytes, &[0; 64]].concat()).is_err()),
    }
});

//! The text of endpoints: what is read can be written and read again, and hides nothing.
#![no_main]

use ipc_core::Endpoint;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match text.parse::<Endpoint>() {
        Ok(endpoint) => {
            assert_eq!(endpoint.to_string(), text);
            assert_eq!(endpoint.to_string().parse::<Endpoint>().expect("as before"), endpoint);
            assert!(!text.contains(char::is_control) && text.len() <= Endpoint::MAX_LENGTH);
            match endpoint.scheme() {
                Some(scheme) => {
                    let again = Endpoint::with_scheme(scheme, endpoint.name());
                    assert_eq!(again.expect("its own parts"), endpoint);
                }
                None => {
                    assert!(!endpoint.name().contains(['/', '\\', ':']));
                    assert!(!endpoint.name().starts_with('.'));
                    assert!(endpoint.name().len() <= Endpoint::MAX_BARE_LENGTH);
                }
            }
        }
        Err(error) => assert!(!error.to_string().contains(char::is_control), "{error}"),
    }
});

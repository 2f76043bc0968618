//! The names of files as clients send them: what is accepted leads nowhere but down, on either
//! system, and whatever is shown of it is shown escaped.
#![no_main]

use fileserve::protocol::{Names, WirePath};
use ipc_core::files::{Escaped, RelativePath};
use ipc_fuzz::shelf::assert_contained;
use libfuzzer_sys::fuzz_target;

/// The text rules of Windows, which are portable; their crate is not.
#[path = "../../crates/ipc-windows/src/root/names.rs"]
#[allow(dead_code, unreachable_pub, reason = "their crate uses what this target does not")]
#[rustfmt::skip]
mod names;

fuzz_target!(|text: &[u8]| {
    assert_shown_escaped(&Escaped(text).to_string());
    let Ok(path) = WirePath::new(text) else {
        assert!(text.len() > WirePath::MAX_LENGTH);
        return;
    };
    assert_shown_escaped(&path.to_string());
    for names in [Names::BelowRoot, Names::Absolute] {
        match path.below_root(names) {
            Ok(below) => {
                assert_eq!(path.is_absolute(), names == Names::Absolute);
                assert_contained(&below);
                assert_shown_escaped(&below.to_string());
                // What is tidy is not changed any more.
                let again = RelativePath::new(below.as_bytes());
                assert_eq!(again.expect("a path that was accepted"), below);
                assert_safe_on_windows(&below);
            }
            Err(error) => assert_shown_escaped(&error.to_string().replace('`', "")),
        }
    }
});

fn assert_shown_escaped(shown: &str) {
    let hides = |c: char| {
        c.is_control()
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
    };
    assert!(!shown.contains(hides), "{shown:?}");
    let unescaped = shown.split('`').rev().skip(1).find(|before| !before.ends_with('\\'));
    assert_eq!(unescaped, None, "a backtick ends a quotation");
}

/// By a list of one's own, so that a gap in the rules is none in here.
fn assert_safe_on_windows(path: &RelativePath) {
    let Ok(native) = names::native(path) else { return };
    let native = String::from_utf16(&native).expect("made of text");
    assert!(!native.contains(['/', ':', '*', '?', '"', '<', '>', '|', '\0']), "{native:?}");
    for name in native.split('\\').filter(|_| !native.is_empty()) {
        assert!(!name.is_empty() && !name.ends_with(['.', ' ']), "{native:?}");
        assert!(name.chars().all(|c| c >= ' '), "{native:?}");
        let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
        for device in ["CON", "PRN", "AUX", "NUL", "COM1", "COM9", "LPT1", "LPT9", "CONIN$"] {
            assert_ne!(stem, device, "{native:?}");
        }
    }
}

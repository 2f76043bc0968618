//! The account that a server keeps in a file.

use std::fs;
use std::path::Path;
use std::thread;

use serde_json::Value;

use super::raw::soon;

/// Every line of the file at `path`, each of which must be one of JSON.
pub(crate) fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("an account, in Unicode");
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is torn: {text}");
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// The lines of `path` once one of them is such a one.
pub(crate) fn wait_for(path: &Path, such: impl Fn(&Value) -> bool) -> Vec<Value> {
    let patience = soon();
    loop {
        let lines = lines(path);
        if lines.iter().any(&such) {
            return lines;
        }
        assert!(!patience.has_passed(), "no such line: {lines:#?}");
        thread::yield_now();
    }
}

/// Those of `lines` that tell of that.
pub(crate) fn of<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

/// The path in `line`, in full.
pub(crate) fn path_in(line: &Value) -> Vec<u8> {
    match line["path_hex"].as_str() {
        None => line["path"].as_str().expect("a path").as_bytes().to_vec(),
        Some(hex) => {
            let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex");
            (0..hex.len()).step_by(2).map(digits).collect()
        }
    }
}

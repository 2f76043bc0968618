//! Paths as people type them, and as they travel: `C:\dir\notes.txt` travels as `/C:/dir/notes.txt`.

use std::ffi::OsStr;
use std::io;
use std::path::{self, Path, PathBuf};

/// Whether what a person typed begins at the top of a system, as it travels: with `/` and a drive.
#[must_use]
pub fn is_from_top(typed: &OsStr) -> bool {
    typed.as_encoded_bytes().strip_prefix(b"/").is_some_and(begins_with_drive)
}

/// The path from a drive on, without a `..`. The system takes those by the text alone, whatever
/// links there are.
///
/// # Errors
/// What the system said.
pub fn from_top(typed: &Path) -> io::Result<PathBuf> {
    let travelling = typed.to_str().filter(|text| is_from_top(text.as_ref()));
    path::absolute(travelling.map_or(typed, |text| Path::new(&text[1..])))
}

/// A path of this system as it travels: in UTF-8, with `/` between names, and with `/` before a
/// drive. `None` for one that cannot travel.
#[must_use]
pub fn wire_path(path: &OsStr) -> Option<Vec<u8>> {
    let text = path.to_str()?.replace('\\', "/");
    let text = text.strip_prefix("//?/").unwrap_or(&text);
    let before = if begins_with_drive(text.as_bytes()) { "/" } else { "" };
    Some([before, text].concat().into_bytes())
}

/// Whether `text` begins with a drive and its top, not with a drive and a place there.
fn begins_with_drive(text: &[u8]) -> bool {
    match text {
        [letter, b':'] | [letter, b':', b'/' | b'\\', ..] => letter.is_ascii_alphabetic(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_travels_with_its_drive_as_the_first_name() {
        for (typed, travels) in [
            (r"C:\dir\notes.txt", "/C:/dir/notes.txt"),
            ("C:/dir/notes.txt", "/C:/dir/notes.txt"),
            (r"c:\", "/c:/"),
            (r"\\?\C:\dir", "/C:/dir"),
            (r"docs\notes.txt", "docs/notes.txt"),
            ("/C:/dir", "/C:/dir"),
            // What follows is refused by the server, by its text.
            ("C:notes.txt", "C:notes.txt"),
            (r"\\host\share\x", "//host/share/x"),
            (r"\\.\pipe\x", "//./pipe/x"),
            (r"\\?\UNC\host\share", "UNC/host/share"),
            ("a:b", "a:b"),
        ] {
            assert_eq!(wire_path(typed.as_ref()), Some(travels.into()), "{typed}");
        }
    }

    #[test]
    fn what_begins_with_a_slash_and_a_drive_is_from_the_top() {
        for typed in ["/C:/x", "/c:", "/C:\\x"] {
            assert!(is_from_top(typed.as_ref()), "{typed}");
        }
        for typed in ["C:/x", "/x", "x", "/C:x", "/1:/x", "//C:/x", "", "/"] {
            assert!(!is_from_top(typed.as_ref()), "{typed}");
        }
    }

    #[test]
    fn what_goes_up_is_found_where_the_system_would_find_it() {
        let found = |typed: &str| {
            let path = from_top(Path::new(typed)).expect("told");
            String::from_utf8(wire_path(path.as_os_str()).expect("text")).expect("text")
        };
        assert_eq!(found(r"C:\a\..\x"), "/C:/x");
        assert_eq!(found("/C:/a/../x/"), "/C:/x/");
        assert_eq!(found(r"C:\..\..\x"), "/C:/x");
        let here = std::env::current_dir().expect("told");
        let here = String::from_utf8(wire_path(here.as_os_str()).expect("text")).expect("text");
        assert_eq!(found("x"), format!("{}/x", here.trim_end_matches('/')));
        assert_eq!(found(r"\x"), format!("{}/x", &here[..3]));
    }
}

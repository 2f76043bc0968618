//! Which names are handed to the system at all, decided by their text.
//!
//! Windows takes many names for something else than a file: `nul.txt` for a device, `a:b` for a
//! hidden part of `a`, `a.` for `a`. What is refused here never reaches it, whether or not the way
//! by which files are opened would read it so.

use std::fmt;

use ipc_core::files::RelativePath;

/// Why a name is not handed to the system. Shown, it completes "the name …".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Empty,
    NoUnicode,
    Device,
    Up,
    Character(char),
    Ending,
    TooLong,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::NoUnicode => f.write_str("is no Unicode, as names are on Windows"),
            Self::Device => f.write_str("is a device's on Windows"),
            Self::Up => f.write_str("is no file's"),
            Self::Character(found) => {
                write!(f, "contains `{}`, as no name does on Windows", found.escape_debug())
            }
            Self::Ending => f.write_str("ends with a dot or a space, as no name does on Windows"),
            Self::TooLong => write!(f, "is longer than {MAX_UNITS} UTF-16 units"),
        }
    }
}

/// `path` as the system takes it below a directory: components separated by `\`, in UTF-16.
///
/// # Errors
/// The first component that must not be handed over, and why.
pub(super) fn native(path: &RelativePath) -> Result<Vec<u16>, (&[u8], Fault)> {
    let mut native = Vec::with_capacity(path.as_bytes().len());
    for component in path.components() {
        let name = std::str::from_utf8(component).map_err(|_| (component, Fault::NoUnicode))?;
        check(name).map_err(|fault| (component, fault))?;
        if !native.is_empty() {
            native.push(u16::from(b'\\'));
        }
        native.extend(name.encode_utf16());
    }
    Ok(native)
}

/// The directory that what has the native `name` lies in, and its own name there.
pub(crate) fn split(name: &[u16]) -> (&[u16], &[u16]) {
    match name.iter().rposition(|unit| *unit == SEPARATOR) {
        Some(at) => (&name[..at], &name[at + 1..]),
        None => (&[], name),
    }
}

/// Between the components of a native name.
pub(crate) const SEPARATOR: u16 = b'\\' as u16;

/// Whether `name` can be a file's or directory's, and nothing else.
pub(crate) fn check(name: &str) -> Result<(), Fault> {
    let is_wrong = |c: &char| c.is_control() || FORBIDDEN.contains(c);
    if name.is_empty() {
        Err(Fault::Empty)
    } else if name == "." || name == ".." {
        Err(Fault::Up)
    } else if let Some(wrong) = name.chars().find(is_wrong) {
        Err(Fault::Character(wrong))
    } else if name.ends_with(['.', ' ']) {
        Err(Fault::Ending)
    } else if is_device(name) {
        Err(Fault::Device)
    } else if name.encode_utf16().count() > MAX_UNITS {
        Err(Fault::TooLong)
    } else {
        Ok(())
    }
}

/// Whether some version of Windows takes `name` for a device: in any directory, with any extension
/// and any spaces before it.
pub(crate) fn is_device(name: &str) -> bool {
    let stem = name.split(['.', ':']).next().unwrap_or_default().trim_end_matches(' ');
    if DEVICES.iter().any(|device| device.eq_ignore_ascii_case(stem)) {
        return true;
    }
    let Some((port, number)) = stem.char_indices().nth(3).map(|(at, _)| stem.split_at(at)) else {
        return false;
    };
    let is_numbered = ["COM", "LPT"].iter().any(|device| device.eq_ignore_ascii_case(port));
    is_numbered && NUMBERS.contains(&number)
}

/// Source: "Naming Files, Paths, and Namespaces", Naming Conventions; the two of the console, "Console
/// Handles".
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];

/// What stands behind `COM` or `LPT`: the superscript digits of Latin-1 count as digits. Source: as
/// [`DEVICES`].
const NUMBERS: [&str; 13] =
    ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "\u{b9}", "\u{b2}", "\u{b3}"];

/// Beside control characters and `/`, which no component has. Source: as [`DEVICES`].
const FORBIDDEN: [char; 8] = ['<', '>', ':', '"', '\\', '|', '?', '*'];

/// The longest name of a file. Source: as [`DEVICES`], "Maximum Path Length Limitation".
const MAX_UNITS: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t32_t33_t34_t35_hostile_names_are_refused_for_their_text() {
        for (name, fault) in [
            ("", Fault::Empty),
            (".", Fault::Up),
            ("..", Fault::Up),
            ("nul", Fault::Device),
            ("NUL", Fault::Device),
            ("nul.txt", Fault::Device),
            ("nul.tar.gz", Fault::Device),
            ("nul .txt", Fault::Device),
            ("Con", Fault::Device),
            ("prn.x", Fault::Device),
            ("aux.h", Fault::Device),
            ("CONIN$", Fault::Device),
            ("conout$.log", Fault::Device),
            ("COM0", Fault::Device),
            ("com1", Fault::Device),
            ("COM9.dat", Fault::Device),
            ("COM\u{b9}", Fault::Device),
            ("com\u{b2}.txt", Fault::Device),
            ("LPT\u{b3}", Fault::Device),
            ("lpt1 .x", Fault::Device),
            ("notes.txt:stream", Fault::Character(':')),
            ("notes.txt::$DATA", Fault::Character(':')),
            ("C:", Fault::Character(':')),
            ("C:notes", Fault::Character(':')),
            ("a\\b", Fault::Character('\\')),
            ("\\\\?\\C:\\x", Fault::Character('\\')),
            ("..\\x", Fault::Character('\\')),
            ("\\??\\pipe\\x", Fault::Character('\\')),
            ("*", Fault::Character('*')),
            ("a?", Fault::Character('?')),
            ("a|b", Fault::Character('|')),
            ("<a", Fault::Character('<')),
            ("a>", Fault::Character('>')),
            ("\"a\"", Fault::Character('"')),
            ("a\u{1}", Fault::Character('\u{1}')),
            ("a\u{1f}", Fault::Character('\u{1f}')),
            ("a\n", Fault::Character('\n')),
            ("notes.txt.", Fault::Ending),
            ("notes.txt ", Fault::Ending),
            ("notes. . .", Fault::Ending),
            ("...", Fault::Ending),
            (" ", Fault::Ending),
        ] {
            assert_eq!(check(name), Err(fault), "{name:?}");
        }
        assert_eq!(check(&"x".repeat(MAX_UNITS + 1)), Err(Fault::TooLong));
        assert_eq!(check(&"\u{1f600}".repeat(MAX_UNITS / 2 + 1)), Err(Fault::TooLong));
    }

    #[test]
    fn names_that_only_look_like_a_device_are_names() {
        for name in [
            "notes.txt",
            "COM",
            "COM10",
            "com1x",
            "COM\u{2074}",
            "console",
            "null",
            "nul_",
            "xnul",
            ".nul",
            "auxiliary",
            "LPT",
            "CONIN",
            "CONIN$x",
            "a b",
            " a",
            "naïve",
            "a~1",
            "$MFT",
            "é",
            "\u{b9}COM",
            "COM\u{fe0f}",
        ] {
            assert_eq!(check(name), Ok(()), "{name:?}");
        }
        assert_eq!(check(&"x".repeat(MAX_UNITS)), Ok(()));
    }

    #[test]
    fn a_path_becomes_what_the_system_takes_below_a_directory() {
        let native = |text: &str| {
            let path = RelativePath::new(text.as_bytes()).expect("a path");
            native(&path).map(|units| String::from_utf16(&units).expect("text")).ok()
        };
        assert_eq!(native("a/b c/ï"), Some("a\\b c\\ï".to_owned()));
        assert_eq!(native(""), Some(String::new()));
        assert_eq!(native("a/nul/b"), None);
        let odd = RelativePath::new(b"a/\xff").expect("a path");
        assert_eq!(super::native(&odd), Err((&b"\xff"[..], Fault::NoUnicode)));
    }
}

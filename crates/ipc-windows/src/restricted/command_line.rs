//! Arguments as one line, from which a program gets the same arguments again.
//!
//! Source: Microsoft, "CommandLineToArgvW", Remarks; "Parsing C command-line arguments".

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::windows::ffi::OsStrExt;
use std::path::Path;

/// The line, with its terminator.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] for a NUL, a quote in the program's path, or too long a line.
pub(super) fn of(program: &Path, arguments: &[OsString]) -> io::Result<Vec<u16>> {
    let mut line = Vec::new();
    // The program's own name is taken until the next quote, without escapes.
    let program: Vec<u16> = program.as_os_str().encode_wide().collect();
    if program.contains(&QUOTE) {
        return Err(invalid("a program's path has no quotes"));
    }
    line.push(QUOTE);
    line.extend(program);
    line.push(QUOTE);
    for argument in arguments {
        line.push(SPACE);
        append(&mut line, argument);
    }
    if line.contains(&0) {
        return Err(invalid("an argument has a NUL"));
    }
    line.push(0);
    if line.len() > LONGEST {
        return Err(invalid("the command line is longer than 32,766 characters"));
    }
    Ok(line)
}

/// Appends `argument`, in quotes where it needs them. Within them a quote is escaped by a backslash,
/// and backslashes are themselves only where they are not before a quote.
fn append(line: &mut Vec<u16>, argument: &OsStr) {
    let argument: Vec<u16> = argument.encode_wide().collect();
    let plain = |unit: &u16| ![SPACE, TAB, LINE, RETURN, VERTICAL_TAB, QUOTE].contains(unit);
    if !argument.is_empty() && argument.iter().all(plain) {
        line.extend(argument);
        return;
    }
    line.push(QUOTE);
    let mut backslashes = 0;
    for unit in argument {
        match unit {
            BACKSLASH => backslashes += 1,
            QUOTE => {
                line.extend(std::iter::repeat_n(BACKSLASH, backslashes + 1));
                backslashes = 0;
            }
            _ => backslashes = 0,
        }
        line.push(unit);
    }
    line.extend(std::iter::repeat_n(BACKSLASH, backslashes));
    line.push(QUOTE);
}

const QUOTE: u16 = b'"' as u16;
const BACKSLASH: u16 = b'\\' as u16;
const SPACE: u16 = b' ' as u16;
const TAB: u16 = b'\t' as u16;
const LINE: u16 = b'\n' as u16;
const RETURN: u16 = b'\r' as u16;
const VERTICAL_TAB: u16 = 0x0b;

/// In units, with the terminator. Source: Microsoft, "CreateProcessAsUserW", lpCommandLine.
const LONGEST: usize = 32_767;

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(arguments: &[&str]) -> String {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let mut line = of(Path::new(r"C:\a b\p.exe"), &arguments).expect("fits");
        assert_eq!(line.pop(), Some(0));
        String::from_utf16(&line).expect("text")
    }

    #[test]
    fn only_what_needs_quotes_has_them() {
        for (arguments, expected) in [
            (&[][..], r#""C:\a b\p.exe""#),
            (&["plain", r"C:\x\"], r#""C:\a b\p.exe" plain C:\x\"#),
            (&["", "a b"], r#""C:\a b\p.exe" "" "a b""#),
            (&[r#"say "x""#], r#""C:\a b\p.exe" "say \"x\"""#),
            (&[r"ends in \ ", r"a b\"], r#""C:\a b\p.exe" "ends in \ " "a b\\""#),
            (&[r#"\\"#, r#"a\\"b"#], r#""C:\a b\p.exe" \\ "a\\\\\"b""#),
        ] {
            assert_eq!(line(arguments), expected);
        }
    }

    #[test]
    fn what_no_line_can_carry_is_refused() {
        let refused = |program: &str, argument: &str| {
            let error = of(Path::new(program), &[argument.into()]).expect_err("refused");
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        };
        refused("p.exe", "a\0b");
        refused("p\".exe", "a");
        refused("p.exe", &"x".repeat(LONGEST - 8));
        of(Path::new("p.exe"), &["x".repeat(LONGEST - 9).into()]).expect("just fits");
    }
}

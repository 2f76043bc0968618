//! A program's environment, as one block.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::windows::ffi::OsStrExt;

/// This process's environment with `changes`; `None` if there are none, which the system takes for
/// this process's own.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] for a NUL, a name with `=`, or none.
pub(super) fn with(changes: &BTreeMap<OsString, OsString>) -> io::Result<Option<Vec<u16>>> {
    if changes.is_empty() {
        return Ok(None);
    }
    let mut variables: BTreeMap<OsString, (OsString, OsString)> =
        std::env::vars_os().map(|(name, value)| (sorts_as(&name), (name, value))).collect();
    for (name, value) in changes {
        let mut text = name.encode_wide();
        if name.is_empty() || text.any(|unit| unit == u16::from(b'=')) {
            return Err(invalid("a variable's name is empty or has a `=`"));
        }
        variables.insert(sorts_as(name), (name.clone(), value.clone()));
    }
    block(variables.into_values()).map(Some)
}

fn block(variables: impl Iterator<Item = (OsString, OsString)>) -> io::Result<Vec<u16>> {
    let mut block = Vec::new();
    for (name, value) in variables {
        let from = block.len();
        block.extend(name.encode_wide());
        block.push(u16::from(b'='));
        block.extend(value.encode_wide());
        if block[from..].contains(&0) {
            return Err(invalid("a variable has a NUL"));
        }
        block.push(0);
    }
    block.push(0);
    Ok(block)
}

/// Names are the same, and are sorted, without regard to case. Source: Microsoft, "Changing
/// Environment Variables".
fn sorts_as(name: &OsStr) -> OsString {
    name.to_ascii_uppercase()
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_replace_what_has_the_same_name() {
        assert!(with(&BTreeMap::new()).expect("fine").is_none());
        let changes = BTreeMap::from([("pAtH".into(), "here".into()), ("Zz".into(), "".into())]);
        let block = with(&changes).expect("fine").expect("changed");
        let text = String::from_utf16_lossy(&block);
        assert!(text.ends_with("\0\0"), "{text:?}");
        let variables: Vec<&str> = text.split('\0').collect();
        assert!(variables.contains(&"pAtH=here") && variables.contains(&"Zz="), "{text:?}");
        let paths = variables.iter().filter(|variable| {
            variable.split('=').next().is_some_and(|name| name.eq_ignore_ascii_case("path"))
        });
        assert_eq!(paths.count(), 1, "{text:?}");
    }

    #[test]
    fn what_no_block_can_carry_is_refused() {
        for (name, value) in [("", "x"), ("a=b", "x"), ("a", "x\0y"), ("a\0b", "x")] {
            let error = with(&BTreeMap::from([(name.into(), value.into())])).expect_err("refused");
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
    }
}

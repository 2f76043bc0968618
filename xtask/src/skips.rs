//! Tests that were left out: each says so, and CI accepts only those that are listed.
//!
//! A test that lacks something writes `skipped: NAME: reason` to standard error.

use crate::workspace::Result;

/// The accepted skips, one `NAME: reason` a line; `#` begins a comment.
pub(crate) const LIST: &str = ".ci/skips.txt";

/// Fails if `output` has a skip that `list` has not.
pub(crate) fn refuse_unlisted(output: &[String], list: &str) -> Result {
    let listed = listed_names(list)?;
    let unlisted: Vec<&str> = output
        .iter()
        .filter_map(|line| line.strip_prefix("skipped: "))
        .filter(|skip| !listed.contains(&name_of(skip)))
        .collect();
    if unlisted.is_empty() {
        return Ok(());
    }
    Err(format!("tests were skipped that {LIST} does not accept:\n    {}", unlisted.join("\n    ")))
}

fn listed_names(list: &str) -> Result<Vec<&str>> {
    let entries = list.lines().map(str::trim).filter(|line| !line.is_empty());
    entries
        .filter(|line| !line.starts_with('#'))
        .map(|line| match line.split_once(": ") {
            Some((name, reason)) if !reason.trim().is_empty() => Ok(name),
            _ => Err(format!("{LIST}: `{line}` is not `NAME: reason`")),
        })
        .collect()
}

fn name_of(skip: &str) -> &str {
    skip.split_once(": ").map_or(skip, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn a_skip_that_is_not_listed_fails_and_is_named() {
        let output = output(&["running 3 tests", "skipped: t01_root: needs root"]);
        let error = refuse_unlisted(&output, "# none\n\n").expect_err("the list is empty");
        assert!(error.contains("t01_root: needs root"), "{error}");
    }

    #[test]
    fn a_listed_skip_passes_whatever_reason_it_gives_today() {
        let output = output(&["skipped: t01_root: needs root"]);
        assert_eq!(refuse_unlisted(&output, "t01_root: no root on this machine"), Ok(()));
    }

    #[test]
    fn a_name_is_compared_whole() {
        let output = output(&["skipped: t01_root_again: needs root"]);
        assert!(refuse_unlisted(&output, "t01_root: no root on this machine").is_err());
    }

    #[test]
    fn a_listed_skip_must_say_why() {
        assert!(refuse_unlisted(&[], "t01_root").is_err());
        assert!(refuse_unlisted(&[], "t01_root: ").is_err());
    }
}

//! Tests that were left out: each says so, and CI accepts only those that are listed.
//!
//! A test that lacks something writes `skipped: NAME: reason` to standard error.

use crate::workspace::Result;

/// The accepted skips: `[SYSTEM]` on a line, and below it `NAME: reason` a line; `#` begins a comment.
pub(crate) const LIST: &str = ".ci/skips.txt";

/// Fails if `output` has a skip that `list` has not for `system`.
pub(crate) fn refuse_unlisted(output: &[String], list: &str, system: &str) -> Result {
    let listed = listed_names(list, system)?;
    let unlisted: Vec<&str> =
        skips_in(output).filter(|skip| !listed.contains(&name_of(skip))).collect();
    if unlisted.is_empty() {
        return Ok(());
    }
    let unlisted = unlisted.join("\n    ");
    Err(format!("tests were skipped that {LIST} does not accept on {system}:\n    {unlisted}"))
}

/// The skips in what tests wrote to standard error, each `NAME: reason`.
pub(crate) fn skips_in(output: &[String]) -> impl Iterator<Item = &str> {
    output.iter().filter_map(|line| line.strip_prefix("skipped: "))
}

/// The names of the tests that `list` accepts for `system`.
pub(crate) fn listed_names<'a>(list: &'a str, system: &str) -> Result<Vec<&'a str>> {
    let mut names = Vec::new();
    let mut heading = None;
    for line in
        list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(named) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            heading = Some(named);
            continue;
        }
        let name = match line.split_once(": ") {
            Some((name, reason)) if !reason.trim().is_empty() && heading.is_some() => name,
            _ => return Err(format!("{LIST}: `{line}` is not `NAME: reason` below a `[SYSTEM]`")),
        };
        if heading == Some(system) {
            names.push(name);
        }
    }
    Ok(names)
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
        let error = refuse_unlisted(&output, "# none\n\n", "Linux").expect_err("the list is empty");
        assert!(error.contains("t01_root: needs root"), "{error}");
    }

    #[test]
    fn a_listed_skip_passes_whatever_reason_it_gives_today() {
        let output = output(&["skipped: t01_root: needs root"]);
        let list = "[Linux]\nt01_root: no root on this machine";
        assert_eq!(refuse_unlisted(&output, list, "Linux"), Ok(()));
    }

    #[test]
    fn a_skip_that_is_listed_for_another_system_fails() {
        let output = output(&["skipped: t01_root: needs root"]);
        let list = "[Wine]\nt01_root: no root on this machine\n[Linux]\n";
        assert!(refuse_unlisted(&output, list, "Linux").is_err());
        assert_eq!(refuse_unlisted(&output, list, "Wine"), Ok(()));
    }

    #[test]
    fn a_name_is_compared_whole() {
        let output = output(&["skipped: t01_root_again: needs root"]);
        let list = "[Linux]\nt01_root: no root on this machine";
        assert!(refuse_unlisted(&output, list, "Linux").is_err());
    }

    #[test]
    fn a_listed_skip_must_say_why_and_where() {
        for list in
            ["[Linux]\nt01_root", "[Linux]\nt01_root: ", "t01_root: no root on this machine"]
        {
            assert!(refuse_unlisted(&[], list, "Linux").is_err(), "{list}");
        }
    }
}

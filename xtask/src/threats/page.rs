//! The page: a table of all lines, and below it what shows each of them.

use super::rows::{Line, Place, Rows};

pub(super) fn rendered(rows: &Rows) -> String {
    let mut text = rows.introduction.join("\n");
    text.push_str(&format!("\n{}\n", counted(rows)));
    text.push_str("\n| | attack or fault | promise | Linux | Wine | real Windows |\n");
    text.push_str("|---|---|---|---|---|---|\n");
    for line in &rows.lines {
        text.push_str(&row(line));
    }
    text.push_str("\n## What shows it\n\n");
    for line in &rows.lines {
        text.push_str(&shown(line));
    }
    text
}

fn counted(rows: &Rows) -> String {
    let lacking = |place: Place| {
        let lines = rows.lines.iter();
        lines.filter(|line| line.missing.iter().any(|(other, _)| *other == place)).count()
    };
    let [linux, wine, windows] = Place::ALL.map(lacking);
    format!(
        "{} lines. Something is missing for {linux} on Linux, for {wine} under Wine and for \
         {windows} on real Windows.",
        rows.lines.len()
    )
}

fn row(line: &Line) -> String {
    let [linux, wine, windows] = Place::ALL.map(|place| cell(line, place));
    let Line { attack, promise, .. } = line;
    format!("| {} | {attack} | {promise} | {linux} | {wine} | {windows} |\n", line.name())
}

/// How many tests show it there, in a word.
fn cell(line: &Line, place: Place) -> String {
    let count = line.shown_in(place).count();
    let missing = line.missing.iter().any(|(other, _)| *other == place);
    match (count, missing) {
        (0, true) => "missing".to_owned(),
        (0, false) => "–".to_owned(),
        (1, false) => "1 test".to_owned(),
        (count, false) => format!("{count} tests"),
        (count, true) => format!("{count}, not all"),
    }
}

/// `* **T-01**. Linux: ... Wine: ...`
fn shown(line: &Line) -> String {
    let mut text = format!("* **{}**.", line.name());
    for place in Place::ALL {
        let tests: Vec<String> =
            line.shown_in(place).map(|one| one.shown(place.system()).1).collect();
        if !tests.is_empty() {
            text.push_str(&format!(" *{}*: {}.", place.name(), tests.join(", ")));
        }
        for (kind, reasons) in [("nothing to test", &line.none), ("missing", &line.missing)] {
            for (_, reason) in reasons.iter().filter(|(other, _)| *other == place) {
                text.push_str(&format!(" *{}*: {kind}: {reason}.", place.name()));
            }
        }
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::super::rows;
    use super::*;

    #[test]
    fn the_page_counts_what_is_missing_and_names_what_is_there() {
        let source = "# Title\n\nline T-01\nattack an attack\npromise a promise\n\
                      test linux t.rs f\ntest linux t.rs g\nnone wine no such thing\n\
                      missing windows two users\n";
        let text = rendered(&rows::parse(source).expect("readable"));
        let row = "| T-01 | an attack | a promise | 2 tests | – | missing |\n";
        assert!(
            text.starts_with("# Title\n\n1 lines. Something is missing for 0 on Linux"),
            "{text}"
        );
        assert!(text.contains(row), "{text}");
        let shown = "* **T-01**. *Linux*: [`f`](../t.rs), [`g`](../t.rs). *Wine*: nothing to \
                     test: no such thing. *real Windows*: missing: two users.\n";
        assert!(text.contains(shown), "{text}");
    }
}

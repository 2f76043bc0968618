//! The page: what its source says, and how it is shown.
//!
//! Text stays as it is. A line `row NAME` begins a row of a table, `linux TEXT`, `windows TEXT` and
//! `bsd TEXT` its cells, in this order, each followed by its evidence, a line `= KIND ...` each. Rows
//! that follow each other are one table; a line that begins with `%` is for those who write.

use crate::evidence::{Evidence, System};

#[derive(Debug)]
pub(crate) struct Page {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Table(Vec<Row>),
}

#[derive(Debug)]
struct Row {
    name: String,
    cells: Vec<Cell>,
}

#[derive(Debug)]
struct Cell {
    system: System,
    text: String,
    evidence: Vec<Evidence>,
}

/// What the source says.
pub(super) fn parse(source: &str) -> Result<Page, String> {
    let mut page = Page { parts: Vec::new() };
    for (index, line) in source.lines().enumerate() {
        page.take(line).map_err(|why| format!("line {}: {why}", index + 1))?;
    }
    page.rows().try_for_each(Row::is_whole)?;
    Ok(page)
}

impl Page {
    /// Every cell's row and system, with each piece of its evidence.
    pub(super) fn claims(&self) -> impl Iterator<Item = (&str, System, &Evidence)> {
        self.rows().flat_map(|row| {
            row.cells.iter().flat_map(move |cell| {
                let of_cell = move |evidence| (row.name.as_str(), cell.system, evidence);
                cell.evidence.iter().map(of_cell)
            })
        })
    }

    pub(super) fn rendered(&self) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(line) => text.push_str(&format!("{line}\n")),
                Part::Table(rows) => text.push_str(&table(rows)),
            }
        }
        text
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.parts.iter().flat_map(|part| match part {
            Part::Text(_) => &[][..],
            Part::Table(rows) => rows,
        })
    }

    fn take(&mut self, line: &str) -> Result<(), String> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        if line.starts_with('%') {
            return Ok(());
        }
        if word == "row" {
            self.begin_row(rest);
            return Ok(());
        }
        let Some(Part::Table(rows)) = self.parts.last_mut() else {
            self.parts.push(Part::Text(line.to_owned()));
            return Ok(());
        };
        let cells = rows.last_mut().map(|row| &mut row.cells).ok_or("no row has begun")?;
        if let Some(system) = System::ALL.into_iter().find(|system| system.word() == word) {
            cells.push(Cell { system, text: rest.to_owned(), evidence: Vec::new() });
        } else if word == "=" {
            let evidence =
                Evidence::parse(rest).ok_or_else(|| format!("`{rest}` shows nothing"))?;
            cells.last_mut().ok_or("evidence of no cell")?.evidence.push(evidence);
        } else if line.is_empty() {
            self.parts.push(Part::Text(String::new()));
        } else {
            return Err(format!("`{word}` in a table"));
        }
        Ok(())
    }

    fn begin_row(&mut self, name: &str) {
        let row = Row { name: name.to_owned(), cells: Vec::new() };
        match self.parts.last_mut() {
            Some(Part::Table(rows)) => rows.push(row),
            _ => self.parts.push(Part::Table(vec![row])),
        }
    }
}

impl Row {
    fn is_whole(&self) -> Result<(), String> {
        let systems: Vec<System> = self.cells.iter().map(|cell| cell.system).collect();
        if systems != System::ALL {
            return Err(format!("`{}` has not one cell for each system, in order", self.name));
        }
        match self.cells.iter().find(|cell| cell.evidence.is_empty() || cell.text.is_empty()) {
            Some(cell) => Err(format!("`{}` has nothing on {}", self.name, cell.system.name())),
            None => Ok(()),
        }
    }
}

/// The table, and what shows it below.
fn table(rows: &[Row]) -> String {
    let heads = System::ALL.map(System::name).join(" | ");
    let mut text = format!("| | {heads} |\n|---|---|---|---|\n");
    for Row { name, cells } in rows {
        let cells: Vec<&str> = cells.iter().map(|cell| cell.text.as_str()).collect();
        text.push_str(&format!("| {name} | {} |\n", cells.join(" | ")));
    }
    text.push_str("\nHow it is known:\n\n");
    for row in rows {
        text.push_str(&shown(row));
    }
    text
}

/// `* NAME. Linux: ... Wine: ...`
fn shown(row: &Row) -> String {
    let mut text = format!("* **{}**.", row.name);
    for cell in &row.cells {
        let shown: Vec<_> = cell.evidence.iter().map(|one| one.shown(cell.system)).collect();
        let mut kinds: Vec<&str> = shown.iter().map(|(kind, _)| *kind).collect();
        kinds.dedup();
        for kind in kinds {
            let of_kind = shown.iter().filter(|(other, _)| *other == kind);
            let texts: Vec<&str> = of_kind.map(|(_, text)| text.as_str()).collect();
            text.push_str(&said(cell.system, kind, texts.join(", ").trim()));
        }
    }
    text.push('\n');
    text
}

fn said(system: System, kind: &str, what: &str) -> String {
    let is_a_run = kind == "Linux" || kind == "Wine";
    match (is_a_run, what) {
        (true, what) => format!(" {kind}: {what}."),
        (false, "") => format!(" {}: {kind}.", system.name()),
        (false, what) => format!(" {}: {kind}, {what}.", system.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "# Title\n% for writers\nrow a name\nlinux yes\n= test t.rs f\n\
                         = case g::c\nwindows no\n= documentation the manual\nbsd no\n= check\n\nEnd";

    #[test]
    fn a_table_is_shown_with_what_shows_it() {
        let page = parse(WHOLE).expect("whole");
        assert_eq!(page.claims().count(), 4);
        let text = page.rendered();
        assert!(text.starts_with("# Title\n| | Linux | Windows | macOS, FreeBSD |\n"), "{text}");
        assert!(text.contains("| a name | yes | no | no |\n"), "{text}");
        let known = "* **a name**. Linux: [`f`](../t.rs), \
                     [`g::c`](../crates/ipc-testkit/src/cases/g.rs). \
                     Windows: documentation only, the manual. macOS, FreeBSD: cross-check only.\n";
        assert!(text.contains(known), "{text}");
        assert!(text.ends_with("\nEnd\n") && !text.contains("writers"), "{text}");
    }

    #[test]
    fn a_cell_that_is_missing_or_has_no_evidence_is_refused() {
        for (from, to, why) in [
            ("= check\n", "", "has nothing on macOS"),
            ("linux yes", "linux ", "has nothing on Linux"),
            ("bsd no\n= check\n", "", "one cell for each"),
            ("= check", "= believe me", "shows nothing"),
            ("bsd no", "beos no", "`beos` in a table"),
        ] {
            let error = parse(&WHOLE.replace(from, to)).expect_err(why);
            assert!(error.contains(why), "{error}");
        }
    }
}

//! `cargo xtask threats`: makes `docs/threats.md` from `docs/threats.rows`, where every attack has its
//! tests, or says why it has none.

use crate::made_page::MadePage;
use crate::skips;
use crate::workspace::{Result, Workspace};

mod numbered;
mod page;
mod rows;

use rows::Rows;

/// What is written by hand; its beginning says how.
const SOURCE: &str = "docs/threats.rows";

/// What people read, and how it comes to be.
pub(crate) const PAGE: MadePage = MadePage {
    source: SOURCE,
    page: "docs/threats.md",
    command: "cargo xtask threats",
    make: made,
};

fn made(workspace: &Workspace) -> Result<String> {
    let rows = rows::parse(&workspace.read(SOURCE)?).map_err(|why| format!("{SOURCE}: {why}"))?;
    let faults = faults(workspace, &rows)?;
    if !faults.is_empty() {
        return Err(format!("{SOURCE}:\n       {}", faults.join("\n       ")));
    }
    say_what_is_missing(&rows);
    Ok(page::rendered(&rows))
}

fn faults(workspace: &Workspace, rows: &Rows) -> Result<Vec<String>> {
    let read = |path: &str| workspace.read(path).ok();
    let not_under_wine = skips::listed_names(&workspace.read(skips::LIST)?, "honest Wine")?
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    let mut faults: Vec<String> =
        rows.lines.iter().flat_map(|line| line.faults(&not_under_wine, &read)).collect();
    for (path, text) in sources(workspace)? {
        for test in numbered::tests_in(&path, &text) {
            faults.extend(test.faults(rows, &read));
        }
    }
    Ok(faults)
}

/// Every file of Rust under version control, but for this program's own.
fn sources(workspace: &Workspace) -> Result<Vec<(String, String)>> {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard", "*.rs"];
    let listing = workspace.output(&mut workspace.command("git", &arguments))?;
    let paths = listing.lines().filter(|path| !path.starts_with("xtask/"));
    // What is listed and not there was deleted.
    Ok(paths.filter_map(|path| Some((path.to_owned(), workspace.read(path).ok()?))).collect())
}

fn say_what_is_missing(rows: &Rows) {
    let mut count = 0;
    for (line, place, reason) in rows.missing() {
        eprintln!("missing: {} on {}: {reason}", line.name(), place.name());
        count += 1;
    }
    eprintln!("{count} tests are missing for {} lines", rows.lines.len());
}

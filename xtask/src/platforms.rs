//! `cargo xtask platforms`: makes `docs/platforms.md` from `docs/platforms.rows`, where no cell stands
//! without what shows that it is true.

use crate::workspace::{Result, Workspace};

mod page;

/// What is written by hand; its beginning says how.
const SOURCE: &str = "docs/platforms.rows";

/// What people read.
const PAGE: &str = "docs/platforms.md";

/// Checks the evidence of every cell and writes the page anew.
pub(crate) fn write(workspace: &Workspace) -> Result {
    let page = made(workspace)?;
    std::fs::write(workspace.path(PAGE), page).map_err(|why| format!("cannot write {PAGE}: {why}"))
}

/// Checks the evidence of every cell, and that the page is what comes of it.
pub(crate) fn check(workspace: &Workspace) -> Result {
    if made(workspace)? == workspace.read(PAGE)? {
        return Ok(());
    }
    Err(format!("{PAGE} is not what {SOURCE} makes; run `cargo xtask platforms`"))
}

fn made(workspace: &Workspace) -> Result<String> {
    let page = page::parse(&workspace.read(SOURCE)?).map_err(|why| format!("{SOURCE}: {why}"))?;
    let faults: Vec<String> = page
        .claims()
        .filter_map(|(row, system, evidence)| {
            let fault = evidence.fault(system, &|path| workspace.read(path).ok())?;
            Some(format!("{SOURCE}: `{row}` on {}: {fault}", system.name()))
        })
        .collect();
    if faults.is_empty() { Ok(page.rendered()) } else { Err(faults.join("\n       ")) }
}

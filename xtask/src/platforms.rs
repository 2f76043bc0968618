//! `cargo xtask platforms`: makes `docs/platforms.md` from `docs/platforms.rows`, where no cell stands
//! without what shows that it is true.

use crate::evidence::{Evidence, System};
use crate::made_page::MadePage;
use crate::skips;
use crate::workspace::{Result, Workspace};

mod page;

/// What is written by hand; its beginning says how.
const SOURCE: &str = "docs/platforms.rows";

/// What people read, and how it comes to be.
pub(crate) const PAGE: MadePage = MadePage {
    source: SOURCE,
    page: "docs/platforms.md",
    command: "cargo xtask platforms",
    make: made,
};

fn made(workspace: &Workspace) -> Result<String> {
    let page = page::parse(&workspace.read(SOURCE)?).map_err(|why| format!("{SOURCE}: {why}"))?;
    let skips = workspace.read(skips::LIST)?;
    let mut faults = Vec::new();
    for (row, system, evidence) in page.claims() {
        let fault = evidence.fault(system, &|path| workspace.read(path).ok());
        if let Some(fault) = fault.or(left_out(evidence, system, &skips)?) {
            faults.push(format!("{SOURCE}: `{row}` on {}: {fault}", system.name()));
        }
    }
    if faults.is_empty() { Ok(page.rendered()) } else { Err(faults.join("\n       ")) }
}

/// A test that CI lets be left out where it is to show something shows nothing.
fn left_out(evidence: &Evidence, system: System, skips: &str) -> Result<Option<String>> {
    let (Evidence::Test { name, .. }, Some(run)) = (evidence, system.run()) else {
        return Ok(None);
    };
    let is_left_out = skips::listed_names(skips, run)?.contains(&name.as_str());
    Ok(is_left_out.then(|| format!("`{name}` is left out there, says {}", skips::LIST)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_left_out_shows_nothing() {
        let skips = "[Linux]\n\n[honest Wine]\nlinked: Wine makes no links\n";
        let left_out = |evidence: &str, system| {
            left_out(&Evidence::parse(evidence).expect(evidence), system, skips).expect("a list")
        };
        assert!(left_out("test a.rs linked", System::Windows).is_some());
        assert_eq!(left_out("test a.rs linked", System::Linux), None);
        assert_eq!(left_out("test a.rs unlinked", System::Windows), None);
        assert_eq!(left_out("check", System::Bsd), None);
    }
}

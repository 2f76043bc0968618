//! `cargo xtask tidy`: the rules of this workspace that no other tool checks.

use crate::workspace::{Result, Workspace};

mod rules;
mod text;

use rules::Finding;

/// A file longer than this has two subjects, most of the time.
const LONG: usize = 500;

/// Looks at every file that is, or would be, under version control.
pub(crate) fn check(workspace: &Workspace) -> Result {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let listing = workspace.output(&mut workspace.command("git", &arguments))?;
    let mut broken = 0;
    for path in listing.lines() {
        // What is listed and not there was deleted; what is no text has no lines to look at.
        let Ok(text) = workspace.read(path) else { continue };
        for Finding { line, rule } in rules::findings(path, &text) {
            eprintln!("{path}:{line}: {rule}");
            broken += 1;
        }
        warn_if_long(path, &text);
    }
    match broken {
        0 => Ok(()),
        count => Err(format!("{count} lines break the rules of this workspace")),
    }
}

fn warn_if_long(path: &str, text: &str) {
    let lines = text.lines().count();
    if path.ends_with(".rs") && lines > LONG {
        eprintln!("warning: {path} has {lines} lines; more than {LONG} are hard to read");
    }
}

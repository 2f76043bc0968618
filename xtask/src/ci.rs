//! `cargo xtask ci`: the steps that every change must pass.

use std::time::{Duration, Instant};

use crate::workspace::{Result, Workspace};
use crate::{
    deny, fuzz, oldest, other_mechanism, packages, peers, platforms, steps, threats, tidy, windows,
};

/// One step of CI; a new one is a line in [`STEPS`].
struct Step {
    name: &'static str,
    run: fn(&Workspace) -> Result,
}

/// In an order that fails early: what is quick and often wrong comes first.
const STEPS: &[Step] = &[
    Step { name: "packages", run: packages::install },
    Step { name: "fetch", run: steps::fetch },
    Step { name: "fmt", run: steps::fmt },
    Step { name: "tidy", run: tidy::check },
    Step { name: "platforms", run: |workspace| platforms::PAGE.check(workspace) },
    Step { name: "threats", run: |workspace| threats::PAGE.check(workspace) },
    Step { name: "clippy", run: steps::clippy },
    Step { name: "peers", run: peers::make },
    Step { name: "test", run: steps::test },
    Step { name: "other-mechanism", run: other_mechanism::test },
    Step { name: "fuzz", run: fuzz::step },
    Step { name: "doc", run: steps::doc },
    Step { name: "demo", run: steps::demo },
    Step { name: "msrv", run: oldest::check_this_system },
    Step { name: "macos", run: oldest::check_macos },
    Step { name: "freebsd", run: oldest::check_freebsd },
    Step { name: "windows-setup", run: windows::setup },
    Step { name: "honest-wine", run: windows::prove_honest_wine },
    Step { name: "windows-clippy", run: windows::clippy },
    Step { name: "windows-test", run: windows::test },
    Step { name: "windows-doc", run: windows::doc },
    Step { name: "windows-demo", run: windows::demo },
    Step { name: "deny", run: deny::check },
];

/// Runs the steps named in `wanted`, or all of them, and says how long each took.
pub(crate) fn run(workspace: &Workspace, wanted: &[&str]) -> Result {
    let steps = chosen(wanted)?;
    let budget = budget(workspace);
    let start = Instant::now();
    let workspace = workspace.until(start + budget);
    let mut seconds = Vec::new();
    for step in steps {
        let began = Instant::now();
        eprintln!("== {}", step.name);
        (step.run)(&workspace).map_err(|why| format!("step `{}`: {why}", step.name))?;
        seconds.push((step.name, began.elapsed()));
    }
    for (name, took) in seconds {
        eprintln!("{:>7.1} s  {name}", took.as_secs_f64());
    }
    let total = start.elapsed();
    eprintln!("{:>7.1} s  of {} in all", total.as_secs_f64(), budget.as_secs());
    if wanted.is_empty() {
        mark_warm(&workspace)?;
    }
    Ok(())
}

fn chosen(wanted: &[&str]) -> Result<Vec<&'static Step>> {
    if wanted.is_empty() {
        return Ok(STEPS.iter().collect());
    }
    wanted.iter().map(|name| find(name)).collect()
}

fn find(wanted: &str) -> Result<&'static Step> {
    STEPS.iter().find(|step| step.name == wanted).ok_or_else(|| {
        let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        format!("there is no step `{wanted}`; the steps are {}", names.join(", "))
    })
}

/// How long all steps together may take: less where an earlier run has filled the target folder.
fn budget(workspace: &Workspace) -> Duration {
    let minutes = if workspace.path(WARM).exists() { 30 } else { 45 };
    Duration::from_secs(minutes * 60)
}

fn mark_warm(workspace: &Workspace) -> Result {
    std::fs::write(workspace.path(WARM), "")
        .map_err(|why| format!("cannot write the mark of a complete run, {WARM}: {why}"))
}

/// Exists once a run has passed every step.
const WARM: &str = "target/ci/warm";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_found_by_its_name_and_no_two_share_one() {
        for step in STEPS {
            let named = STEPS.iter().filter(|other| other.name == step.name).count();
            assert_eq!(named, 1, "{}", step.name);
            assert!(find(step.name).is_ok(), "{}", step.name);
        }
    }

    #[test]
    fn an_unknown_step_is_refused_with_the_names_of_all() {
        let error = chosen(&["fmt", "tests"]).err().expect("there is no step `tests`");
        assert!(error.contains("`tests`") && error.contains("clippy"), "{error}");
    }
}

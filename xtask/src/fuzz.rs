//! `cargo xtask fuzz`: feeds everything that takes bytes from strangers with what nobody would think of.
//!
//! The folder `fuzz` is laid out for `cargo fuzz`, which whoever has it can use there. This needs no
//! more than the installed compiler, and one for C++: it builds the targets with the instrumentation
//! that `cargo fuzz` asks for, and the address sanitizer.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::workspace::{Result, Workspace, failed};

mod build;
mod corpus;

use build::Built;
pub(crate) use build::fetch;

/// How to call it.
pub(crate) const USAGE: &str = "usage: cargo xtask fuzz [--seconds N] [--keep] [TARGET]...
       N seconds each, 60 unless told otherwise; with --keep, what covers more goes to fuzz/corpus";

/// Runs the targets that `arguments` name, or all.
pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Result {
    let Wanted { seconds, keep, targets } = Wanted::parse(workspace, arguments)?;
    let built = build::build(workspace)?;
    for target in &targets {
        feed(workspace, &built, target, seconds)?;
        if keep {
            corpus::keep(workspace, &built, target)?;
        }
    }
    Ok(())
}

/// The step of CI: the lints of the targets, and each of them for a moment.
pub(crate) fn step(workspace: &Workspace) -> Result {
    build::lint(workspace)?;
    run(workspace, &["--seconds", SECONDS_IN_CI])
}

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    seconds: u32,
    keep: bool,
    targets: Vec<String>,
}

impl Wanted {
    fn parse(workspace: &Workspace, arguments: &[&str]) -> Result<Self> {
        Self::among(&all_targets(workspace)?, arguments)
    }

    fn among(all: &[String], arguments: &[&str]) -> Result<Self> {
        let mut wanted = Self { seconds: 60, keep: false, targets: Vec::new() };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match *argument {
                "--keep" => wanted.keep = true,
                "--seconds" => {
                    let number = rest.next().and_then(|number| number.parse().ok());
                    wanted.seconds = number.filter(|number| *number > 0).ok_or(USAGE)?;
                }
                name if all.iter().any(|target| target == name) => {
                    wanted.targets.push(name.to_owned());
                }
                other => {
                    let all = all.join(", ");
                    return Err(format!(
                        "there is no target `{other}`; the targets are {all}\n{USAGE}"
                    ));
                }
            }
        }
        if wanted.targets.is_empty() {
            wanted.targets = all.to_vec();
        }
        Ok(wanted)
    }
}

/// The names of all targets, in order.
fn all_targets(workspace: &Workspace) -> Result<Vec<String>> {
    let folder = workspace.path("fuzz/fuzz_targets");
    let cannot = |why| failed("list", &folder, &why);
    let mut names = Vec::new();
    for entry in folder.read_dir().map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        let stem = path.file_stem().filter(|_| path.extension().is_some_and(|end| end == "rs"));
        names.extend(stem.map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// Runs `target`, beginning with what is known to reach far, and says in a line what came of it.
fn feed(workspace: &Workspace, built: &Built, target: &str, seconds: u32) -> Result {
    let run = Run::begin(workspace, target)?;
    let log = File::create(&run.log).map_err(|why| failed("write", &run.log, &why))?;
    let mut command = built.command(workspace, target);
    command
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", run.failures.display()))
        .arg("-print_funcs=0")
        .args([corpus::grown(workspace, target)?, corpus::kept(workspace, target)])
        .stderr(log);
    workspace.run(&mut command).map_err(|why| run.explain(target, &why))?;
    eprintln!("{target:>16}: {}", run.summary());
    Ok(())
}

/// What a run leaves behind.
struct Run {
    log: PathBuf,
    /// Where the input lies that it has failed on.
    failures: PathBuf,
    since: SystemTime,
}

impl Run {
    fn begin(workspace: &Workspace, target: &str) -> Result<Self> {
        let logs = workspace.path("fuzz/target/logs");
        let failures = workspace.path("fuzz/artifacts").join(target);
        make_folder(&logs)?;
        make_folder(&failures)?;
        Ok(Self { log: logs.join(target), failures, since: SystemTime::now() })
    }

    /// How many inputs there were, and how many places in the code they have reached (`cov`).
    fn summary(&self) -> String {
        let log = self.log_text();
        let done = log.lines().rev().find(|line| line.starts_with('#') && line.contains("DONE"));
        done.unwrap_or("the log does not say").to_owned()
    }

    /// `why` the run has failed: what it said, and with which input it can be repeated.
    fn explain(&self, target: &str, why: &str) -> String {
        let log = self.log_text();
        let is_progress = |line: &&str| line.starts_with('#');
        let said: Vec<&str> = log.lines().filter(|line| !is_progress(line)).take(SHOWN).collect();
        let said = said.join("\n");
        match self.latest_failure() {
            Some(input) => format!("{said}\n`{target}` fails on {}\n{why}", input.display()),
            None => format!("{said}\n`{target}` fails, and left no input\n{why}"),
        }
    }

    fn latest_failure(&self) -> Option<PathBuf> {
        let written = |path: &PathBuf| path.metadata().and_then(|file| file.modified()).ok();
        let files = self.failures.read_dir().ok()?.flatten().map(|file| file.path());
        let of_this_run = files.filter(|path| written(path) >= Some(self.since));
        of_this_run.max_by_key(written)
    }

    /// Whatever is no text in it is not looked for.
    fn log_text(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

fn make_folder(folder: &Path) -> Result {
    std::fs::create_dir_all(folder).map_err(|why| failed("make", folder, &why))
}

/// How many lines of a failed run are shown.
const SHOWN: usize = 40;

/// For each target in CI, which begins with all that earlier runs have found.
const SECONDS_IN_CI: &str = "3";

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(arguments: &[&str]) -> Result<Wanted> {
        Wanted::among(&["acl".to_owned(), "policy".to_owned()], arguments)
    }

    #[test]
    fn all_targets_are_run_unless_some_are_named() {
        let targets = |arguments| wanted(arguments).expect("good").targets;
        assert_eq!(targets(&[]), ["acl", "policy"]);
        assert_eq!(targets(&["policy"]), ["policy"]);
    }

    #[test]
    fn an_unknown_target_or_no_number_is_refused_with_the_usage() {
        for arguments in
            [&["polices"][..], &["--seconds"], &["--seconds", "0"], &["--seconds", "x"]]
        {
            let error = wanted(arguments).expect_err("refused");
            assert!(error.contains("usage: "), "{error}");
        }
        let good = wanted(&["--seconds", "5", "--keep", "acl"]).expect("good");
        assert_eq!(good, Wanted { seconds: 5, keep: true, targets: vec!["acl".to_owned()] });
    }
}

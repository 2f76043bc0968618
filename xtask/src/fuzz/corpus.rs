//! The inputs that are known to reach far: few are kept with the sources, more where they grow.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Built, make_folder};
use crate::workspace::{Result, Workspace, failed};

/// What is kept with the sources, of which every run begins.
pub(super) fn kept(workspace: &Workspace, target: &str) -> PathBuf {
    workspace.path("fuzz/corpus").join(target)
}

/// What runs on this machine have found beside that.
pub(super) fn grown(workspace: &Workspace, target: &str) -> Result<PathBuf> {
    let folder = workspace.path("fuzz/target/corpus").join(target);
    make_folder(&folder)?;
    Ok(folder)
}

/// Replaces what is kept by the least that reaches as many places as all that there is.
pub(super) fn keep(workspace: &Workspace, built: &Built, target: &str) -> Result {
    let least = workspace.path("fuzz/target/least").join(target);
    if least.exists() {
        fs::remove_dir_all(&least).map_err(|why| failed("empty", &least, &why))?;
    }
    make_folder(&least)?;
    let kept = kept(workspace, target);
    make_folder(&kept)?;
    let mut command = built.command(workspace, target);
    // How often a place is reached is no reason to keep an input.
    command.args(["-set_cover_merge=1", "-use_counters=0", "-verbosity=0"]);
    workspace.run(command.arg(&least).args([&kept, &grown(workspace, target)?]))?;
    replace(&kept, &least)
}

fn replace(old: &Path, new: &Path) -> Result {
    fs::remove_dir_all(old).map_err(|why| failed("empty", old, &why))?;
    fs::rename(new, old).map_err(|why| failed("move to its place", new, &why))
}

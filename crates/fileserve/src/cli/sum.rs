//! `fileserve sum`.

use super::args;
use super::reach::Reached;
use super::{Failed, json, print, shown};

pub(crate) fn sum(arguments: args::Sum) -> Result<(), Failed> {
    let mut reached = Reached::connect(&arguments.reach)?;
    let path = reached.path(&arguments.path)?;
    // A long file takes long; whoever minds says so with `--timeout`.
    reached.files.as_mut().set_timeout(None);
    let digest = reached
        .files
        .sum(&path, arguments.algorithm.into())
        .map_err(|error| Failed::new(format!("sum `{}`", shown(&arguments.path)), error))?;
    print(&if arguments.json {
        json::line(&json::digest(&path, &digest))
    } else {
        format!("{}  {path}\n", digest.to_hex())
    })
}

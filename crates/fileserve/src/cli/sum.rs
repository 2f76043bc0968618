//! `fileserve sum`.

use super::args;
use super::reach::{Reached, wire};
use super::source::Source;
use super::{Failed, json, print, shown};

pub(crate) fn sum(arguments: args::Sum) -> Result<(), Failed> {
    let mut reached = Reached::connect(&arguments.reach)?;
    let source = Source::find(&mut reached, &arguments.path, arguments.pass)?;
    // A long file takes long; whoever minds says so with `--timeout`.
    reached.files.as_mut().set_timeout(None);
    let algorithm = arguments.algorithm.into();
    let (digest, path) = match source {
        Source::Named(path) => (reached.files.sum(&path, algorithm), path),
        Source::Own(file) => {
            let digest = reached.files.sum_passed(file, algorithm);
            (digest, wire(&arguments.path)?)
        }
    };
    let failed = |error| Failed::new(format!("sum `{}`", shown(&arguments.path)), error);
    let digest = digest.map_err(failed)?;
    print(&if arguments.json {
        json::line(&json::digest(&path, &digest))
    } else {
        format!("{}  {path}\n", digest.to_hex())
    })
}

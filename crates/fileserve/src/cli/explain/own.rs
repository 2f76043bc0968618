//! A file that the client itself opens, for a server that opens none: whether it could, and why not.

use std::ffi::OsStr;
use std::path::Path;

use fileserve::platform::{self, Serving};
use fileserve::protocol::{Explanation, Names, WirePath};
use ipc_core::files::{Finding, Open};
use ipc_core::{ErrorKind, Failure, Peer};

/// Opens the file as `get` would, and asks this system what of the way to it refuses it.
pub(super) fn explain(typed: &OsStr) -> (Option<WirePath>, Explanation) {
    let path = Path::new(typed);
    let name = platform::from_top(path).ok();
    let name = name.and_then(|path| WirePath::new(platform::wire_path(path.as_os_str())?).ok());
    let explanation = match open(path) {
        Ok(()) => Explanation::served(),
        Err(failure) => {
            let finding = name.as_ref().and_then(|name| find(name, failure.kind()));
            Explanation::refused(&failure, finding.as_ref())
        }
    };
    (name, explanation)
}

/// The server takes regular files and nothing else.
fn open(path: &Path) -> Result<(), Failure> {
    let found = platform::open_own(path)?.metadata()?;
    match found.is_file() {
        true => Ok(()),
        false if found.is_dir() => Err(Failure::new(ErrorKind::IsADirectory, "")),
        false => Err(Failure::new(ErrorKind::NotRegular, "")),
    }
}

fn find(name: &WirePath, refused: ErrorKind) -> Option<Finding> {
    let all = platform::open_everything(&Serving::default()).ok()?;
    let name = name.below_root(Names::Absolute).ok()?;
    all.explain(None, &Peer::this_process(None), &name, Open::Read, refused).ok()?
}

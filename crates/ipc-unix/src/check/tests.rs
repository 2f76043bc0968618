use std::path::Path;

use ipc_core::peer::UnixIdentity;
use ipc_core::{AsPeer, ErrorKind};

use super::*;
use crate::testing::User;

mod clients;
mod kernel;
mod races;
mod walks;

impl User {
    fn ids(&self) -> UnixIdentity {
        let mut groups = self.groups.clone();
        groups.sort_unstable();
        groups.dedup();
        UnixIdentity { uid: self.uid, gid: self.gid, groups: Some(groups) }
    }
}

fn root(directory: &Path) -> UnixRoot {
    UnixRoot::open_dir(directory).expect("opens")
}

fn path(text: &str) -> RelativePath {
    RelativePath::new(text.as_bytes()).expect("a good path")
}

/// How opening came out, as far as a client sees.
type Answer = Result<(), ErrorKind>;

fn answer<T>(outcome: Result<T>) -> Answer {
    outcome.map(drop).map_err(|error| error.kind())
}

/// The check's answer, by those rules.
fn judged(root: &UnixRoot, judge: &Judge, client: &UnixIdentity, name: &str, how: Open) -> Answer {
    let path = path(name);
    let asked = Asked { operation: Operation::Open, path: &path, client };
    answer(open_judged(root, judge, &asked, how))
}

/// The kernel's answer to this thread.
#[allow(clippy::disallowed_methods, reason = "the thread opens for itself")]
fn by_kernel(root: &UnixRoot, name: &str, how: Open) -> Answer {
    // What it says of a path with `..` while anything is renamed anywhere.
    let busy = Err(ErrorKind::Busy);
    let once = || answer(AsPeer::attest(|by| root.open(by, &path(name), how)));
    std::iter::repeat_with(once).take(1_000).find(|answer| *answer != busy).unwrap_or(busy)
}

/// The rules of this system, links protected or not.
fn judge(protects_links: fn() -> bool) -> Judge {
    Judge { protects_links, ..Judge::of_this_system() }
}

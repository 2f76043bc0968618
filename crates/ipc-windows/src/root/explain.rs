//! At which name on the way to a file the system refuses it, and what it says there.

use std::os::windows::io::{AsHandle as _, BorrowedHandle, OwnedHandle};

use ipc_core::ErrorKind;
use ipc_core::files::{FileKind, Finding, Metadata, Open, Reason, RelativePath, Right};
use windows_sys::Win32::Foundation as system;

use super::{WindowsRoot, names, wanted};
use crate::check::judge::Judge;
use crate::inspect::words;
use crate::sys::file_rights::Rights;
use crate::sys::files::{self, Status, Wanted};

/// Goes the way with the rights of this thread, to see where it ends with what was `refused`; `None`
/// if it does not. Where a `judge` says what the client may do, nothing is told that the client could
/// not see for itself.
pub(super) fn explain(
    root: &WindowsRoot,
    judge: Option<&Judge<'_>>,
    path: &RelativePath,
    how: Open,
    refused: ErrorKind,
) -> Option<Finding> {
    let finding = walk(root, judge, path, how, refused)?;
    finding.reason.explains(refused).then_some(finding)
}

fn walk(
    root: &WindowsRoot,
    judge: Option<&Judge<'_>>,
    path: &RelativePath,
    how: Open,
    refused: ErrorKind,
) -> Option<Finding> {
    let all = path.components().count();
    let Ok((directory, below)) = root.origin(path) else {
        let first = path.components().next().unwrap_or_default().to_vec();
        let reason = match refused {
            ErrorKind::NotFound => Reason::Missing,
            _ => Reason::BadName,
        };
        return Some(Finding::new(1.min(all), first, reason));
    };
    let name = match names::native(&below) {
        Ok(name) => name,
        Err((name, _)) => return Some(bad_name(path, name)),
    };
    let drive = all - below.components().count();
    for end in ends(&name) {
        let component = drive + name[..end].split(|unit| *unit == BACKSLASH).count();
        let component = if end == 0 { drive } else { component };
        let is_last = end == name.len();
        let look = Look { directory, judge, name: &name[..end] };
        let (reason, seen) = match look.metadata() {
            Ok(seen) => match look.fault(&seen, is_last, how, refused) {
                None if is_last || look.lets_through() => continue,
                None => (look.lacks(Right::Search), None),
                Some(reason) => (reason, Some(seen)),
            },
            // Most may go through a directory that they may not even look at.
            Err(Status(system::STATUS_ACCESS_DENIED)) if !is_last && look.lets_through() => {
                continue;
            }
            Err(Status(status)) => (look.refusal(status), None),
        };
        let at = first_components(path, component);
        return Some(Finding::new(component, at, reason).with_metadata(seen));
    }
    None
}

/// A name on the way, below the root's directory.
struct Look<'a> {
    directory: BorrowedHandle<'a>,
    judge: Option<&'a Judge<'a>>,
    name: &'a [u16],
}

impl Look<'_> {
    fn metadata(&self) -> Result<Metadata, Status> {
        let found = match self.judge {
            None => files::open_below(self.directory, self.name, Wanted::Metadata)?,
            Some(judge) => self.judged(judge, Wanted::Metadata, Wanted::Metadata.rights())?,
        };
        files::metadata(found.as_handle()).map_err(|_| Status(system::STATUS_UNSUCCESSFUL))
    }

    /// What is there, opened for what is `wanted`, if the client has these `rights` to it.
    fn judged(
        &self,
        judge: &Judge<'_>,
        wanted: Wanted,
        rights: u32,
    ) -> Result<OwnedHandle, Status> {
        let denied = Status(system::STATUS_ACCESS_DENIED);
        let (way, last) = names::split(self.name);
        let parent = files::open_below(self.directory, way, Wanted::Way)?;
        let found = files::open_to_judge(parent.as_handle(), last, wanted)?;
        let parent = (!last.is_empty()).then_some(parent.as_handle());
        match judge.lets_open(found.as_handle(), parent, rights) {
            Ok(true) => Ok(found),
            Ok(false) | Err(_) => Err(denied),
        }
    }

    /// Whether the client may look up names in the directory that is there.
    fn lets_through(&self) -> bool {
        let Some(judge) = self.judge else { return true };
        let opened = files::open_below(self.directory, self.name, Wanted::Way);
        // What this process cannot go through ends here as well.
        opened.is_ok_and(|way| judge.lets_through(way.as_handle()).unwrap_or(false))
    }

    /// Why what is seen there is not what is needed.
    fn fault(
        &self,
        seen: &Metadata,
        is_last: bool,
        how: Open,
        refused: ErrorKind,
    ) -> Option<Reason> {
        match seen.kind {
            FileKind::Link => Some(Reason::LinkNotFollowed),
            FileKind::Directory if !is_last => None,
            _ if !is_last || (how == Open::List && seen.kind != FileKind::Directory) => {
                Some(Reason::NotADirectory)
            }
            _ if refused == ErrorKind::PermissionDenied => Some(self.lacks_to_open(how)),
            FileKind::Directory if how == Open::Read => Some(Reason::IsADirectory),
            FileKind::Regular | FileKind::Directory => None,
            _ => Some(Reason::NotRegular),
        }
    }

    /// What the system's refusal to look at it means.
    fn refusal(&self, status: i32) -> Reason {
        match status {
            system::STATUS_ACCESS_DENIED => self.lacks(Right::Read),
            system::STATUS_OBJECT_NAME_NOT_FOUND
            | system::STATUS_OBJECT_PATH_NOT_FOUND
            | system::STATUS_NO_SUCH_FILE
            | system::STATUS_DELETE_PENDING => Reason::Missing,
            system::STATUS_REPARSE_POINT_ENCOUNTERED | system::STATUS_STOPPED_ON_SYMLINK => {
                Reason::LinkNotFollowed
            }
            system::STATUS_NAME_TOO_LONG | system::STATUS_OBJECT_NAME_INVALID => Reason::BadName,
            system::STATUS_NOT_A_DIRECTORY => Reason::NotADirectory,
            _ => Reason::Unexplained,
        }
    }

    /// Whether it is the client that lacks the right, or this process.
    fn lacks_to_open(&self, how: Open) -> Reason {
        let rights = wanted(how).rights();
        match self.judge {
            Some(judge) if self.judged(judge, Wanted::Rights, rights).is_ok() => {
                Reason::ServerHasNoRight
            }
            _ => self.lacks(Right::Read),
        }
    }

    /// With the list of what is there, if the client may see it.
    fn lacks(&self, right: Right) -> Reason {
        let rights = files::open_below(self.directory, self.name, Wanted::Rights).ok();
        let may_see = |found: &OwnedHandle| {
            self.judge.is_none_or(|judge| judge.shows_rights(found.as_handle()).unwrap_or(false))
        };
        let shown = rights.filter(may_see).and_then(|found| Rights::of(found.as_handle()).ok());
        let entries = shown.map_or_else(Vec::new, |rights| words::entries(rights.as_text()));
        Reason::AccessList { right, entries }
    }
}

/// Where the directory itself ends in `name`, and then each component.
fn ends(name: &[u16]) -> impl Iterator<Item = usize> {
    let separators = name.iter().enumerate().filter(|(_, unit)| **unit == BACKSLASH);
    let inner: Vec<usize> = separators.map(|(end, _)| end).collect();
    let last = (!name.is_empty()).then_some(name.len());
    std::iter::once(0).chain(inner).chain(last)
}

fn bad_name(path: &RelativePath, name: &[u8]) -> Finding {
    let before = path.components().position(|component| component == name);
    let component = before.map_or(0, |before| before + 1);
    Finding::new(component, first_components(path, component), Reason::BadName)
}

fn first_components(path: &RelativePath, count: usize) -> Vec<u8> {
    path.components().take(count).collect::<Vec<_>>().join(&b'/')
}

const BACKSLASH: u16 = b'\\' as u16;

//! The way to a file: by handles, each of which is asked whether the client may go on.

use std::os::windows::io::{AsHandle as _, BorrowedHandle, OwnedHandle};

use ipc_core::Result;
use windows_sys::Win32::Foundation::{
    STATUS_CANNOT_BREAK_OPLOCK, STATUS_OPLOCK_BREAK_IN_PROGRESS, STATUS_SHARING_VIOLATION,
};

use super::judge::Judge;
use super::refusals::Asked;
use crate::root::{WindowsRoot, names};
use crate::sys::files::{self, Status, Wanted};
use crate::sys::volume;

/// Opens what the path names, with this process's rights, if the client could, too.
pub(super) fn find(
    root: &WindowsRoot,
    judge: &Judge<'_>,
    asked: &Asked<'_>,
    wanted: Wanted,
) -> Result<OwnedHandle> {
    let walk = Walk { judge, asked };
    let (start, name) = root.place(asked.path)?;
    let start = walk.open(start, &[], Wanted::Way)?;
    walk.refuse_unknown_volume(start.as_handle())?;
    let found = if name.is_empty() {
        // What it lies in is not served, and so gives no right here.
        walk.open_checked(start.as_handle(), None, &name, wanted)?
    } else {
        let (way, last) = names::split(&name);
        let parent = walk.go(start, way)?;
        walk.open_checked(parent.as_handle(), Some(parent.as_handle()), last, wanted)?
    };
    if wanted == Wanted::Content
        && files::is_encrypted(found.as_handle()).map_err(asked.untold())?
    {
        return Err(asked.unknowable("it is encrypted for those who have a key to it"));
    }
    Ok(found)
}

struct Walk<'a> {
    judge: &'a Judge<'a>,
    asked: &'a Asked<'a>,
}

impl Walk<'_> {
    /// Goes from the directory `start` to the one that `way` names.
    fn go(&self, start: OwnedHandle, way: &[u16]) -> Result<OwnedHandle> {
        if way.is_empty() {
            self.pass(start.as_handle())?;
            return Ok(start);
        }
        if self.judge.walks_unasked {
            return self.open(start.as_handle(), way, Wanted::Way);
        }
        let mut here = start;
        for name in way.split(|unit| *unit == names::SEPARATOR) {
            self.pass(here.as_handle())?;
            here = self.open(here.as_handle(), name, Wanted::Way)?;
        }
        self.pass(here.as_handle())?;
        Ok(here)
    }

    fn pass(&self, directory: BorrowedHandle<'_>) -> Result<()> {
        if self.judge.lets_through(directory).map_err(self.asked.untold())? {
            Ok(())
        } else {
            Err(self.asked.denied())
        }
    }

    /// Opens what `name` names below `directory` and asks the very handle whether the client may have
    /// it.
    fn open_checked(
        &self,
        directory: BorrowedHandle<'_>,
        parent: Option<BorrowedHandle<'_>>,
        name: &[u16],
        wanted: Wanted,
    ) -> Result<OwnedHandle> {
        let lets = |file| {
            let lets = self.judge.lets_open(file, parent, wanted.rights());
            lets.map_err(self.asked.untold())
        };
        match files::open_to_judge(directory, name, wanted) {
            Ok(found) if lets(found.as_handle())? => Ok(found),
            Ok(_) => Err(self.asked.denied()),
            // Whom the rights refuse is not told that somebody has it open.
            Err(status) if is_decided_after_rights(status) => {
                let found = self.open(directory, name, Wanted::Rights)?;
                if lets(found.as_handle())? {
                    Err(self.asked.own_failure(directory, name, status))
                } else {
                    Err(self.asked.denied())
                }
            }
            Err(status) => Err(self.asked.own_failure(directory, name, status)),
        }
    }

    fn open(
        &self,
        directory: BorrowedHandle<'_>,
        name: &[u16],
        wanted: Wanted,
    ) -> Result<OwnedHandle> {
        let opened = files::open_below(directory, name, wanted);
        opened.map_err(|status| self.asked.own_failure(directory, name, status))
    }

    /// No mount point is crossed on the way, so that the volume of its beginning is that of its end.
    fn refuse_unknown_volume(&self, start: BorrowedHandle<'_>) -> Result<()> {
        match volume::local_file_system(start).map_err(self.asked.untold())? {
            Some(name) if JUDGED.contains(&name.as_str()) => Ok(()),
            Some(name) => {
                let name = name.escape_debug();
                Err(self.asked.unknowable(&format!(
                    "it lies on a file system that may decide by more than a file's rights, \
                     `{name}`"
                )))
            }
            None => Err(self.asked.unknowable("it lies on another machine, which decides")),
        }
    }
}

/// Whether the system has found that the rights allow it when it answers so.
fn is_decided_after_rights(Status(status): Status) -> bool {
    [STATUS_SHARING_VIOLATION, STATUS_OPLOCK_BREAK_IN_PROGRESS, STATUS_CANNOT_BREAK_OPLOCK]
        .contains(&status)
}

/// The file systems that decide by the rights of a file, and those that keep none, on which
/// everybody may do everything.
const JUDGED: [&str; 7] = ["NTFS", "ReFS", "FAT", "FAT32", "exFAT", "CDFS", "UDF"];

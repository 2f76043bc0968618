//! The file of a server's own account.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use ipc_unix::privileges::Account;
use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, accessat, fchown, open};
use rustix::io::Errno;
use rustix::process::{Gid, Uid, geteuid};

/// Opens `path` for appending, and for reading if that may be, or makes it, for this user alone: a
/// regular file that nobody else can change, not even by another name. A new one is given to the user
/// `owner`.
///
/// # Errors
/// What the system said, or why such a file will not do.
pub fn open_log(path: &Path, owner: Option<&str>) -> io::Result<File> {
    let owner = owner.map(Account::find).transpose()?;
    // Waits for nobody where it is a FIFO, and steers no terminal.
    let flags =
        OFlags::APPEND | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let open = |more: OFlags, mode| match open(path, flags | more | OFlags::RDWR, mode) {
        // A fence around this process may let files be written and not be read.
        Err(Errno::ACCESS) => open(path, flags | more | OFlags::WRONLY, mode),
        opened => opened,
    };
    match open(OFlags::CREATE | OFlags::EXCL, Mode::RUSR | Mode::WUSR) {
        Ok(made) => {
            if let Some(owner) = owner {
                let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
                fchown(&made, Some(uid), Some(gid))?;
            }
            Ok(File::from(made))
        }
        Err(Errno::EXIST) => {
            let file = open(OFlags::empty(), Mode::empty()).map_err(|error| match error {
                Errno::LOOP => unfit("it is a symbolic link"),
                Errno::ISDIR | Errno::NXIO => unfit("it is no regular file"),
                error => error.into(),
            })?;
            let file = File::from(file);
            check(&file, owner)?;
            Ok(file)
        }
        Err(error) => Err(error.into()),
    }
}

/// Refuses a file that others could change or have named.
fn check(file: &File, owner: Option<Account>) -> io::Result<()> {
    let found = file.metadata()?;
    let owners = [0, geteuid().as_raw()].into_iter().chain(owner.map(|owner| owner.uid));
    if !found.is_file() {
        return Err(unfit("it is no regular file"));
    }
    if !owners.into_iter().any(|owner| owner == found.uid()) {
        return Err(unfit("it belongs to another user"));
    }
    if found.mode() & 0o022 != 0 {
        return Err(unfit("others may write it; take that away (`chmod go-w`)"));
    }
    if found.nlink() != 1 {
        return Err(unfit("it has another name as well (a hard link)"));
    }
    Ok(())
}

fn unfit(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

/// Whether both are one file, by whatever names.
///
/// # Errors
/// What the system said.
pub fn is_same_file(one: &File, other: &File) -> io::Result<bool> {
    let place = |file: &File| file.metadata().map(|found| (found.dev(), found.ino()));
    Ok(place(one)? == place(other)?)
}

/// Whether this process can make files in `directory`.
#[must_use]
pub fn can_make_files_in(directory: &Path) -> bool {
    let rights = Access::WRITE_OK | Access::EXEC_OK;
    accessat(CWD, directory, rights, AtFlags::EACCESS).is_ok()
}
